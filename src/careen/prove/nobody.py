"""Servers of this machine run as nobody: some refuse root, and none needs more."""

import os
from pathlib import Path

_NOBODY = 65534


def as_nobody() -> tuple[str, ...]:
    """Words that, put before a command, run it without root's identity and privileges; none for those who have none."""
    if os.geteuid() != 0:
        return ()
    number = str(_NOBODY)
    become = ("setpriv", f"--reuid={number}", f"--regid={number}", "--clear-groups", "--no-new-privs")
    return (*become, "--inh-caps=-all", "--bounding-set=-all", "--")


def give_to_nobody(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, _NOBODY, _NOBODY)
