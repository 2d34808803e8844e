"""Whether a lock was made for what its project asks for today: the hashes that poetry and Pipenv leave in their locks.

poetry: ``Locker._get_content_hash``; Pipenv: ``plette.Pipfile.get_hash``.
"""

import json
from collections.abc import Mapping

from careen.blobs.digest import Digest

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


def _table(value: object) -> Table:
    return value if isinstance(value, dict) else {}
