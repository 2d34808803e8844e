"""What a command does to the image: installs, copies, changes of ownership, downloads, clean-ups."""

from dataclasses import replace

from careen.dockerfile.command import Command
from careen.dockerfile.command_line import split_line, without_wrappers
from careen.dockerfile.effects import Action, ChangeOwner, CleanUp, CopyFiles, CreateUser, Download, Install
from careen.dockerfile.python_packages import python_action
from careen.dockerfile.system_packages import system_action

__all__ = [
    "Action", "ChangeOwner", "CleanUp", "CopyFiles", "CreateUser", "Download", "Install", "action_of",
]  # fmt: skip

_CHOWN = frozenset({"chown", "chmod", "chgrp"})
_COPIERS = frozenset({"cp", "mv", "install", "rsync", "ln"})
_DOWNLOADERS = frozenset({"curl", "wget", "aria2c", "axel", "fetch"})
_USER_VALUES = frozenset(
    {"-u", "--uid", "-g", "--gid", "--ingroup", "-d", "--home", "--home-dir", "-s", "--shell", "-c", "--comment",
     "--gecos", "-G", "--groups", "-h", "-k", "--skel", "-b", "--base-dir", "-p", "--password", "-K", "-e", "-f"}
)  # fmt: skip
_COPY_VALUES = frozenset(
    {"-m", "--mode", "-o", "--owner", "-g", "--group", "-t", "--target-directory", "-S", "--exclude", "--include", "-e"}
)


def action_of(command: Command) -> Action | None:
    """None for a command that changes nothing careen knows of. What ``env``, ``timeout`` and their like run counts."""
    argv, assignments = without_wrappers(command.argv)
    if not argv:
        return None
    if assignments:
        command = replace(command, assignments=(*command.assignments, *assignments))
    return system_action(argv, command) or python_action(argv, command) or _plain(argv, command)


def _plain(argv: tuple[str, ...], command: Command) -> Action | None:
    name = argv[0].rpartition("/")[2]
    words = argv[1:]
    if name in _CHOWN:
        return _change_owner(name, words, command)
    if name == "find":
        return _find(words, command)
    if name in _COPIERS:
        return _copy(name, words, command)
    if name in _DOWNLOADERS:
        urls = tuple(
            word
            for word in (part.rpartition("=")[2] if part.startswith("-") else part for part in words)
            if "://" in word
        )
        return Download(urls=urls, command=command) if urls else None
    if name == "git":
        urls = tuple(word for word in words if "://" in word or word.startswith("git@"))
        return (
            Download(urls=urls, command=command)
            if urls and {"clone", "fetch", "pull", "submodule"} & set(words)
            else None
        )
    if name in {"rm", "unlink", "rmdir"}:
        return CleanUp(paths=split_line(words, frozenset()).operands, packages=(), command=command)
    if name in {"useradd", "adduser"}:
        operands = split_line(words, _USER_VALUES).operands
        return CreateUser(name=operands[0] if operands else "", command=command) if operands else None
    return None


def _change_owner(name: str, words: tuple[str, ...], command: Command) -> ChangeOwner:
    # A mode may look like an option: `chmod -x file`, `chmod -R a-w,u+x /app`.
    mode = name == "chmod" and next((word for word in words if word.startswith("-") and not _is_flag(word)), None)
    line = split_line([word for word in words if word != mode], frozenset({"--reference", "--from"}))
    in_front = 0 if mode or line.has("--reference") else 1
    recursive = line.has("--recursive") or line.has_letter("R")
    return ChangeOwner(program=name, recursive=recursive, paths=line.operands[in_front:], command=command)


def _is_flag(word: str) -> bool:
    return word.startswith("--") or not set(word[1:]) - set("RvcfhLHP")


def _find(words: tuple[str, ...], command: Command) -> Action | None:
    """``find /app -exec chown app {} +`` and ``find / -name x -delete``."""
    start = next((index for index, word in enumerate(words) if word.startswith(("-", "(", "!"))), len(words))
    paths = words[:start] or (".",)
    if "-delete" in words:
        return CleanUp(paths=paths, packages=(), command=command)
    for index, word in enumerate(words):
        if word in {"-exec", "-execdir", "-ok"} and index + 1 < len(words):
            program = words[index + 1].rpartition("/")[2]
            if program in _CHOWN:
                return ChangeOwner(program=program, recursive=True, paths=paths, command=command)
            if program == "rm":
                return CleanUp(paths=paths, packages=(), command=command)
    return None


def _copy(name: str, words: tuple[str, ...], command: Command) -> CopyFiles | None:
    line = split_line(words, _COPY_VALUES if name != "rsync" else frozenset({"--exclude", "--include", "-e"}))
    if name == "install" and line.has_letter("d"):
        return None  # makes folders
    into = line.values("-t", "--target-directory") if name != "rsync" else ()
    operands = line.operands
    sources, destination = (operands, into[-1]) if into else (operands[:-1], operands[-1] if operands else "")
    if not sources or not destination:
        return None
    return CopyFiles(program=name, sources=sources, destination=destination, command=command)
