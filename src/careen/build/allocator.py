"""Keeps the C library's allocator from hoarding (mallopt(3)).

glibc gives every thread an arena of its own, and what a thread freed stays in it: a build with a dozen threads would
hold twice the memory that it uses.
"""

_M_ARENA_MAX = -8
_ARENAS = 2


def share_arenas() -> None:
    """For the whole process; does nothing where the C library is another one."""
    import ctypes  # noqa: PLC0415 - only for builds

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(_M_ARENA_MAX, _ARENAS)
