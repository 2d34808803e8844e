"""``pyproject.toml``: what a project says of itself (PEP 621), its groups (PEP 735) and uv's settings."""

import re
import tomllib
from collections.abc import Mapping

from careen.python.names import PackageName, package_name
from careen.text.problems import SyntaxProblem
from careen.text.source import Source
from careen.text.values import dataclass

Table = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pyproject:
    """``default_groups`` are those uv installs unasked (``dev`` unless the project says otherwise).

    ``poetry_groups`` are those poetry installs unasked: its own that are not optional, and PEP 735's.
    """

    source: Source
    name: PackageName | None
    requires_python: str | None
    dependencies: tuple[str, ...]
    scripts: Mapping[str, str]
    groups: tuple[str, ...]
    default_groups: tuple[str, ...]
    uses_uv: bool
    uses_poetry: bool
    poetry_groups: tuple[str, ...] = ()


def read_pyproject(source: Source) -> Pyproject:
    """Raises SyntaxProblem for text that is not TOML; keys of an unexpected type count as absent."""
    try:
        document = tomllib.loads(source.text.removeprefix("\ufeff").replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise SyntaxProblem(source.path, int(line[1]) if line else 1, f"not TOML: {error}") from error
    project = _table(document.get("project"))
    tool = _table(document.get("tool"))
    uv = _table(tool.get("uv"))
    poetry = _table(tool.get("poetry"))
    name = project.get("name") or poetry.get("name")
    requires = project.get("requires-python")
    groups = _table(document.get("dependency-groups"))
    default_groups = uv.get("default-groups")
    return Pyproject(
        source=source,
        name=package_name(name) if isinstance(name, str) and re.fullmatch(r"[\w.-]*\w", name) else None,
        requires_python=requires if isinstance(requires, str) else None,
        dependencies=_strings(project.get("dependencies")),
        scripts={
            key: value
            for key, value in {**_table(poetry.get("scripts")), **_table(project.get("scripts"))}.items()
            if isinstance(value, str)
        },
        groups=tuple(groups) + (("dev",) if "dev-dependencies" in uv and "dev" not in groups else ()),
        default_groups=_default_groups(default_groups, tuple(groups)),
        uses_uv="uv" in tool,
        uses_poetry="poetry" in tool,
        poetry_groups=_poetry_groups(poetry, tuple(groups)),
    )


def _poetry_groups(poetry: Table, standard: tuple[str, ...]) -> tuple[str, ...]:
    own = _table(poetry.get("group"))
    optional = {name for name, group in own.items() if _table(group).get("optional") is True}
    old = ("dev",) if poetry.get("dev-dependencies") and "dev" not in own else ()
    return (*old, *(name for name in dict.fromkeys((*own, *standard)) if name not in optional))


def _default_groups(value: object, groups: tuple[str, ...]) -> tuple[str, ...]:
    if value == "all":
        return groups
    return _strings(value) if isinstance(value, list) else ("dev",)


def _table(value: object) -> Table:
    return value if isinstance(value, dict) else {}


def _strings(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
