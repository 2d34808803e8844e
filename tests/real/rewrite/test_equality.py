"""The Dockerfile that careen writes and careen's own engine render the same plan: what differs has a reason."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from careen.app.plan_request import PlanRequest
from careen.app.planning import plan_stack
from careen.app.session import Session, Surroundings
from careen.oci.layout import Layout
from careen.plan.target import Plan
from careen.platforms import Platform
from careen.prove.likeness import Likeness, compare_renderings
from real.conftest import ShelfImages
from real.rewrite.conftest import RecastImages

pytestmark = [pytest.mark.real, pytest.mark.network]


@pytest.fixture(scope="session")
def plan(shelf: Path, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    surroundings = Surroundings(
        cache=tmp_path_factory.mktemp("cache"), now=lambda: datetime.now(UTC), environment={}, project=shelf
    )
    session = Session(surroundings=surroundings)
    try:
        return plan_stack(session, PlanRequest(root=shelf, platform=Platform.parse("linux/amd64"))).plan
    finally:
        session.close()


@pytest.fixture(scope="session")
def likenesses(plan: Plan, shelf_images: ShelfImages, recast_images: RecastImages) -> dict[str, Likeness]:
    native, recast = Layout.open(shelf_images.layout), Layout.open(recast_images.layout)
    return {
        service.name: compare_renderings(
            plan, service, (native, native.images()[service.image]), (recast, recast.images()[service.image])
        )
        for service in plan.services
    }


def test_what_differs_has_a_reason(likenesses: dict[str, Likeness]) -> None:
    faults = {name: [fault.what for fault in likeness.faults] for name, likeness in likenesses.items()}

    assert faults == {name: [] for name in likenesses}
    assert all(likeness.alike > 1000 for likeness in likenesses.values())


def test_of_the_application_only_modules_of_packages_that_are_copied_whole_differ(
    likenesses: dict[str, Likeness],
) -> None:
    for likeness in likenesses.values():
        own = [item for item in likeness.differences if item.what.startswith(("app/", "opt/careen"))]
        assert all(not item.first for item in own if not item.what.endswith(".pyc"))


def test_settings_differ_by_the_virtual_environment_alone(likenesses: dict[str, Likeness]) -> None:
    settings = {"user", "working directory", "stop signal", "command", "ports", "health check", "entry point"}
    for likeness in likenesses.values():
        changed = {
            item.what for item in likeness.differences if item.what in settings or item.what.startswith("variable ")
        }
        assert changed <= {"entry point", "variable PATH"}
