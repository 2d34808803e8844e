"""What a project without a lock asks for, as far as its ``pyproject.toml`` says it: uv then chooses versions."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from careen.dockerfile.actions import Install
from careen.python.names import normal_name
from careen.python.pyproject import Pyproject
from careen.python.requirements import parse_requirement

_EXTRAS = re.compile(r"\.?/?\[([^\]]+)\]")


def asked_by(pyproject: Pyproject, installs: Iterable[Install]) -> tuple[tuple[PurePosixPath, int, str], ...]:
    """Requirements with their place: those of the project, and of the extras and groups that instructions name.

    Nothing where more decides than this text: dependencies that a build computes, sources of uv's, a requirement that
    cannot be read.
    """
    source = pyproject.source
    document = tomllib.loads(source.text.removeprefix("\ufeff").replace("\r\n", "\n"))
    project = _table(document.get("project"))
    dynamic = project.get("dynamic")
    texts = [*pyproject.dependencies]
    for name in _named(installs, "--extra"):
        texts += _texts(project.get("optional-dependencies"), name)
    for name in _named(installs, "--group", "--only-group"):
        texts += _texts(document.get("dependency-groups"), name)
    needs = [parse_requirement(text) for text in texts]
    sources = _table(_table(_table(document.get("tool")).get("uv")).get("sources"))
    redirected = {normal_name(name) for name in sources}
    if isinstance(dynamic, list) and not {"dependencies", "optional-dependencies"}.isdisjoint(map(str, dynamic)):
        return ()
    if any(need is None or need.name in redirected for need in needs):
        return ()
    return tuple((source.path, _line(pyproject, text), text) for text in dict.fromkeys(texts))


def _named(installs: Iterable[Install], *options: str) -> list[str]:
    """Values of options, and the extras of ``pip install .[postgres]``."""
    found: list[str] = []
    for install in installs:
        words = install.command.argv
        found += [words[index + 1] for index, word in enumerate(words[:-1]) if word in options]
        found += [word.partition("=")[2] for word in words if word.partition("=")[0] in options and "=" in word]
        if "--extra" in options:
            matches = [_EXTRAS.fullmatch(word) for word in words]
            found += [name.strip() for match in matches if match for name in match[1].split(",")]
    return list(dict.fromkeys(found))


def _texts(tables: object, name: str) -> list[str]:
    wanted = normal_name(name)
    for key, value in _table(tables).items():
        if normal_name(key) == wanted and isinstance(value, list):
            return [text for text in value if isinstance(text, str)]
    return []


def _line(pyproject: Pyproject, text: str) -> int:
    position = max(pyproject.source.text.find(text), 0)
    return pyproject.source.line_of(position)


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
