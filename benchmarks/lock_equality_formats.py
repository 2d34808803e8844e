"""Whether careen selects from other locks what their tools do: ``benchmarks/lock_equality_formats.py FOLDER...``.

Looks below each folder for poetry.lock (asks ``poetry export``), Pipfile.lock (``pipenv requirements``), pdm.lock
(``pdm export``), and uv.lock, which uv writes as pylock.toml and as requirements with hashes, to be read back and
compared with ``uv export``. Names and versions for every platform and Python that a lock allows. A tool that is not
here is left out by name. Exits with 1 when any differ.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from lock_equality import PATCHES, PLATFORMS, chosen_by_uv, exported

from careen.errors import CareenError
from careen.plan.lock_view import synced
from careen.plan.sync import SyncRequest
from careen.platforms import Platform
from careen.python.environment import TargetEnvironment
from careen.python.locked import Lock, RegistrySource
from careen.python.names import PythonVersion
from careen.python.pdm_lock import read_pdm_lock
from careen.python.pipfile_lock import read_pipfile_lock
from careen.python.poetry_constraints import python_marker
from careen.python.poetry_lock import read_poetry_lock
from careen.python.poetry_project import read_poetry_project
from careen.python.pylock import read_pylock
from careen.python.requirement_files import read_requirement_file
from careen.python.requirement_lock import lock_of_requirements
from careen.text.source import Source

Case = tuple[str, Lock, SyncRequest, str]
"""What is compared, careen's lock and request, and the other tool's list of requirements."""


def source(path: Path) -> Source:
    return Source(PurePosixPath(path.name), path.read_text())


def said(argv: Sequence[str | Path], folder: Path) -> str | None:
    environment = {**os.environ, "PIPENV_IGNORE_VIRTUALENVS": "1", "PIPENV_VERBOSITY": "-1", "NO_COLOR": "1"}
    answer = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    if answer.returncode:
        told = (answer.stderr.strip() or answer.stdout.strip()).splitlines()[-1:]
        print(f"   {folder}: {' '.join(map(str, argv))}: {''.join(told)[:200]}", file=sys.stderr)
        return None
    return answer.stdout


def poetry_cases(path: Path, tool: str) -> Iterator[Case]:
    project = read_poetry_project(tomllib.loads((path.parent / "pyproject.toml").read_text()))
    lock = read_poetry_lock(source(path), project)
    export = [tool, "export", "--format", "requirements.txt", "--without-hashes"]
    choices: list[tuple[str, list[str], SyncRequest]] = [
        ("main", [], SyncRequest(defaults=False)),
        (
            "all",
            ["--all-extras", *(f"--with={group}" for group in project.groups)],
            SyncRequest(all_extras=True, all_groups=True),
        ),
    ]
    choices += [
        (f"with {g}", [f"--with={g}"], SyncRequest(groups=(g,), defaults=False)) for g in list(project.groups)[:3]
    ]
    choices += [(f"only {g}", [f"--only={g}"], SyncRequest(groups=(g,), only=True)) for g in list(project.groups)[:3]]
    choices += [
        (f"extra {e}", [f"--extras={e}"], SyncRequest(extras=(e,), defaults=False)) for e in list(project.extras)[:2]
    ]
    for name, options, request in choices:
        text = said([*export, *options], path.parent)
        if text is not None:
            yield name, lock, request, text


def pipenv_cases(path: Path, tool: str) -> Iterator[Case]:
    lock = read_pipfile_lock(source(path))
    for name, options, request in (
        ("default", [], SyncRequest(defaults=False)),
        ("dev", ["--dev"], SyncRequest(groups=("dev",), defaults=False)),
    ):
        text = said([tool, "requirements", *options], path.parent)
        if text is not None:
            yield name, lock, request, text


def pdm_cases(path: Path, tool: str) -> Iterator[Case]:
    project = tomllib.loads((path.parent / "pyproject.toml").read_text()).get("project", {})
    lock = read_pdm_lock(source(path), extras=tuple(project.get("optional-dependencies", {})))
    for name, options, request in (
        ("default", ["--prod"], SyncRequest(defaults=False)),
        ("all", ["--group", ":all"], SyncRequest(all_groups=True, all_extras=True)),
    ):
        text = said([tool, "export", "--no-hashes", "--no-extras", "--format", "requirements", *options], path.parent)
        if text is not None:
            yield name, lock, request, text


def uv_cases(path: Path, tool: str) -> Iterator[Case]:
    del tool
    for name, options in (("default", []), ("all", ["--all-extras", "--all-groups"])):
        text = exported(path.parent, options)
        if text is None:
            continue
        argv = ["uv", "export", "--frozen", "--offline", "--quiet", "--no-header", *options]
        pylock = said([*argv, "--format", "pylock.toml"], path.parent)
        listed = said(argv, path.parent)
        if pylock is not None:
            yield f"pylock of {name}", read_pylock(Source(PurePosixPath("pylock.toml"), pylock)), SyncRequest(), text
        if listed is not None:
            written = Source(PurePosixPath("requirements.txt"), listed)
            file = read_requirement_file(written.path, lambda _, found=written: found)
            lock = lock_of_requirements([file])
            yield f"requirements of {name}", lock, SyncRequest(groups=("requirements.txt",), only=True), text


KINDS: dict[str, tuple[str, Callable[[Path, str], Iterator[Case]]]] = {
    "poetry.lock": ("poetry", poetry_cases),
    "Pipfile.lock": ("pipenv", pipenv_cases),
    "pdm.lock": ("pdm", pdm_cases),
    "uv.lock": ("uv", uv_cases),
}


def selected(lock: Lock, request: SyncRequest, environment: TargetEnvironment) -> set[tuple[str, str]]:
    root = lock.root
    if root is None:
        return set()
    found = synced(request, lock, root, environment, lambda _: lock.default_groups or ())
    return {
        (p.name, p.version if isinstance(p.source, RegistrySource) else "direct")
        for p in found.values()
        if p is not root and not p.is_local
    }


def environments(lock: Lock) -> Iterator[TargetEnvironment]:
    """Those that the lock allows; for one that does not say, those of Python 3.11."""
    allowed = python_marker(lock.requires_python) if lock.requires_python is not None else "python_version == '3.11'"
    for minor, patch in PATCHES.items():
        for platform in PLATFORMS:
            environment = TargetEnvironment(PythonVersion(minor), Platform.parse(platform), patch)
            if environment.satisfies(allowed):
                yield environment


def compare(path: Path, cases: Iterator[Case]) -> tuple[int, int]:
    done = wrong = 0
    for name, lock, request, text in cases:
        wanted = re.sub(r"\s*;\s*", " ; ", text)
        for environment in environments(lock):
            mine, theirs = selected(lock, request, environment), chosen_by_uv(wanted, environment)
            done += 1
            if mine != theirs:
                wrong += 1
                where = f"{environment.python} {environment.platform}"
                extra, missing = sorted(mine - theirs)[:6], sorted(theirs - mine)[:6]
                print(f"   {path}: {name}, {where}: careen has {extra} beyond, lacks {missing}")
    return done, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    folders = parser.parse_args().folders
    failed = 0
    for name, (tool, cases) in KINDS.items():
        program = shutil.which(tool)
        paths = [path for folder in folders for path in sorted(folder.rglob(name))]
        if program is None or not paths:
            print(f"{name}: {f'{tool} is not here' if paths else 'none found'}")
            continue
        locks = total = different = refused = 0
        for path in paths:
            with tempfile.TemporaryDirectory() as scratch:
                copy = Path(scratch, "project")
                shutil.copytree(path.parent, copy, ignore=shutil.ignore_patterns(".venv", ".git", "node_modules"))
                try:
                    done, wrong = compare(copy / name, cases(copy / name, program))
                except (CareenError, OSError) as error:
                    print(f"   {path}: {error}")
                    refused += 1
                    continue
            if wrong:
                print(f"   ^ {path}")
            locks, total, different = locks + bool(done), total + done, different + wrong
        print(f"{name}: {locks} locks, {total} comparisons with {tool}, {different} different, {refused} not read")
        failed += different + refused
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
