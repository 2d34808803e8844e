"""``RUN --mount=type=cache,target=/root/.cache/uv`` (Dockerfile reference, RUN --mount)."""

import csv
from dataclasses import dataclass

from careen.dockerfile.tree import Instruction


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """``kind`` is bind, cache, tmpfs, secret or ssh; ``source_stage`` is the value of ``from=``."""

    kind: str
    target: str | None
    source: str | None
    source_stage: str | None
    identifier: str | None


def mounts_of(instruction: Instruction) -> tuple[Mount, ...]:
    return tuple(_mount(value) for value in instruction.flag_values("mount"))


def _mount(value: str) -> Mount:
    fields: dict[str, str] = {}
    for item in next(csv.reader([value]), []):
        name, _, text = item.partition("=")
        fields[name.strip().lower()] = text
    return Mount(
        kind=fields.get("type", "bind"),
        target=fields.get("target") or fields.get("dst") or fields.get("destination"),
        source=fields.get("source") or fields.get("src"),
        source_stage=fields.get("from"),
        identifier=fields.get("id"),
    )
