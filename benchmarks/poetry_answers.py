"""What ``poetry install`` would put into environments that are not here; run by the Python that has poetry.

Reads ``{"folder": ..., "choices": [{"groups": [...], "extras": [...]}], "environments": [{marker variables}]}`` from
standard input, writes for each choice and each environment lists of [name, version], or a text when poetry refuses.
It is poetry's own installer that answers; only what it would do to the machine is written down instead of done. Where a
lock takes two versions of one name, of which poetry would leave either, its resolver is asked to choose between them
(``installer.re-resolve``).

From a lock before 2.1, which does not say what comes with which extra, poetry goes by names alone and installs more
than the extras need (what another extra's package wants of theirs, say). There its resolver is asked once more, for a
project that has no extras but the wanted ones. The answer is a pair: what poetry installs, and what it resolves to.
A lock that is older than its project, which poetry refuses to install, is read all the same; ``fresh`` tells of it.
"""

import json
import sys
from copy import deepcopy
from pathlib import Path

from cleo.io.null_io import NullIO
from poetry.config.config import Config
from poetry.core.packages.package import Package
from poetry.factory import Factory
from poetry.installation.executor import Executor
from poetry.installation.installer import Installer
from poetry.installation.operations.operation import Operation
from poetry.poetry import Poetry
from poetry.puzzle.solver import Solver
from poetry.repositories.installed_repository import InstalledRepository
from poetry.repositories.repository_pool import RepositoryPool
from poetry.utils.env import MockEnv

Choice = dict[str, list[str]]
Variables = dict[str, str]


class Listener(Executor):
    """Hears what is to be installed, and installs nothing."""

    def execute(self, operations: list[Operation]) -> int:
        self.heard = [op.package for op in operations if not op.skipped and op.job_type == "install"]
        return 0


def answer(poetry: Poetry, choice: Choice, variables: Variables, config: Config) -> list[Package]:
    environment = mocked(variables)
    pool = RepositoryPool()
    executor = Listener(environment, pool, config, NullIO())
    installer = Installer(
        NullIO(), environment, poetry.package, poetry.locker, pool, config, InstalledRepository(), executor
    )
    installer.only_groups(choice["groups"])
    installer.extras(choice["extras"])
    installer.run()
    return executor.heard


def resolved(poetry: Poetry, choice: Choice, variables: Variables) -> list[Package]:
    """What the lock has for the chosen groups and extras, as if the project had no other extras."""
    environment, wanted = mocked(variables), set(choice["extras"])
    root = deepcopy(poetry.package).with_dependency_groups(list(choice["groups"]), only=True)
    for group in list(root.dependency_group_names()):
        for dependency in list(root.dependency_group(group).dependencies):
            if dependency.is_optional() and not wanted & set(dependency.in_extras):
                root.dependency_group(group).remove_dependency(dependency.name)
    locked = poetry.locker.locked_repository()
    pool = RepositoryPool.from_packages(locked.packages, Config())
    solver = Solver(root, pool, [], locked.packages, NullIO(), active_root_extras=choice["extras"])
    solver.provider.load_deferred(False)
    with solver.use_environment(environment):
        return list(solver.solve().get_solved_packages())


def described(packages: list[Package]) -> list[list[str]]:
    return sorted(
        [p.name, "direct" if p.source_type not in {None, "legacy"} else p.version.text]
        for p in packages
        if p.source_type != "directory"
    )


def mocked(variables: Variables) -> MockEnv:
    return MockEnv(
        tuple(map(int, variables["python_full_version"].split("."))),
        platform=variables["sys_platform"],
        platform_machine=variables["platform_machine"],
        marker_env=variables,
        path=Path("nowhere"),
    )


def main() -> None:
    question = json.load(sys.stdin)
    poetry = Factory().create_poetry(Path(question["folder"]), with_groups=True, disable_plugins=True)
    fresh = poetry.locker.is_fresh()
    poetry.locker.is_fresh = lambda: True  # a lock that is older than its project can still be read
    resolving = Config()
    resolving.merge({"installer": {"re-resolve": True}})
    found = []
    for choice in question["choices"]:
        row = []
        for variables in question["environments"]:
            try:
                packages = answer(poetry, choice, variables, Config())
                if len({package.name for package in packages}) < len(packages):
                    packages = answer(poetry, choice, variables, resolving)
                exact = packages
                if choice["extras"] and not poetry.locker.is_locked_groups_and_markers():
                    exact = resolved(poetry, choice, variables)
                row.append([described(packages), described(exact)])
            except Exception as error:  # noqa: BLE001 - whatever poetry says is its answer
                row.append(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
        found.append(row)
    json.dump({"fresh": fresh, "answers": found}, sys.stdout)


if __name__ == "__main__":
    main()
