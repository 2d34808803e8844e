import pytest

from careen.platforms import Platform
from careen.python.locked import StaleLockError
from careen.python.selection import Wanted, activation, closure, declared_extras, project_roots
from fakes.locks import environment, package, project, uvlock


def names(selected: object) -> list[str]:
    return [f"{item.package.name} {item.package.version}" for item in selected]  # type: ignore[attr-defined]


def test_the_walk_follows_edges_whose_markers_hold_and_the_extras_asked_for() -> None:
    lock = uvlock(
        project(requires=['{ name = "celery", extra = ["redis"] }'])
        + package(
            "celery",
            requires=["kombu", '{ name = "pywin32", marker = "sys_platform == \'win32\'" }'],
            more='[package.optional-dependencies]\nredis = [{ name = "redis" }]\nsqs = [{ name = "boto3" }]\n',
        )
        + package("kombu")
        + package("redis")
        + package("boto3")
        + package("pywin32")
    )

    selected = closure(lock, [Wanted(lock.local[0].name, (), "the project")], environment())

    assert names(selected) == ["celery 1.0", "kombu 1.0", "redis 1.0", "shelf 0.1.0"]
    assert selected[2].reasons == ("required by celery[redis]",)


def test_a_cycle_ends() -> None:
    lock = uvlock(project(requires=["a"]) + package("a", requires=["b"]) + package("b", requires=["a"]))

    assert names(closure(lock, [Wanted(lock.local[0].name, (), "x")], environment())) == [
        "a 1.0",
        "b 1.0",
        "shelf 0.1.0",
    ]


FORKS = (
    project(
        requires=[
            '{ name = "numpy", version = "1.26", source = { registry = "https://index.example/simple" }, marker = "python_full_version < \'3.12\'" }',  # noqa: E501
            '{ name = "numpy", version = "2.1", source = { registry = "https://index.example/simple" }, marker = "python_full_version >= \'3.12\'" }',  # noqa: E501
        ]
    )
    + package("numpy", "1.26", more="resolution-markers = [\"python_full_version < '3.12'\"]")
    + package("numpy", "2.1", more="resolution-markers = [\"python_full_version >= '3.12'\"]")
)


@pytest.mark.parametrize(("minor", "expected"), [(11, "numpy 1.26"), (13, "numpy 2.1")])
def test_forks_are_told_apart_by_the_target(minor: int, expected: str) -> None:
    lock = uvlock(FORKS)

    assert names(closure(lock, [Wanted(lock.local[0].name, (), "x")], environment(minor)))[0] == expected


def test_the_patch_level_decides_where_a_marker_asks_for_it() -> None:
    marker = "python_full_version < '3.11.3'"
    lock = uvlock(project(requires=[f'{{ name = "async-timeout", marker = "{marker}" }}']) + package("async-timeout"))
    root = [Wanted(lock.local[0].name, (), "x")]

    assert len(closure(lock, root, environment(11, 2))) == 2
    assert len(closure(lock, root, environment(11, 3))) == 1


def test_one_version_from_two_indexes_is_told_apart_by_source() -> None:
    cpu, gpu = 'registry = "https://cpu.example"', 'registry = "https://index.example/simple"'
    arm, amd = "platform_machine == 'aarch64'", "platform_machine != 'aarch64'"
    lock = uvlock(
        project(
            requires=[
                f'{{ name = "torch", version = "2.5", source = {{ {gpu} }}, marker = "{arm}" }}',
                f'{{ name = "torch", version = "2.5", source = {{ {cpu} }}, marker = "{amd}" }}',
            ]
        )
        + package("torch", "2.5", source=gpu)
        + package("torch", "2.5", source=cpu)
    )
    root = [Wanted(lock.local[0].name, (), "x")]

    on_amd = closure(lock, root, environment())[1].package
    on_arm = closure(lock, root, environment(platform=Platform.parse("linux/arm64")))[1].package

    assert "cpu.example" in str(on_amd.source)
    assert "index.example" in str(on_arm.source)


def test_conflicting_extras_choose_by_what_is_active() -> None:
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
    shelf = lock.local[0]

    found = closure(lock, [Wanted(shelf.name, ("cpu",), "x")], environment())

    assert names(found) == ["shelf 0.1.0", "torch 2.5+cpu"]
    assert "extra-5-shelf-cpu" in activation(shelf, extras=["cpu"], groups=[]).extras


def test_a_stale_lock_names_who_asks() -> None:
    lock = uvlock(project(requires=["celery"]))

    with pytest.raises(StaleLockError, match=r"uv.lock: celery is not in the lock, but required by shelf"):
        closure(lock, [Wanted(lock.local[0].name, (), "x")], environment())


def test_roots_are_the_project_its_groups_and_its_extras() -> None:
    lock = uvlock(
        project(
            requires=["a"],
            more='[package.optional-dependencies]\nx = [{ name = "b" }]\n[package.dev-dependencies]\ndev = [{ name = "c", extra = ["fast"] }]\n',  # noqa: E501
        )
        + "".join(map(package, "abc"))
    )
    shelf = lock.local[0]

    roots = project_roots(shelf, environment(), groups=["dev"], extras=["x"])

    assert [(root.name, root.reason) for root in roots] == [
        ("a", "asked for in dependencies of shelf"),
        ("b", "asked for in the extra x of shelf"),
        ("c", "asked for in the group dev of shelf"),
    ]
    assert declared_extras([shelf]) == {"a": (), "b": (), "c": ("fast",)}
