"""Stacks that are planned upon Alpine, which nobody has fetched: wheels for musl, and what cannot be had there."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from careen.app.building import BuildRequest, build
from careen.app.plan_request import PlanRequest
from careen.app.planning import Planned, plan_stack
from careen.build.engine import BuildOptions
from careen.cli.commands.plan import command
from careen.plan.difference import difference
from careen.plan.obstacles import UnfitBaseError, UnseenBaseError
from careen.plan.target import ImageBase, WheelSource
from careen.platforms import Platform
from careen.report.what_if import difference_document, difference_lines
from careen.rewrite.bases import ForeignBaseError, foundation_for
from careen.rewrite.options import RewriteOptions, Runtime
from careen.rewrite.stack import LockedProject, rewrite_stack
from fakes.alpine import alpine_base
from fakes.cases import stand_up
from fakes.index import FakeIndex, serve
from fakes.sessions import FakeSession, fake_session

CASE = Path(__file__).parents[2] / "cases" / "plan" / "two-services"


@pytest.fixture
def index() -> Iterator[FakeIndex]:
    with serve(FakeIndex()) as served:
        yield served


@pytest.fixture
def project(index: FakeIndex, tmp_path: Path) -> Path:
    return stand_up(CASE, tmp_path, index)


@pytest.fixture
def session(project: Path, index: FakeIndex) -> Iterator[FakeSession]:
    made = fake_session(project.parent, index.address)
    yield made
    made.close()


def asked(project: Path) -> PlanRequest:
    return PlanRequest(root=project, platform=Platform.parse("linux/amd64"), base="alpine")


def with_wheel_for_musl(project: Path) -> Path:
    lock = project / "uv.lock"
    lock.write_text(
        lock.read_text().replace("heavy-3.0-cp311-cp311-manylinux_2_17_", "heavy-3.0-cp311-cp311-musllinux_1_2_")
    )
    return project


def test_a_service_is_told_what_it_cannot_have_there(project: Path, session: FakeSession) -> None:
    plan = plan_stack(session, asked(project)).plan

    assert isinstance(plan.base, ImageBase)
    assert (plan.base.label, plan.base.c_library.is_musl, plan.base.packages) == ("python:3.11-alpine", True, ())
    unfit = {service.name: service.unfit for service in plan.services}
    assert unfit == {"web": (), "worker": ("heavy 3.0 has no wheel for musl, and the lock has no sources of it",)}
    assert any("not to be had upon python:3.11-alpine: heavy 3.0" in note for note in plan.notes)
    assert not any(service.system_packages for service in plan.services)


def test_wheels_for_musl_are_taken_and_weighed(project: Path, index: FakeIndex, session: FakeSession) -> None:
    wheel = index.files.pop("heavy-3.0-cp311-cp311-manylinux_2_17_x86_64.whl")
    index.files["heavy-3.0-cp311-cp311-musllinux_1_2_x86_64.whl"] = wheel
    plan = plan_stack(session, asked(with_wheel_for_musl(project))).plan

    worker = plan.service("worker")
    (heavy,) = [item for item in worker.distributions if item.name == "heavy"]
    assert isinstance(heavy.source, WheelSource)
    assert "musllinux" in heavy.source.filename
    assert worker.unfit == ()
    assert worker.predicted_bytes is not None
    assert worker.predicted_bytes > (plan.base.bytes or 0) + 5_000_000


def test_any_python_has_an_image_there(project: Path, session: FakeSession) -> None:
    dockerfile = project / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("python:3.11-slim", "python:3.12-alpine"))

    assert plan_stack(session, asked(project)).plan.base.label == "python:3.12-alpine"


def test_nothing_is_built_where_something_cannot_be_had(project: Path, session: FakeSession, tmp_path: Path) -> None:
    request = BuildRequest(plan=asked(project), output=tmp_path / "out", options=BuildOptions(bytecode=False))
    with pytest.raises(UnfitBaseError) as caught:
        build(session, request)

    assert caught.value.message == (
        "the stack cannot stand on python:3.11-alpine: heavy 3.0 has no wheel for musl, and the lock has no sources of "
        "it (worker)"
    )
    assert "--runtime slim" in caught.value.hints[0]
    assert not (tmp_path / "out").exists()


def test_nothing_is_built_upon_an_image_that_nobody_has_looked_at(
    project: Path, index: FakeIndex, session: FakeSession, tmp_path: Path
) -> None:
    wheel = index.files.pop("heavy-3.0-cp311-cp311-manylinux_2_17_x86_64.whl")
    index.files["heavy-3.0-cp311-cp311-musllinux_1_2_x86_64.whl"] = wheel
    request = BuildRequest(
        plan=asked(with_wheel_for_musl(project)), output=tmp_path / "out", options=BuildOptions(bytecode=False)
    )
    with pytest.raises(UnseenBaseError, match=r"^python:3\.11-alpine has not been looked at$") as caught:
        build(session, request)
    assert "--base REGISTRY/library/python:3.11-alpine" in caught.value.hints[0]


def test_what_alpine_would_change_is_told_with_what_it_lacks(project: Path, session: FakeSession) -> None:
    after = plan_stack(session, asked(project))
    before = plan_stack(session, replace(asked(project), base=None)).plan
    web, worker = after.plan.services
    plan = replace(after.plan, services=(replace(web, alpine_packages=("libpq",)), worker))

    found = difference(before, plan)

    told = "\n".join(difference_lines(found))
    assert "debian:bookworm, linux/amd64 -> python:3.11-alpine, linux/amd64" in told
    assert "with packages of Alpine's, not counted: libpq" in told
    assert "not to be had there: heavy 3.0 has no wheel for musl" in told
    services = difference_document(found)["services"]
    assert isinstance(services, list)
    assert services[0]["alpine_packages"] == ["libpq"]
    assert services[1]["unfit"] == ["heavy 3.0 has no wheel for musl, and the lock has no sources of it"]


def dockerfile_of(planned: Planned, *, accept: bool = False) -> str:
    locked = LockedProject(planned.project, planned.lock)
    patch = rewrite_stack(planned.plan, planned.facts, RewriteOptions(lists=True, accept=accept), locked)
    (change,) = [change for change in patch.changes if change.path.name == "Dockerfile"]
    assert change.after is not None
    return change.after


def test_a_set_up_is_refused_what_cannot_be_had_unless_that_is_accepted(project: Path, session: FakeSession) -> None:
    planned = plan_stack(session, asked(project))
    with pytest.raises(UnfitBaseError, match=r"heavy 3\.0 has no wheel for musl"):
        dockerfile_of(planned)

    text = dockerfile_of(planned, accept=True)

    assert "ARG PYTHON_IMAGE=python:3.11-alpine\n" in text
    assert "RUN apk add --no-cache binutils build-base\n" in text
    assert "apt-get" not in text
    assert "USER 10001:10001" in text


def test_a_plan_for_another_c_library_gets_no_such_set_up(project: Path, session: FakeSession) -> None:
    plan = plan_stack(session, replace(asked(project), base=None)).plan
    with pytest.raises(ForeignBaseError, match="whose C library is glibc, and not for alpine"):
        foundation_for(plan, Runtime.ALPINE)
    upon = plan_stack(session, asked(project)).plan
    with pytest.raises(ForeignBaseError, match="whose C library is musl, and not for slim"):
        foundation_for(upon, Runtime.SLIM)


def test_an_image_of_alpine_in_a_registry_is_written_upon_and_one_on_disk_is_not(
    project: Path, session: FakeSession, tmp_path: Path
) -> None:
    base, _ = alpine_base(tmp_path / "base")
    plan = replace(plan_stack(session, asked(project)).plan, base=base)

    foundation = foundation_for(plan, Runtime.ALPINE)

    assert foundation.build == foundation.run
    assert foundation.build.reference == "registry.example/python:alpine"
    assert str(foundation.interpreter) == "/usr/local/bin/python3.12"
    local = replace(base, label="oci:images", source="oci:images")
    with pytest.raises(ForeignBaseError, match="oci:images lies on this disk"):
        foundation_for(replace(plan, base=local), Runtime.ALPINE)


def test_two_bases_at_once_are_bad_usage(project: Path) -> None:
    done = CliRunner().invoke(command, [str(project), "--runtime", "alpine", "--base", "debian:trixie"])
    assert done.exit_code == 2
    assert "a base of its own" in done.output
