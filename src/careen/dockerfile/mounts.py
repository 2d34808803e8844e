"""``RUN --mount=type=cache,target=/root/.cache/uv`` (Dockerfile reference, RUN --mount)."""

from careen.dockerfile.tree import Instruction
from careen.text.values import dataclass


class MalformedListError(ValueError):
    """A flag's comma-separated value whose quotes do not close; the message is BuildKit's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """``kind`` is bind, cache, tmpfs, secret or ssh; ``source_stage`` is the value of ``from=``.

    ``owner`` and ``mode`` are those of a cache's folder as they are written; without them it is root's alone.
    """

    kind: str
    target: str | None
    source: str | None
    source_stage: str | None
    identifier: str | None
    owner: str | None = None
    mode: str | None = None


def mounts_of(instruction: Instruction) -> tuple[Mount, ...]:
    """A value that a build refuses counts as a mount that says nothing."""
    return tuple(_mount(value) for value in instruction.flag_values("mount"))


def _mount(value: str) -> Mount:
    try:
        items = list_items(value)
    except MalformedListError:
        items = ()
    fields: dict[str, str] = {}
    for item in items:
        name, _, text = item.partition("=")
        fields[name.lower()] = text
    return Mount(
        kind=fields.get("type", "bind").lower(),
        target=fields.get("target") or fields.get("dst") or fields.get("destination"),
        source=fields.get("source") or fields.get("src"),
        source_stage=fields.get("from"),
        identifier=fields.get("id"),
        owner=fields.get("uid"),
        mode=fields.get("mode"),
    )


def list_items(value: str) -> tuple[str, ...]:
    """One line of comma-separated values, quotes doubled inside quotes. Raises MalformedListError."""
    value = value.removesuffix("\n").removesuffix("\r") if value.endswith("\n") else value
    if not value:
        raise MalformedListError("EOF")
    items: list[str] = []
    position = 0
    while True:
        if value[position : position + 1] != '"':
            comma = value.find(",", position)
            item = value[position : comma if comma != -1 else None]
            if '"' in item:
                raise _malformed(value, position + item.index('"'), 'bare " in non-quoted-field')
            items.append(item)
            if comma == -1:
                return tuple(items)
            position = comma + 1
            continue
        parts: list[str] = []
        position += 1
        while True:
            end = value.find('"', position)
            if end == -1:
                raise _malformed(value, position, 'extraneous or missing " in quoted-field')
            parts.append(value[position:end])
            position = end + 1
            if value[position : position + 1] != '"':
                break
            parts.append('"')
            position += 1
        items.append("".join(parts))
        if position == len(value):
            return tuple(items)
        if value[position] != ",":
            raise _malformed(value, position - 1, 'extraneous or missing " in quoted-field')
        position += 1


def _malformed(value: str, position: int, reason: str) -> MalformedListError:
    column = len(value[:position].encode()) + 1
    return MalformedListError(f"parse error on line 1, column {column}: {reason}")
