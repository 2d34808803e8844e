"""Whether a lock was made for what its project asks for today.

poetry and Pipenv leave hashes in their locks (``Locker._get_content_hash``, ``plette.Pipfile.get_hash``), uv what the
project asked for (``[package.metadata] requires-dist``).
"""

import json
from collections.abc import Iterable, Mapping

from careen.blobs.digest import Digest
from careen.python.names import normal_name
from careen.python.requirements import Requirement, parse_requirement

_OLD_KEYS = ("dependencies", "source", "extras", "dev-dependencies")
_KEYS = (*_OLD_KEYS, "group")
_PROJECT_KEYS = ("requires-python", "dependencies", "optional-dependencies")
_NOT_CATEGORIES = frozenset(
    {"source", "packages", "dev-packages", "requires", "scripts", "pipfile", "pipenv", "default", "develop"}
)

Table = Mapping[str, object]


def content_hashes(document: Table) -> frozenset[str]:
    """Those that some release of poetry gives ``pyproject.toml``: before 2.3 groups of PEP 735 did not count."""
    project, tool = _table(document.get("project")), _table(document.get("tool"))
    poetry, groups = _table(tool.get("poetry")), _table(document.get("dependency-groups"))
    return frozenset({_content_hash(project, poetry, groups), _content_hash(project, poetry, {})})


def _content_hash(project: Table, poetry: Table, groups: Table) -> str:
    of_project = {key: project[key] for key in _PROJECT_KEYS if project.get(key) is not None}
    of_poetry = {
        key: poetry.get(key)
        for key in _KEYS
        if poetry.get(key) is not None or (key in _OLD_KEYS and not of_project and not groups)
    }
    relevant: dict[str, object] = {}
    if of_project:
        relevant["project"] = of_project
    if groups:
        relevant["dependency-groups"] = groups
    if relevant:
        relevant["tool"] = {"poetry": of_poetry}
    return Digest.of(json.dumps(relevant or of_poetry, sort_keys=True, default=str).encode()).hex


def pipfile_hashes(document: Table) -> frozenset[str]:
    """Of a Pipfile."""
    data: dict[str, object] = {
        "_meta": {"sources": document.get("source", []), "requires": document.get("requires", {})},
        "default": document.get("packages", {}),
        "develop": document.get("dev-packages", {}),
    }
    data.update((name, value) for name, value in document.items() if name not in _NOT_CATEGORIES)
    return frozenset({Digest.of(json.dumps(data, sort_keys=True, separators=(",", ":"), default=str).encode()).hex})


def changed_since_locked(lock: Table, document: Table) -> tuple[str, ...]:
    """The requirements of ``pyproject.toml`` that a uv.lock was not made for, as they are written; a name for one that
    only the lock has. Groups are not looked at, nor are dependencies that a build backend computes.
    """
    project = _table(document.get("project"))
    dynamic = project.get("dynamic")
    name = project.get("name")
    if not isinstance(name, str) or (
        isinstance(dynamic, list) and {"dependencies", "optional-dependencies"} & {*dynamic}
    ):
        return ()
    own = next((p for p in _tables(lock.get("package")) if p.get("name") == normal_name(name)), {})
    metadata = own.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("requires-dist", []), list):
        return ()
    locked: dict[str, list[Table]] = {}
    for entry in _tables(metadata.get("requires-dist", [])):
        locked.setdefault(str(entry.get("name")), []).append(entry)
    texts = [*_texts(project.get("dependencies"))]
    for extra in _table(project.get("optional-dependencies")).values():
        texts += _texts(extra)
    asked = [(text, found) for text in texts if (found := parse_requirement(text)) is not None]
    asked = [(text, found) for text, found in asked if found.name != own.get("name")]  # extras that name extras
    changed = [text for text, found in asked if not _is_locked(found, locked.get(found.name, []))]
    return tuple(dict.fromkeys((*changed, *(locked.keys() - {found.name for _, found in asked}))))


def _is_locked(requirement: Requirement, entries: Iterable[Table]) -> bool:
    return any(
        not entry.keys() <= {"name", "specifier", "marker", "extras", "index"}  # it comes from elsewhere than an index
        or _same(requirement.specifier, str(entry.get("specifier", "")))
        for entry in entries
    )


def _same(first: str, second: str) -> bool:
    one, other = ({part.strip() for part in text.strip("() ").split(",")} - {""} for text in (first, second))
    if one == other:
        return True
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - for texts that differ alone

    try:
        return SpecifierSet(",".join(one)) == SpecifierSet(",".join(other))
    except InvalidSpecifier:
        return False


def _tables(value: object) -> list[Table]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _table(value: object) -> Table:
    return value if isinstance(value, dict) else {}
