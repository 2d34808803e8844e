"""Whether careen selects from a uv.lock what uv itself does: ``python benchmarks/lock_equality.py FOLDER...``.

Looks for uv.lock below each folder, asks ``uv export`` for several choices of extras and groups, and compares the names
and versions for every platform and Python that the lock allows. Exits with 1 when any differ.
"""

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from packaging.markers import Marker
from packaging.specifiers import SpecifierSet

from careen.errors import CareenError
from careen.plan.lock_view import synced
from careen.plan.sync import SyncRequest
from careen.platforms import Platform
from careen.python.environment import TargetEnvironment
from careen.python.locked import LocalSource, Lock, LockedPackage, RegistrySource
from careen.python.names import PythonVersion, package_name
from careen.python.pyproject import Pyproject, read_pyproject
from careen.python.uvlock import read_uvlock
from careen.text.source import Source

PLATFORMS = ("linux/amd64", "linux/arm64")
PATCHES = {8: 20, 9: 18, 10: 13, 11: 2, 12: 7, 13: 5, 14: 0}
UV = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
_PINNED = re.compile(r"([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?(?:==(\S+)| @ (\S+))")


@dataclass(frozen=True)
class Choice:
    """A way to install, in uv's words and in careen's."""

    name: str
    options: tuple[str, ...]
    request: SyncRequest


def choices(project: LockedPackage, lock: Lock) -> Iterator[Choice]:
    yield Choice("default", (), SyncRequest())
    yield Choice("no dev", ("--no-dev",), SyncRequest(without_groups=("dev",)))
    yield Choice("no default groups", ("--no-default-groups",), SyncRequest(defaults=False))
    if not lock.conflicts:
        everything = SyncRequest(all_extras=True, all_groups=True)
        yield Choice("all", ("--all-extras", "--all-groups"), everything)
        if lock.members and lock.project(None) is project:
            members = SyncRequest(all_members=True, defaults=False)
            yield Choice("all members", ("--all-packages", "--no-default-groups"), members)
    for extra in list(project.extras)[:6]:
        yield Choice(
            f"extra {extra}",
            ("--extra", extra, "--no-default-groups"),
            SyncRequest(extras=(extra,), defaults=False),
        )
    for group in list(project.groups)[:6]:
        yield Choice(f"only {group}", ("--only-group", group), SyncRequest(groups=(group,), only=True))


def exported(folder: Path, options: Sequence[str]) -> str | None:
    argv = [UV, "export", "--frozen", "--offline", "--quiet", "--no-hashes", "--no-header", "--no-annotate", *options]
    answer = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    if answer.returncode:
        print(f"   uv export {' '.join(options)}: {answer.stderr.strip().splitlines()[-1][:160]}", file=sys.stderr)
        return None
    return answer.stdout


def chosen_by_uv(text: str, environment: TargetEnvironment) -> set[tuple[str, str]]:
    found = set()
    for line in text.splitlines():
        requirement, _, marker = line.partition(" ; ")
        match = _PINNED.match(requirement)
        if match is None or (marker and not Marker(marker).evaluate({**environment.values, "extra": ""})):
            continue
        found.add((package_name(match[1]), match[2] or "direct"))
    return found


def compare(path: Path) -> tuple[int, int]:
    folder = path.parent
    lock = read_uvlock(Source(PurePosixPath(path.name), path.read_text()))
    pyproject = _pyproject(folder)
    project = lock.project(pyproject.name)
    if project is not None:
        return compare_project(path, lock, project, pyproject.default_groups, ())
    done = wrong = 0
    for member in lock.members:  # a workspace without a project of its own
        project = lock.project(member)
        if project is not None and isinstance(project.source, LocalSource):
            groups = _pyproject(folder / project.source.path).default_groups
            more, different = compare_project(path, lock, project, groups, ("--package", member))
            done, wrong = done + more, wrong + different
    return done, wrong


def _pyproject(folder: Path) -> Pyproject:
    return read_pyproject(Source(PurePosixPath("pyproject.toml"), (folder / "pyproject.toml").read_text()))


def compare_project(
    path: Path, lock: Lock, project: LockedPackage, default_groups: Sequence[str], options: Sequence[str]
) -> tuple[int, int]:
    allowed = SpecifierSet(lock.requires_python or "")
    environments = [
        TargetEnvironment(PythonVersion(minor), Platform.parse(platform), patch)
        for minor, patch in PATCHES.items()
        if allowed.contains(f"3.{minor}.{patch}")
        for platform in PLATFORMS
    ]
    done = wrong = 0
    for choice in choices(project, lock):
        text = exported(path.parent, (*options, *choice.options))
        if text is None:
            continue
        for environment in environments:
            mine = {
                (p.name, p.version if isinstance(p.source, RegistrySource) else "direct")
                for p in synced(
                    choice.request,
                    lock,
                    project,
                    environment,
                    lambda member: default_groups if member is project else ("dev",),
                ).values()
                if not p.is_local
            }
            theirs = chosen_by_uv(text, environment)
            done += 1
            if mine != theirs:
                wrong += 1
                where = f"{project.name} {environment.python} {environment.platform}"
                extra, missing = sorted(mine - theirs)[:6], sorted(theirs - mine)[:6]
                print(f"   {path}: {choice.name}, {where}: careen has {extra} beyond uv, lacks {missing}")
    return done, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    locks = [lock for folder in parser.parse_args().folders for lock in sorted(folder.rglob("uv.lock"))]
    total = failed = read = 0
    for path in locks:
        try:
            done, wrong = compare(path)
        except (CareenError, OSError) as error:
            print(f"   {path}: {error}")
            failed += 1
            continue
        total, failed, read = total + done, failed + wrong, read + bool(done)
    print(f"{read} locks, {total} comparisons, {failed} different")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
