"""A group gives a service its plan, through names that the project declares."""

from pathlib import PurePosixPath

import pytest

from careen.debian.runtime import python_of
from careen.plan.roles import Role
from careen.plan.target import DebianBase, Limits, NumericUser, Plan, PythonRuntime, ServicePlan
from careen.platforms import Architecture, Platform
from careen.python.names import PythonVersion
from careen.python.uvlock import read_uvlock
from careen.rewrite.groups import Grouping, GroupInputs, grouping_of
from careen.rewrite.pyproject import with_groups
from careen.text.source import Source
from fakes.plans import distribution

LOCK = """\
version = 1
requires-python = ">=3.11"

[[package]]
name = "celery"
version = "1.0"
source = { registry = "https://index.example/simple" }
dependencies = [{ name = "kombu" }]

[package.optional-dependencies]
redis = [{ name = "redis" }]

[[package]]
name = "fastapi"
version = "1.0"
source = { registry = "https://index.example/simple" }
dependencies = [{ name = "starlette" }]

[[package]]
name = "kombu"
version = "1.0"
source = { registry = "https://index.example/simple" }

[[package]]
name = "redis"
version = "1.0"
source = { registry = "https://index.example/simple" }

[[package]]
name = "shop"
version = "1.0"
source = { virtual = "." }
dependencies = [{ name = "celery", extra = ["redis"] }, { name = "fastapi" }]

[[package]]
name = "starlette"
version = "1.0"
source = { registry = "https://index.example/simple" }
"""


def grouping(
    services: dict[str, list[str]],
    *,
    written: tuple[str, ...] = (),
    taken: frozenset[str] = frozenset(),
    lock_text: str = LOCK,
) -> Grouping:
    lock = read_uvlock(Source(PurePosixPath("uv.lock"), lock_text))
    project = lock.project(None)
    assert project is not None
    return grouping_of(GroupInputs(plan=plan(services), lock=lock, project=project, written=written, taken=taken))


def plan(services: dict[str, list[str]]) -> Plan:
    python = python_of("bookworm")
    runtime = PythonRuntime(
        version=PythonVersion(11),
        executable=python.executable,
        site_packages=python.site_packages,
        scripts=python.scripts,
    )
    return Plan(
        stack="shop",
        platform=Platform(Architecture.AMD64),
        root=PurePosixPath(),
        base=DebianBase(release="bookworm", runtime=runtime, packages=()),
        services=tuple(service(name, names) for name, names in services.items()),
        backing=(),
        system_layers=(),
        distribution_layers=(),
        source_date_epoch=0,
    )


def service(name: str, distributions: list[str]) -> ServicePlan:
    return ServicePlan(
        name=name,
        image=name,
        role=Role.OTHER,
        entry_point=("python",),
        working_directory=PurePosixPath("/app"),
        environment=(),
        run_environment=(),
        user=NumericUser(1, 1),
        stop_signal="SIGTERM",
        stop_grace_seconds=10,
        health=None,
        limits=Limits(memory_bytes=1, cpus=1),
        container_ports=(),
        writable=(),
        volumes=(),
        depends_on=(),
        distributions=tuple(map(distribution, distributions)),
        dropped=(),
        system_packages=(),
        application=(),
        support=(),
        predicted_bytes=None,
        current_predicted_bytes=None,
        current_contributions=(),
        budget_bytes=1,
    )


def test_what_all_need_is_shared_and_named_once() -> None:
    found = grouping(
        {"api": ["celery", "fastapi", "kombu", "redis", "starlette"], "jobs": ["celery", "kombu", "redis"]}
    )

    assert [(group.name, group.include, group.requirements) for group in found.groups] == [
        ("shared", None, ("celery[redis]",)),
        ("api", "shared", ("fastapi",)),
        ("jobs", "shared", ()),
    ]
    assert found.beyond == {}


def test_services_that_need_the_whole_project_need_no_groups() -> None:
    assert grouping({"api": ["celery", "fastapi", "kombu", "redis", "starlette"]}).is_whole


def test_what_is_imported_without_being_declared_is_named_itself() -> None:
    found = grouping({"api": ["starlette"], "jobs": ["kombu"]})

    assert found.shared is None
    assert {name: group.requirements for name, group in found.of_service.items()} == {
        "api": ("starlette",),
        "jobs": ("kombu",),
    }


def test_what_a_group_brings_beyond_the_plan_is_told() -> None:
    found = grouping({"api": ["celery"], "jobs": ["fastapi", "starlette"]})

    assert found.beyond == {"api": ("kombu", "redis")}


def test_a_marker_comes_along_and_a_version_does_not() -> None:
    found = grouping(
        {"api": ["fastapi", "starlette"], "jobs": ["kombu"]}, written=("fastapi>=1; sys_platform == 'linux'",)
    )

    assert found.of_service["api"].requirements == ('fastapi; sys_platform == "linux"',)


def test_a_group_of_the_users_is_never_taken() -> None:
    found = grouping({"api": ["kombu"], "Jobs 2": ["fastapi", "starlette"]}, taken=frozenset({"api"}))

    assert [group.name for group in found.of_service.values()] == ["api-image", "jobs-2"]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_groups_are_written_below_those_there_are(newline: str) -> None:
    text = ('[project]\nname = "shop"  # ours\n\n[dependency-groups]\ndev = ["pytest"]\n\n[tool.x]\na = 1\n').replace(
        "\n", newline
    )
    wanted = grouping({"api": ["kombu"], "jobs": ["fastapi", "starlette"]})

    result = with_groups(text, wanted)

    assert result.replace("\r\n", "\n") == (
        '[project]\nname = "shop"  # ours\n\n[dependency-groups]\ndev = ["pytest"]\n\n'
        "# What each service's image installs, read from what the service imports. Versions stand in [project]: uv\n"
        "# locks all of it together, and `uv sync` does what it did before.\n"
        'api = [\n  "kombu",\n]\njobs = [\n  "fastapi",\n]\n\n[tool.x]\na = 1\n'
    )
    assert result.count("\r\n") == (result.count("\n") if newline == "\r\n" else 0)
    assert with_groups(result, wanted) == result


def test_a_group_that_was_changed_is_set_again() -> None:
    wanted = grouping({"api": ["kombu"], "jobs": ["fastapi", "starlette"]})
    written = with_groups('[project]\nname = "shop"\n', wanted)

    assert with_groups(written.replace('"kombu",', '"kombu",\n  "redis",'), wanted) == written


OWN_GROUPS = """\

[package.dev-dependencies]
api = [{ name = "fastapi" }]
jobs = [{ name = "starlette" }]
dev = [{ name = "kombu" }]
"""


def test_groups_of_an_earlier_run_give_the_same_groups_again() -> None:
    """A worker needs for itself what the web service only has through another: that must not become shared."""
    services = {"api": ["fastapi", "starlette"], "jobs": ["starlette"]}
    first = grouping(services)
    text = LOCK.replace('{ name = "fastapi" }]\n\n', '{ name = "fastapi" }]\n' + OWN_GROUPS + "\n")
    assert text != LOCK

    again = grouping(services, lock_text=text, taken=frozenset({"dev"}))

    assert again.groups == first.groups
    assert [(group.name, group.requirements) for group in first.groups] == [
        ("api", ("fastapi",)),
        ("jobs", ("starlette",)),
    ]
