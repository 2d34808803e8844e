"""What a project asks for in pdm's words: PEP 621, PEP 735, and ``[tool.pdm.dev-dependencies]`` from before that."""

from collections.abc import Mapping
from dataclasses import field

from careen.python.locked import LockedDependency
from careen.python.names import PackageName, normal_name
from careen.python.requirements import parse_requirement
from careen.text.values import dataclass

_DEEPEST = 20
"""Groups that include groups."""

Edges = tuple[LockedDependency, ...]
Table = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class PdmProject:
    """``groups`` without the extras, by normal names. A project that is a folder itself is left out of them."""

    name: PackageName | None = None
    plain: Edges = ()
    extras: Mapping[str, Edges] = field(default_factory=dict)
    groups: Mapping[str, Edges] = field(default_factory=dict)


def read_pdm_project(document: Table, name: PackageName | None) -> PdmProject:
    """Of a pyproject.toml; what is not of the expected type counts as absent."""
    project = _table(document.get("project"))
    standard = _table(document.get("dependency-groups"))
    own = _table(_table(_table(document.get("tool")).get("pdm")).get("dev-dependencies"))
    groups = {normal_name(group): _edges(texts) for group, texts in own.items()}
    groups |= {normal_name(group): _edges(_texts(group, standard, 0)) for group in standard}
    return PdmProject(
        name=name,
        plain=_edges(project.get("dependencies")),
        extras={
            normal_name(extra): _edges(texts) for extra, texts in _table(project.get("optional-dependencies")).items()
        },
        groups=groups,
    )


def _texts(group: str, groups: Table, depth: int) -> list[object]:
    found: list[object] = []
    items = groups.get(group)
    for item in items if isinstance(items, list) and depth < _DEEPEST else ():
        included = item.get("include-group") if isinstance(item, dict) else None
        found += _texts(included, groups, depth + 1) if isinstance(included, str) else [item]
    return found


def _edges(texts: object) -> Edges:
    """Of requirements; a folder (``-e file:///...``) is no requirement."""
    listed = [text for text in texts if isinstance(text, str)] if isinstance(texts, list) else []
    return tuple(
        LockedDependency(name=requirement.name, extras=requirement.extras, marker=requirement.marker)
        for text in listed
        if (requirement := parse_requirement(text)) is not None
    )


def _table(value: object) -> Table:
    return value if isinstance(value, dict) else {}
