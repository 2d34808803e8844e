"""Which service carries CUDA without a GPU to run it on, in the words that a plan's notes use."""

import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from careen.app.indexes import CPU_BUILDS_VARIABLE
from careen.app.uv import uv_program
from careen.errors import CareenError
from careen.plan.gpu import BUILT_TWICE, cpu_entries, gpu_uses
from careen.plan.target import Plan
from careen.process.run import run
from careen.text.units import format_bytes
from careen.workspace.facts import StackFacts

_UNKNOWN_ADDRESS = "address of the index with the builds for the processor"
_PATIENCE_SECONDS = 30
_ASKED = re.compile(r"(https?://[^\s\"'`]+)/torch/?(?=[\s\"'`]|$)")


def gpu_notes(plan: Plan, facts: StackFacts, environment: Mapping[str, str]) -> Iterator[str]:
    """``environment`` may name the index of builds for the processor, else uv is asked which it would take."""
    with_gpu = frozenset(
        service.name
        for service in facts.services
        if service.service.compose is not None and service.service.compose.limits.gpus
    )
    told: set[str] = set()
    address = _UNKNOWN_ADDRESS
    for use in gpu_uses(plan.services, with_gpu):
        if use.has_gpu:
            continue
        left = "" if use.at_most_bytes is None else f", and at most {format_bytes(use.at_most_bytes)} would be left"
        kept = {item.name for item in plan.service(use.service).distributions}
        names = [name for name in BUILT_TWICE if name in kept] or ["torch"]
        if not told:
            address = environment.get(CPU_BUILDS_VARIABLE) or index_that_uv_knows(environment) or _UNKNOWN_ADDRESS
        entries = cpu_entries(names, address).rstrip()
        if entries in told:
            what_to_do = ", with the same entries"
        else:
            what_to_do = f". Write into pyproject.toml, and lock again:\n\n{entries}"
        told.add(entries)
        yield (
            f"{use.service} carries {format_bytes(use.cuda_bytes)} of CUDA libraries for {use.reached_by.name} "
            f"({use.reached_by.reasons[0] if use.reached_by.reasons else 'kept'}) and compose gives it no GPU; "
            f"the build for the processor needs none of them{left}{what_to_do}"
        )


def index_that_uv_knows(environment: Mapping[str, str]) -> str | None:
    """Where uv would look for torch's build for the processor (``--torch-backend cpu``); without asking any index.

    It tells of the address that it would ask, and fails, since it is forbidden the network.
    """
    program = uv_program()
    if program is None:
        return None
    with tempfile.TemporaryDirectory(prefix="careen-index-") as scratch:
        wanted = Path(scratch, "requirements.in")
        wanted.write_text("torch\n")
        words: list[str | Path] = [
            "pip",
            "compile",
            wanted,
            "--torch-backend",
            "cpu",
            "--offline",
            "--no-config",
            "--verbose",
        ]
        own = {name: value for name, value in environment.items() if not name.startswith(("UV_", "PIP_", "RUST_LOG"))}
        try:
            done = run(
                [program, *words, "--cache-dir", Path(scratch, "cache")],
                timeout=_PATIENCE_SECONDS,
                cwd=Path(scratch),
                environment=own,
            )
        except CareenError:
            return None
    found = _ASKED.search(done.stderr.decode("utf-8", "replace"))
    return found[1] if found is not None else None
