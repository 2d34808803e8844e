"""Keeps the C library's allocator from hoarding, and from giving back what is wanted again at once (mallopt(3)).

glibc gives every thread an arena of its own, and what a thread freed stays in it: a build with a dozen threads would
hold twice the memory that it uses. Pieces of some megabytes, on the other hand, would be mapped and unmapped each
time, and the pages zeroed: a seventh of the time that joining a layer takes.
"""

import contextlib

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_ARENAS = 2
_FREE_BYTES = 64 << 20
_PIECES_BELOW = 32 << 20


def share_arenas() -> None:
    """For the whole process; does nothing where the C library is another one."""
    _call("mallopt", _M_ARENA_MAX, _ARENAS)
    _call("mallopt", _M_TRIM_THRESHOLD, _FREE_BYTES)
    _call("mallopt", _M_MMAP_THRESHOLD, _PIECES_BELOW)


def give_back() -> None:
    """Returns what was freed to the system (malloc_trim(3)), after something large."""
    _call("malloc_trim", 0)


def _call(function: str, *arguments: int) -> None:
    import ctypes  # noqa: PLC0415 - only for builds

    with contextlib.suppress(AttributeError, OSError):
        getattr(ctypes.CDLL(None), function)(*arguments)
