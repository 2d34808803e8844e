"""How an image starts its service: at once, or after the steps that today's start script takes before it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from careen.plan.entry_points import FirstStep, UnknownEntryPointError, interpret
from careen.plan.operation import SUPPORT_FOLDER
from careen.plan.roles import Role
from careen.workspace.earlier_steps import EarlierStep

START_FILE = SUPPORT_FOLDER / "start.py"
"""Careen's start program in an image: it takes the steps and then is the service, with no shell about."""

_MAKE_FILES = frozenset({"collectstatic", "compilemessages", "compress", "makemigrations", "assets"})
"""Words of commands that make files beside the code, for which a root that is read-only has no room."""

_WAITERS = frozenset({"wait-for-it", "wait-for", "wait_for_it", "wait_for"})
_PORTS = {"pg_isready": "5432", "mysqladmin": "3306", "mariadb-admin": "3306", "redis-cli": "6379"}
_PLAIN = r"[A-Za-z0-9_.-]+"
_VARIABLE = r"\$(?:\{\w+(?::-[^}]*)?\}|\w+)"
_HOST = re.compile(rf"(?:{_PLAIN}|{_VARIABLE})")
_PORT = re.compile(rf"(?:\d+|{_VARIABLE})")


def start_words(executable: PurePosixPath, steps: Iterable[FirstStep], arguments: Sequence[str]) -> tuple[str, ...]:
    """An exec form; ``arguments`` are the service's, behind the interpreter."""
    words: list[str] = []
    for step in steps:
        words += [f"{name}={value}" for name, value in step.assignments]
        words += ["wait-for", *step.awaited] if step.awaited else [str(executable), *step.arguments]
        words.append("--then" if step.required else "--anyway")
    return (str(executable), *([str(START_FILE), *words, str(executable)] if words else []), *arguments)


def first_step(step: EarlierStep, scripts: Mapping[str, str], *, has_room: bool) -> FirstStep | None:
    """The step as an image can take it by itself; None for what only a shell can do, or only sometimes is done.

    ``scripts`` are console scripts, see :func:`interpret`. ``has_room`` when the service has a folder for files that
    it makes.
    """
    awaited = awaited_addresses(step.argv) if step.certain or step.awaited else ()
    if awaited:
        return FirstStep(written=step.argv, required=True, awaited=awaited)
    if not step.certain or (not has_room and not _MAKE_FILES.isdisjoint(step.argv)):
        return None
    try:
        entry = interpret(step.argv, scripts)
    except UnknownEntryPointError:
        return None
    if entry.role is not Role.OTHER:  # another server is but the other branch of a condition
        return None
    return FirstStep(written=step.argv, required=step.required, arguments=entry.arguments, assignments=step.assignments)


def awaited_addresses(argv: Sequence[str]) -> tuple[str, ...]:
    """What a program that asks whether a server is there asks for, as HOST:PORT; () for every other program."""
    name = PurePosixPath(argv[0]).name.removesuffix(".sh") if argv else ""
    if name in _WAITERS:
        pairs = [tuple(word.rpartition(":")[::2]) for word in argv[1:] if ":" in word and not word.startswith("-")]
    elif name in {"nc", "ncat", "netcat"} and any(word[:1] == "-" and "z" in word for word in argv[1:]):
        operands = [word for word in argv[1:] if not word.startswith("-")]
        pairs = [(operands[-2], operands[-1])] if len(operands) > 1 else []
    elif name in _PORTS:
        host, port = _value(argv, "-h", "--host"), _value(argv, "-p", "--port") or _PORTS[name]
        pairs = [(host, port)] if host is not None else []
    else:
        return ()
    if not all(_HOST.fullmatch(host) and _PORT.fullmatch(port) for host, port in pairs):
        return ()
    return tuple(f"{host}:{port}" for host, port in pairs)


def _value(argv: Sequence[str], short: str, long: str) -> str | None:
    for index, word in enumerate(argv):
        name, equals, value = word.partition("=")
        if name == long and equals:
            return value
        if word in {short, long} and index + 1 < len(argv):
            return argv[index + 1]
        if word.startswith(short) and len(word) > len(short):
            return word[len(short) :]
    return None
