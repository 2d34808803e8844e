"""Which service carries CUDA without a GPU to run it on, in the words that a plan's notes use."""

from collections.abc import Iterator

from careen.plan.gpu import BUILT_TWICE, INDEX_VARIABLE, cpu_entries, gpu_uses
from careen.plan.target import Plan
from careen.text.units import format_bytes
from careen.workspace.facts import StackFacts


def gpu_notes(plan: Plan, facts: StackFacts) -> Iterator[str]:
    with_gpu = frozenset(
        service.name
        for service in facts.services
        if service.service.compose is not None and service.service.compose.limits.gpus
    )
    for use in gpu_uses(plan.services, with_gpu):
        if use.has_gpu:
            continue
        left = "" if use.at_most_bytes is None else f", and at most {format_bytes(use.at_most_bytes)} would be left"
        kept = {item.name for item in plan.service(use.service).distributions}
        names = [name for name in BUILT_TWICE if name in kept] or ["torch"]
        entries = cpu_entries(names).strip().replace("\n\n", "\n").replace("\n", "; ")
        yield (
            f"{use.service} carries {format_bytes(use.cuda_bytes)} of CUDA libraries for {use.reached_by.name} "
            f"({use.reached_by.reasons[0] if use.reached_by.reasons else 'kept'}) and compose gives it no GPU; "
            f"the build for the processor needs none of them{left}: in pyproject.toml {entries} "
            f"({INDEX_VARIABLE} stands for the address of the index with those builds)"
        )
