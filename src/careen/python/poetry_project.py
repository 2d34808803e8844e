"""What a project of poetry's asks for, by ``pyproject.toml``: poetry's own tables, PEP 621's, and PEP 735's groups."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace

from careen.python.names import InvalidNameError, PackageName, normal_name, package_name
from careen.python.poetry_constraints import both, python_marker
from careen.python.requirements import parse_requirement
from careen.text.values import dataclass

Table = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetryNeed:
    """``constraint`` is in poetry's words; ``optional`` ones come only with an extra that lists them.

    ``source`` is the name of the index that it must come from, None for any.
    """

    name: PackageName
    constraint: str
    extras: tuple[str, ...] = ()
    marker: str | None = None
    optional: bool = False
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetryProject:
    """``extras`` are complete needs; ``default_groups`` are not optional; ``sources`` are the indexes by name."""

    name: PackageName | None
    plain: tuple[PoetryNeed, ...]
    groups: Mapping[str, tuple[PoetryNeed, ...]]
    extras: Mapping[str, tuple[PoetryNeed, ...]]
    default_groups: tuple[str, ...]
    indexes: tuple[str, ...] = ()
    extra_indexes: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)


def read_poetry_project(document: Table) -> PoetryProject:
    """Reads ``pyproject.toml``; entries of an unexpected shape count as absent."""
    project, poetry = _table(document.get("project")), _table(_table(document.get("tool")).get("poetry"))
    own = _needs(_table(poetry.get("dependencies")))
    standard = [need for text in _strings(project.get("dependencies")) if (need := _standard(text)) is not None]
    plain = _enriched(standard, own) if standard or "dependencies" in project else own
    groups, optional = _groups(document, poetry)
    name = project.get("name") or poetry.get("name")
    sources = [_table(item) for item in _items(poetry.get("source"))]
    return PoetryProject(
        name=_name(name) if isinstance(name, str) else None,
        plain=tuple(need for need in plain if not need.optional),
        groups=groups,
        extras=_extras(project, poetry, own),
        default_groups=tuple(group for group in groups if group not in optional),
        indexes=tuple(url for url, priority in _addresses(sources) if priority in {"primary", "default"}),
        extra_indexes=tuple(url for url, priority in _addresses(sources) if priority in {"supplemental", "secondary"}),
        sources={
            str(item["name"]): str(item["url"]).rstrip("/") for item in sources if "name" in item and "url" in item
        },
    )


def _addresses(sources: Iterable[Table]) -> Iterator[tuple[str, str]]:
    for item in sources:
        url, priority = item.get("url"), item.get("priority", "primary")
        if item.get("default") is True:
            priority = "default"
        elif item.get("secondary") is True:
            priority = "secondary"
        if isinstance(url, str):
            yield url.rstrip("/"), str(priority).lower()


def _enriched(standard: list[PoetryNeed], own: tuple[PoetryNeed, ...]) -> tuple[PoetryNeed, ...]:
    """PEP 621 says what is needed, poetry's table may say more of it: constraints that differ by marker, say."""
    found: list[PoetryNeed] = []
    for need in standard:
        more = [item for item in own if item.name == need.name]
        if not more:
            found.append(need)
        for item in more:
            extras = tuple(dict.fromkeys((*need.extras, *item.extras)))
            marker = both(need.marker, item.marker)
            constraint = item.constraint if item.constraint != "*" else need.constraint
            found.append(
                PoetryNeed(name=need.name, constraint=constraint, extras=extras, marker=marker, source=item.source)
            )
    return tuple(found)


def _groups(document: Table, poetry: Table) -> tuple[Mapping[str, tuple[PoetryNeed, ...]], frozenset[str]]:
    groups: dict[str, list[PoetryNeed]] = {}
    includes: dict[str, list[str]] = {}
    for name, items in _table(document.get("dependency-groups")).items():
        group = normal_name(name)
        groups.setdefault(group, [])
        for item in _items(items):
            if isinstance(item, str):
                need = _standard(item)
                groups[group] += [need] if need is not None else []
            else:
                includes.setdefault(group, []).append(str(_table(item).get("include-group", "")))
    own = _table(poetry.get("group"))
    optional = frozenset(normal_name(name) for name, table in own.items() if _table(table).get("optional") is True)
    for name, table in own.items():
        group = normal_name(name)
        needs = _needs(_table(_table(table).get("dependencies")))
        before = groups.setdefault(group, [])
        groups[group] = [
            *_enriched(before, needs),
            *(need for need in needs if need.name not in {b.name for b in before}),
        ]
        includes.setdefault(group, []).extend(_strings(_table(table).get("include-groups")))
    if poetry.get("dev-dependencies"):
        groups.setdefault("dev", []).extend(_needs(_table(poetry.get("dev-dependencies"))))
    return {name: tuple(_included(name, groups, includes, frozenset())) for name in groups}, optional


def _included(
    name: str, groups: Mapping[str, list[PoetryNeed]], includes: Mapping[str, list[str]], above: frozenset[str]
) -> Iterator[PoetryNeed]:
    if name in above:
        return
    yield from groups.get(name, ())
    for other in includes.get(name, ()):
        yield from _included(normal_name(other), groups, includes, above | {name})


def _extras(project: Table, poetry: Table, own: tuple[PoetryNeed, ...]) -> Mapping[str, tuple[PoetryNeed, ...]]:
    found: dict[str, tuple[PoetryNeed, ...]] = {}
    for name, names in _table(poetry.get("extras")).items():
        wanted = {normal_name(re.split(r"[\[\s(<>=!~;]", text, maxsplit=1)[0]) for text in _strings(names)}
        found[normal_name(name)] = tuple(_asked(need) for need in own if need.name in wanted)
    for name, texts in _table(project.get("optional-dependencies")).items():
        needs = [need for text in _strings(texts) if (need := _standard(text)) is not None]
        found[normal_name(name)] = _enriched(needs, own)
    return found


def _asked(need: PoetryNeed) -> PoetryNeed:
    return replace(need, optional=False)


def _needs(table: Table) -> tuple[PoetryNeed, ...]:
    found: list[PoetryNeed] = []
    for written, value in table.items():
        name = _name(written)
        if name is None or written.lower() == "python":
            continue
        found += [need_of(name, item) for item in (value if isinstance(value, list) else [value])]
    return tuple(found)


def need_of(name: PackageName, item: object) -> PoetryNeed:
    """One constraint of poetry's, a text or a table; the locks have them in the same form."""
    if not isinstance(item, dict):
        return PoetryNeed(name=name, constraint=str(item))
    marker = item.get("markers")
    python, platform = item.get("python"), item.get("platform")
    found = marker if isinstance(marker, str) and marker.strip() else None
    if isinstance(python, str):
        found = both(found, python_marker(python))
    if isinstance(platform, str):
        found = both(found, f"sys_platform == '{platform}'")
    version, source = item.get("version"), item.get("source")
    return PoetryNeed(
        name=name,
        constraint=version if isinstance(version, str) else "*",
        extras=_strings(item.get("extras")),
        marker=found,
        optional=item.get("optional") is True,
        source=source if isinstance(source, str) else None,
    )


def exclusive_extras(project: PoetryProject) -> tuple[tuple[str, str], ...]:
    """Pairs of extras of which a need says that it comes with one and without the other.

    poetry has no other word for extras that exclude each other ("Exclusive extras" in its documentation).
    """
    found: dict[tuple[str, str], None] = {}
    for need in (need for needs in project.extras.values() for need in needs):
        with_, without = (
            [
                normal_name(extra)
                for extra in re.findall(rf"\bextra\s*{operator}\s*['\"]([^'\"]+)['\"]", need.marker or "")
            ]
            for operator in ("==", "!=")
        )
        for one in with_:
            for other in without:
                if one != other and one in project.extras and other in project.extras:
                    found[min(one, other), max(one, other)] = None
    return tuple(found)


def _standard(text: str) -> PoetryNeed | None:
    requirement = parse_requirement(text)
    if requirement is None:
        return None
    return PoetryNeed(
        name=requirement.name,
        constraint=requirement.specifier or "*",
        extras=requirement.extras,
        marker=requirement.marker,
    )


def _name(text: str) -> PackageName | None:
    try:
        return package_name(text)
    except InvalidNameError:
        return None


def _table(value: object) -> Table:
    return value if isinstance(value, dict) else {}


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _strings(value: object) -> tuple[str, ...]:
    return tuple(item for item in _items(value) if isinstance(item, str))
