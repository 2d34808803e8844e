"""Which services reach CUDA, whether compose gives them a GPU, and how a project gets the build for the processor."""

import re
from collections.abc import Iterable, Sequence

from careen.plan.target import PlannedDistribution, ServicePlan
from careen.text.values import dataclass

_CUDA = re.compile(r"nvidia-.+|triton|cuda-(?:bindings|pathfinder|toolkit|python)|cupy-cuda.+|pytorch-triton.*")
BUILT_TWICE = ("torch", "torchvision", "torchaudio")
"""Distributions whose indices offer a build for the processor alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuUse:
    """``cuda_bytes`` weigh the libraries that a build for the processor does not bring, ``at_most_bytes`` the image
    without them: torch itself is smaller then too, by an amount that only its index knows.
    """

    service: str
    has_gpu: bool
    reached_by: PlannedDistribution
    libraries: tuple[PlannedDistribution, ...]
    cuda_bytes: int
    at_most_bytes: int | None


def gpu_uses(services: Iterable[ServicePlan], with_gpu: frozenset[str]) -> tuple[GpuUse, ...]:
    """One for each service that keeps CUDA libraries. ``with_gpu`` are those that compose gives a GPU."""
    found = []
    for service in services:
        libraries = tuple(item for item in service.distributions if _CUDA.fullmatch(item.name))
        if not libraries:
            continue
        named = [item for item in service.distributions if item.name in BUILT_TWICE]
        weight = sum(item.installed_bytes or 0 for item in libraries)
        predicted = service.predicted_bytes
        found.append(
            GpuUse(
                service=service.name,
                has_gpu=service.name in with_gpu,
                reached_by=(named or [*libraries])[0],
                libraries=libraries,
                cuda_bytes=weight,
                at_most_bytes=None if predicted is None else predicted - weight,
            )
        )
    return tuple(found)


def cpu_entries(names: Sequence[str], address: str) -> str:
    """What pyproject.toml needs so that uv takes the builds for the processor from the index at ``address``.

    The address must be written out: uv puts no variables into it.
    """
    sources = "\n".join(f'{name} = {{ index = "torch-cpu" }}' for name in names)
    return (
        f'[[tool.uv.index]]\nname = "torch-cpu"\nurl = "{address}"\nexplicit = true\n\n[tool.uv.sources]\n{sources}\n'
    )
