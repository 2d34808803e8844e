"""``[dependency-groups]`` for the services, written into pyproject.toml with everything else left as it is."""

import textwrap
from collections.abc import Mapping

from careen.rewrite.groups import Group, Grouping

_ABOVE = (
    "What each service's image installs, read from what the service imports. Versions stand in [project]: "
    "uv locks all of it together, and `uv sync` does what it did before."
)
_INDENT = "  "


def with_groups(text: str, grouping: Grouping) -> str:
    """The text with the groups set; the same text when they are there already."""
    import tomlkit  # noqa: PLC0415 - only this change edits TOML
    from tomlkit.items import Table  # noqa: PLC0415

    carriage = "\r\n" in text
    document = tomlkit.parse(text.replace("\r\n", "\n"))
    table = document.get("dependency-groups")
    present: Mapping[str, object] = table.unwrap() if isinstance(table, Table) else {}
    wanted = [group for group in grouping.groups if present.get(group.name) != _plain(group)]
    if not wanted:
        return text
    if not isinstance(table, Table):
        table = tomlkit.table()
        if document.as_string().rstrip():
            document.add(tomlkit.nl())
        document.add("dependency-groups", table)
    if not any(group.name in present for group in grouping.groups):
        if present:
            table.add(tomlkit.nl())
        for line in textwrap.wrap(_ABOVE, 108, break_on_hyphens=False):
            table.add(tomlkit.comment(line))
    for group in wanted:
        table[group.name] = _array(group)
    result = document.as_string()
    if not result.endswith("\n"):
        result += "\n"
    # The table's last entry may have brought a blank line of its own.
    result = _spaced(result).replace("\n\n\n# What each", "\n\n# What each")
    return result.replace("\n", "\r\n") if carriage else result


def _spaced(text: str) -> str:
    """A blank line between the new groups and a table that follows."""
    lines = text.split("\n")
    result: list[str] = []
    for index, line in enumerate(lines):
        if line.startswith("[") and index and lines[index - 1] == "]":
            result.append("")
        result.append(line)
    return "\n".join(result)


def _plain(group: Group) -> list[object]:
    included: list[object] = [{"include-group": group.include}] if group.include is not None else []
    return [*included, *group.requirements]


def _array(group: Group) -> object:
    import tomlkit  # noqa: PLC0415

    array = tomlkit.array()
    for item in _plain(group):
        if isinstance(item, dict):
            inline = tomlkit.inline_table()
            inline.update(item)
            array.add_line(inline, indent=_INDENT)
        else:
            array.add_line(item, indent=_INDENT)
    if group.requirements or group.include:
        array.add_line(indent="")
    return array
