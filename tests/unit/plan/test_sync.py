import pytest

from careen.dockerfile.actions import Install, action_of
from careen.dockerfile.shell import commands_of
from careen.plan.lock_view import synced, universe
from careen.plan.sync import SyncRequest, sync_request
from careen.python.locked import Lock
from fakes.locks import environment, package, project, uvlock


def request(command: str) -> SyncRequest:
    action = action_of(commands_of(command)[0])
    assert isinstance(action, Install)
    return sync_request(action)


LOCK = uvlock(
    project(
        requires=["a"],
        more=(
            '[package.optional-dependencies]\nocr = [{ name = "b" }]\n[package.dev-dependencies]\n'
            'dev = [{ name = "c" }]\nworker-heavy = [{ name = "d" }]\n'
        ),
    )
    + "".join(map(package, "abcd"))
)


def installed(command: str, lock: Lock = LOCK, defaults: tuple[str, ...] = ("dev",)) -> str:
    project = lock.project(None)
    assert project is not None
    found = synced(request(command), lock, project, environment(), lambda _: defaults)
    return "".join(sorted(name for name, package in found.items() if not package.is_local))


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("uv sync --frozen", "ac"),
        ("uv sync --frozen --no-dev", "a"),
        ("uv sync --no-default-groups", "a"),
        ("UV_NO_DEV=1 uv sync", "a"),
        ("uv sync --all-groups", "acd"),
        ("uv sync --all-groups --no-group dev", "ad"),
        ("uv sync --all-extras --no-dev", "ab"),
        ("uv sync --extra ocr --no-dev", "ab"),
        ("uv sync --all-extras --no-extra=ocr --no-dev", "a"),
        ("uv sync --group worker_heavy --no-dev", "ad"),  # names are compared in their normal form
        ("uv sync --only-group worker-heavy", "d"),
        ("uv sync --only-dev", "c"),
        ("uv run --no-dev uvicorn a:b", "a"),
        ("poetry install --only main", "a"),
        ("poetry install --with worker-heavy --without dev", "ad"),
        ("poetry install -E ocr --without dev", "ab"),
        ("pdm install --prod -G worker-heavy", "ad"),
    ],
)
def test_a_command_installs_what_its_tool_would(command: str, expected: str) -> None:
    assert installed(command) == expected


def test_default_groups_are_the_projects() -> None:
    assert installed("uv sync", defaults=("dev", "worker-heavy")) == "acd"


WORKSPACE = uvlock(
    '[manifest]\nmembers = ["shelf", "api"]\n[manifest.dependency-groups]\nlint = [{ name = "c" }]\n'
    + project(requires=["a"])
    + project("api", requires=["b"], folder="packages/api")
    + "".join(map(package, "abc"))
)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("uv sync", "a"),
        ("uv sync --package api", "b"),
        ("uv sync --all-packages", "ab"),
        ("uv sync --group lint", "ac"),
    ],
)
def test_members_of_a_workspace_are_synced_by_name(command: str, expected: str) -> None:
    assert installed(command, WORKSPACE) == expected


def test_of_extras_that_exclude_each_other_the_one_that_is_installed_today_is_planned_for() -> None:
    lock = uvlock(
        'conflicts = [[{ package = "shelf", extra = "cpu" }, { package = "shelf", extra = "gpu" }]]\n'
        + project(
            more="[package.optional-dependencies]\n"
            'cpu = [{ name = "torch", version = "2.5+cpu", marker = "extra == \'extra-5-shelf-cpu\'" }]\n'
            'gpu = [{ name = "torch", version = "2.5", marker = "extra == \'extra-5-shelf-gpu\'" }]\n'
        )
        + package("torch", "2.5+cpu")
        + package("torch", "2.5")
    )
    project_entry = lock.project(None)
    assert project_entry is not None

    unasked = universe(lock, project_entry, environment())
    asked = universe(lock, project_entry, environment(), [request("uv sync --extra gpu")])

    assert {p.version for p in unasked.available.values() if not p.is_local} == {"2.5+cpu"}
    assert {p.version for p in asked.available.values() if not p.is_local} == {"2.5"}


def test_groups_for_developers_are_not_offered_to_services() -> None:
    project_entry = LOCK.project(None)
    assert project_entry is not None

    found = universe(LOCK, project_entry, environment())

    assert set(found.installable) - set(found.available) == {"c"}
