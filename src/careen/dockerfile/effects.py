"""What commands do to an image, as values."""

from careen.dockerfile.command import Command
from careen.text.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Install:
    """``manager`` is apt, apk, dnf, zypper, pip, uv, pipx, poetry, pdm, pipenv, conda or npm.

    ``whole_project`` says that a project's lock or file decides what comes, ``groups`` and ``extras`` which of them
    were asked for, ``development`` whether development dependencies come along. ``virtual`` is the name that apk
    gives to all of them together, by which they are removed again. ``options`` have ``wheel`` where distributions are
    only fetched into a folder, and ``tool`` where a tool gets an environment of its own.
    """

    manager: str
    packages: tuple[str, ...]
    options: frozenset[str]
    requirement_files: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    whole_project: bool = False
    development: bool = False
    installs_project: bool = False
    virtual: str | None = None
    command: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeOwner:
    """``chown``, ``chgrp`` or ``chmod``; ``recursive`` with -R, or for everything that ``find`` finds."""

    program: str
    recursive: bool
    paths: tuple[str, ...]
    command: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyFiles:
    """``cp``, ``mv``, ``install``, ``rsync`` or ``ln``, inside the image."""

    program: str
    sources: tuple[str, ...]
    destination: str
    command: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    urls: tuple[str, ...]
    command: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanUp:
    """Removal of files, of installed packages, or of a manager's downloads."""

    paths: tuple[str, ...]
    packages: tuple[str, ...]
    command: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateUser:
    name: str
    command: Command


Action = Install | ChangeOwner | CopyFiles | Download | CleanUp | CreateUser
