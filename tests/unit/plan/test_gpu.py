import tomllib
from dataclasses import replace

from careen.plan.gpu import cpu_entries, gpu_uses
from careen.plan.target import ServicePlan
from fakes.plans import distribution
from fakes.stacks import service


def planned(name: str, *names: str) -> ServicePlan:
    items = tuple(replace(distribution(item), installed_bytes=1000) for item in names)
    return replace(service(name, items), predicted_bytes=10_000)


def test_only_services_that_keep_cuda_are_told_with_what_would_be_left() -> None:
    heavy = planned("heavy", "torch", "triton", "nvidia-cublas-cu12", "numpy")
    api = planned("api", "fastapi")

    (use,) = gpu_uses([api, heavy], frozenset())

    assert (use.service, use.has_gpu, use.reached_by.name) == ("heavy", False, "torch")
    assert (use.cuda_bytes, use.at_most_bytes) == (2000, 8000)
    assert gpu_uses([heavy], frozenset({"heavy"}))[0].has_gpu


def test_the_entries_are_toml_that_uv_understands() -> None:
    document = tomllib.loads(cpu_entries(["torch", "torchvision"], "https://index.example/cpu"))

    assert document["tool"]["uv"]["index"] == [
        {"name": "torch-cpu", "url": "https://index.example/cpu", "explicit": True}
    ]
    assert document["tool"]["uv"]["sources"] == {
        "torch": {"index": "torch-cpu"},
        "torchvision": {"index": "torch-cpu"},
    }
