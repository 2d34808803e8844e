"""Keeps the C library's allocator from hoarding (mallopt(3)).

glibc gives every thread an arena of its own, and what a thread freed stays in it: a build with a dozen threads would
hold twice the memory that it uses.
"""

import contextlib

_M_ARENA_MAX = -8
_ARENAS = 2


def share_arenas() -> None:
    """For the whole process; does nothing where the C library is another one."""
    _call("mallopt", _M_ARENA_MAX, _ARENAS)


def give_back() -> None:
    """Returns what was freed to the system (malloc_trim(3)), after something large."""
    _call("malloc_trim", 0)


def _call(function: str, *arguments: int) -> None:
    import ctypes  # noqa: PLC0415 - only for builds

    with contextlib.suppress(AttributeError, OSError):
        getattr(ctypes.CDLL(None), function)(*arguments)
