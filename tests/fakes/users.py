"""A user who may read only what permissions say, for tests that root runs too."""

import ctypes
import os
import subprocess
from collections.abc import Callable, Sequence

_PR_CAPBSET_DROP = 24
_OVERRIDING = (1, 2)
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH of capabilities(7)."""


def _drop() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in _OVERRIDING:
        if libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "this root may not give up a capability")


def run_as_ordinary(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """The command, by a process that owns what this one owns and that permissions bind, even if this one is root."""
    before: Callable[[], None] | None = _drop if os.geteuid() == 0 else None
    return subprocess.run(command, preexec_fn=before, capture_output=True, text=True, check=False, timeout=120)
