"""What a project without a lock asks for, as far as its ``pyproject.toml`` says it: uv then chooses versions."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from careen.dockerfile.actions import Install
from careen.python.names import normal_name
from careen.python.poetry_constraints import alternatives
from careen.python.poetry_project import PoetryNeed, read_poetry_project
from careen.python.pyproject import Pyproject
from careen.python.requirements import parse_requirement
from careen.text.source import Source

_EXTRAS = re.compile(r"\.?/?\[([^\]]+)\]")


def asked_by(pyproject: Pyproject, installs: Iterable[Install]) -> tuple[tuple[PurePosixPath, int, str], ...]:
    """Requirements with their place: those of the project, and of the extras and groups that instructions name.

    Nothing where more decides than this text: dependencies that a build computes, sources of uv's or poetry's, a
    requirement that cannot be read.
    """
    source = pyproject.source
    document = tomllib.loads(source.text.removeprefix("\ufeff").replace("\r\n", "\n"))
    project = _table(document.get("project"))
    if pyproject.uses_poetry and "dependencies" not in project:
        return tuple(_asked_of_poetry(source, document, installs))
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


def _asked_of_poetry(
    source: Source, document: Mapping[str, object], installs: Iterable[Install]
) -> Iterator[tuple[PurePosixPath, int, str]]:
    """What poetry would lock for the main group and those that instructions name, in the words of PEP 508."""
    project = read_poetry_project(document)
    groups = [normal_name(name) for text in _named(installs, "--with") for name in text.split(",")]
    extras = [normal_name(name) for text in _named(installs, "--extras", "-E") for name in re.split(r"[,\s]+", text)]
    needs = [
        *project.plain,
        *(need for group in groups for need in project.groups.get(group, ())),
        *(need for extra in extras for need in project.extras.get(extra, ())),
    ]
    texts = [_standard_words(need) for need in needs]
    poetry = _table(_table(document.get("tool")).get("poetry"))
    own = [table for name, table in _table(poetry.get("group")).items() if normal_name(name) in groups]
    values = [value for table in (poetry, *own) for value in _table(_table(table).get("dependencies")).values()]
    if any(text is None or parse_requirement(text) is None for text in texts) or _leads_elsewhere(values):
        return
    for need, text in zip(needs, texts, strict=True):
        if text is not None:
            match = re.search(_key_of(need.name), source.text, re.IGNORECASE | re.MULTILINE)
            yield source.path, source.line_of(match.start() if match else 0), text


def _standard_words(need: PoetryNeed) -> str | None:
    """None for alternatives, which PEP 508 has no word for, and for an index that is named."""
    found = alternatives(need.constraint)
    if len(found) != 1 or need.source is not None:
        return None
    extras = f"[{','.join(need.extras)}]" if need.extras else ""
    marker = f"; {need.marker}" if need.marker else ""
    return f"{need.name}{extras}{','.join(found[0])}{marker}"


def _leads_elsewhere(values: Iterable[object]) -> bool:
    """Whether a dependency is a folder, an archive or a repository."""
    items = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return any(not {"path", "url", "git", "file"}.isdisjoint(_table(item)) for item in items)


def _key_of(name: str) -> str:
    """A pattern for the line of a table that is about a distribution, however its name is written."""
    return rf"""^\s*["']?{"[-_.]+".join(map(re.escape, name.split("-")))}["']?\s*="""


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
