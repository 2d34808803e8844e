"""What was pushed is proven as it is in its registry, whoever built it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from careen.app.carrying import deliver
from careen.app.delivery import DeliveryRequest, prepare
from careen.app.pulled_images import Pushed, pull_images
from careen.app.session import Session, Surroundings
from careen.build.engine import BuildOptions
from careen.build.native import build_platforms
from careen.oci.layout import Layout
from careen.oci.reference import InvalidReferenceError
from careen.oci.registry_errors import NotInRegistryError
from careen.plan.target import Plan
from careen.prove.stack import references
from fakes.registry import FakeRegistry
from fakes.stacks import write_stack

PLATFORMS = ("linux/amd64", "linux/arm64")
NAMES = {"stack_web", "stack_worker"}


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    surroundings = Surroundings(
        cache=tmp_path / "cache", now=lambda: datetime.now(UTC), environment={"HOME": str(tmp_path / "home")}
    )
    made = Session(surroundings=surroundings)
    yield made
    made.close()


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry().running() as running:
        yield running


def pushed(
    session: Session, registry: FakeRegistry, folder: Path, *platforms: str, tag: str = "1"
) -> tuple[tuple[Plan, ...], Layout]:
    """The plans of the platforms, and the layout that was pushed from."""
    stacks = [write_stack(folder, platform=platform) for platform in platforms]
    plans = tuple(stack.plan for stack in stacks)
    build_platforms(plans, stacks[0].sources, output=folder / "out", options=BuildOptions(bytecode=False))
    layout = Layout.open(folder / "out")
    request = DeliveryRequest(push=f"{registry.host}/team", tags=(tag,))
    deliver(prepare(session, request, several=len(platforms) > 1), layout)
    return plans, layout


def test_every_service_has_its_image_in_the_layout_under_the_name_that_a_proof_asks_for(
    session: Session, registry: FakeRegistry, tmp_path: Path
) -> None:
    (plan,), ours = pushed(session, registry, tmp_path, PLATFORMS[0])

    pull_images(session, Pushed(prefix=f"{registry.host}/team/", tag="1"), plan, tmp_path / "pulled")

    layout = Layout.open(tmp_path / "pulled")
    assert layout.images() == ours.images()
    assert set(references(plan, layout).values()) == NAMES
    for top in layout.images().values():
        assert layout.manifest(top) == ours.manifest(top)


def test_of_an_index_comes_the_image_for_the_platform(session: Session, registry: FakeRegistry, tmp_path: Path) -> None:
    (_, plan), ours = pushed(session, registry, tmp_path, *PLATFORMS)

    pull_images(session, Pushed(prefix=f"{registry.host}/team", tag="1"), plan, tmp_path / "pulled")

    layout = Layout.open(tmp_path / "pulled")
    assert layout.images().keys() == NAMES
    configs = [layout.config(layout.manifest(top)) for top in layout.images().values()]
    assert {config.platform.architecture for config in configs} == {"arm64"}
    assert layout.images().keys() == ours.images().keys()
    assert layout.images() != ours.images(), "those are indexes"


def test_an_image_that_was_not_pushed_leaves_the_layout_as_it_was(
    session: Session, registry: FakeRegistry, tmp_path: Path
) -> None:
    (plan,), ours = pushed(session, registry, tmp_path, PLATFORMS[0])
    before = ours.images()
    web, worker = plan.services
    other = replace(plan, services=(web, replace(worker, image="stack_nobody")))

    with pytest.raises(NotInRegistryError, match="stack_nobody"):
        pull_images(session, Pushed(prefix=f"{registry.host}/team", tag="1"), other, ours.folder)

    assert Layout.open(ours.folder).images() == before


@pytest.mark.parametrize("prefix", ["team", ""])
def test_a_prefix_without_a_registry_is_refused(session: Session, tmp_path: Path, prefix: str) -> None:
    plan = write_stack(tmp_path).plan

    with pytest.raises(InvalidReferenceError):
        pull_images(session, Pushed(prefix=prefix), plan, tmp_path / "pulled")

    assert not (tmp_path / "pulled").exists()
