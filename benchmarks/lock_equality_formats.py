"""Whether careen selects from other locks what their tools do: ``benchmarks/lock_equality_formats.py FOLDER...``.

Looks below each folder for poetry.lock (asks poetry's installer), Pipfile.lock (``pipenv requirements``), pdm.lock
(``pdm export``; ``pdm sync --dry-run``, for this machine only, where the lock is too old to be exported), pylock.toml
(``uv pip sync --dry-run``), and uv.lock, which uv writes as pylock.toml and as requirements with hashes, to be read
back and compared with ``uv export``. Names and versions for every platform and Python that a lock allows. A tool that
is not here is left out by name. Exits with 1 when any differ.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lock_equality import PATCHES, PLATFORMS, UV, chosen_by_uv, exported

from careen.errors import CareenError
from careen.plan.lock_view import synced
from careen.plan.sync import SyncRequest
from careen.platforms import Platform
from careen.python.environment import TargetEnvironment
from careen.python.locked import Lock, RegistrySource, StaleLockError
from careen.python.names import PythonVersion, package_name
from careen.python.pdm_lock import read_pdm_lock
from careen.python.pdm_project import read_pdm_project
from careen.python.pipfile_lock import read_pipfile_lock
from careen.python.poetry_constraints import python_marker
from careen.python.poetry_lock import read_poetry_lock
from careen.python.poetry_project import read_poetry_project
from careen.python.pylock import read_pylock
from careen.python.requirement_files import read_requirement_file
from careen.python.requirement_lock import lock_of_requirements
from careen.text.source import Source

Chosen = set[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """What the other tool installs into an environment, and what of it is needed."""

    environment: TargetEnvironment
    installs: Chosen
    needs: Chosen


Case = tuple[str, Lock, SyncRequest, list[Answer]]
"""What is compared, careen's lock and request, and what the other tool answers for each environment of the lock."""


class NoAnswerError(Exception):
    """The other tool does not say what it would install."""


def by_markers(lock: Lock, text: str) -> list[Answer]:
    """A list of requirements as each environment of the lock takes it."""
    wanted = re.sub(r"\s*;\s*", " ; ", text)
    return [
        Answer(environment, chosen, chosen)
        for environment in environments(lock)
        for chosen in [chosen_by_uv(wanted, environment)]
    ]


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
    """Everything is asked of one run of poetry's Python, whose start and reading of the lock cost the most."""
    project = read_poetry_project(tomllib.loads((path.parent / "pyproject.toml").read_text()))
    lock = read_poetry_lock(source(path), project)
    groups, extras = list(project.groups), list(project.extras)
    usual = list(project.default_groups)
    choices: list[tuple[str, list[str], list[str], SyncRequest]] = [
        ("unasked", ["main", *usual], [], SyncRequest()),
        ("main", ["main"], [], SyncRequest(defaults=False)),
        ("all", ["main", *groups], extras, SyncRequest(all_extras=True, all_groups=True)),
    ]
    choices += [(f"with {g}", ["main", g], [], SyncRequest(groups=(g,), defaults=False)) for g in groups]
    choices += [(f"only {g}", [g], [], SyncRequest(groups=(g,), only=True)) for g in groups]
    choices += [(f"extra {e}", ["main"], [e], SyncRequest(extras=(e,), defaults=False)) for e in extras]
    targets = [*environments(lock)]
    if re.search(r'^lock-version = "(1\.\d+|2\.0)"', path.read_text(), re.MULTILINE):
        targets = list({id(t): t for t in (targets[0], targets[-1])}.values())  # poetry resolves for each, in seconds
    question = {
        "folder": str(path.parent.absolute()),
        "choices": [{"groups": wanted, "extras": chosen} for _, wanted, chosen, _ in choices],
        "environments": [
            {**environment.values, "platform_release": "6.1.0", "platform_version": "1"} for environment in targets
        ],
    }
    python = Path(tool).resolve().with_name("python")
    script = Path(__file__).with_name("poetry_answers.py")
    done = subprocess.run([python, script], input=json.dumps(question), capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoAnswerError(f"poetry: {''.join(done.stderr.strip().splitlines()[-1:])[:300]}")
    found = json.loads(done.stdout)
    if not found["fresh"]:
        print(f"   {path}: older than its project, so poetry would refuse to install it; compared as it stands")
    for (name, _, _, request), row in zip(choices, found["answers"], strict=True):
        if not found["fresh"] and (lacking := stale(lock, request, targets)) is not None:
            print(f"   {path}: {name}: careen refuses it as well: {lacking}")
            continue
        refusals = sorted({answer for answer in row if isinstance(answer, str)})
        if refusals:
            raise NoAnswerError(f"poetry refuses: {refusals[0]}")
        sets = [[{(package_name(n), version) for n, version in side} for side in pair] for pair in row]
        yield name, lock, request, [Answer(t, *pair) for t, pair in zip(targets, sets, strict=True)]


def pipenv_cases(path: Path, tool: str) -> Iterator[Case]:
    lock = read_pipfile_lock(source(path))
    for name, options, request in (
        ("default", [], SyncRequest(defaults=False)),
        ("dev", ["--dev"], SyncRequest(groups=("dev",), defaults=False)),
    ):
        text = said([tool, "requirements", *options], path.parent)
        if text is not None:
            yield name, lock, request, by_markers(lock, text)


def pdm_cases(path: Path, tool: str) -> Iterator[Case]:
    document = tomllib.loads((path.parent / "pyproject.toml").read_text())
    lock = read_pdm_lock(source(path), read_pdm_project(document, None))
    everything = SyncRequest(all_groups=True, all_extras=True)
    if "inherit_metadata" not in path.read_text():
        yield from pdm_sync_cases(lock, path, tool)
        return
    for name, options, request in (
        ("default", ["--prod"], SyncRequest(defaults=False)),
        ("all", ["--group", ":all"], everything),
    ):
        text = said([tool, "export", "--no-hashes", "--no-extras", "--format", "requirements", *options], path.parent)
        if text is not None:
            yield name, lock, request, by_markers(lock, text)


def pdm_sync_cases(lock: Lock, path: Path, tool: str) -> Iterator[Case]:
    """Into an empty environment of this machine's."""
    if said([UV, "venv", "--quiet", "--python", sys.executable, ".venv"], path.parent) is None:
        return
    version = sys.version_info
    machine = Platform.parse(f"linux/{'arm64' if platform.machine() == 'aarch64' else 'amd64'}")
    here = TargetEnvironment(PythonVersion(version.minor), machine, version.micro)
    for name, options, request in (
        ("default", ["--prod"], SyncRequest(defaults=False)),
        ("unasked", ["-d"], SyncRequest()),
    ):
        text = said([tool, "sync", "--dry-run", "--no-self", *options], path.parent)
        if text is not None:
            chosen = {
                (package_name(found[1]), found[2])
                for found in re.finditer(r"^\s*- ([A-Za-z0-9][\w.-]*)(?:\[.*\])? (\S+)$", text, re.MULTILINE)
            }
            yield name, lock, request, [Answer(here, chosen, chosen)]


def pylock_cases(path: Path, tool: str) -> Iterator[Case]:
    lock = read_pylock(source(path))
    choices: list[tuple[str, list[str], SyncRequest]] = [("default", [], SyncRequest())]
    if lock.root is not None and lock.root.extras:
        choices.append(("extras", ["--all-extras"], SyncRequest(all_extras=True)))
    with tempfile.TemporaryDirectory() as scratch:
        if said([UV, "venv", "--quiet", "--python", sys.executable, scratch], path.parent) is None:
            return
        for name, options, request in choices:
            answers = []
            for environment in environments(lock):
                machine = environment.platform.architecture.machine
                argv = [
                    tool,
                    "pip",
                    "sync",
                    "--dry-run",
                    "--offline",
                    "--allow-empty-requirements",
                    "--python",
                    scratch,
                ]
                argv += ["--python-platform", f"{machine}-manylinux_2_36"]
                argv += ["--python-version", f"{environment.python}.{environment.patch}", *options, path.name]
                done = subprocess.run(argv, cwd=path.parent, capture_output=True, text=True, check=False)
                if done.returncode:
                    told = "".join(done.stderr.strip().splitlines()[-1:])[:200]
                    print(f"   {path}: {name}, {environment.python} {environment.platform}: uv refuses it: {told}")
                    continue
                chosen = {
                    (package_name(found[1]), found[2] or "direct")
                    for found in re.finditer(
                        r"^ \+ ([\w.-]+)(?:==(\S+)| @ (?!file:)\S+)(?: .*)?$", done.stderr, re.MULTILINE
                    )
                }
                answers.append(Answer(environment, chosen, chosen))
            yield name, lock, request, answers


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
            lock = read_pylock(Source(PurePosixPath("pylock.toml"), pylock))
            yield f"pylock of {name}", lock, SyncRequest(), by_markers(lock, text)
        if listed is not None:
            written = Source(PurePosixPath("requirements.txt"), listed)
            file = read_requirement_file(written.path, lambda _, found=written: found)
            lock = lock_of_requirements([file])
            request = SyncRequest(groups=("requirements.txt",), only=True)
            yield f"requirements of {name}", lock, request, by_markers(lock, text)


KINDS: dict[str, tuple[str, Callable[[Path, str], Iterator[Case]]]] = {
    "poetry.lock": ("poetry", poetry_cases),
    "Pipfile.lock": ("pipenv", pipenv_cases),
    "pdm.lock": ("pdm", pdm_cases),
    "pylock.toml": ("uv", pylock_cases),
    "uv.lock": ("uv", uv_cases),
}


def selected(lock: Lock, request: SyncRequest, environment: TargetEnvironment) -> Chosen:
    root = lock.root
    if root is None:
        return set()
    found = synced(request, lock, root, environment, lambda _: lock.default_groups or ())
    return {
        (p.name, p.version if isinstance(p.source, RegistrySource) else "direct")
        for p in found.values()
        if p is not root and not p.is_local
    }


def stale(lock: Lock, request: SyncRequest, targets: Sequence[TargetEnvironment]) -> StaleLockError | None:
    """What careen says of a lock that lacks what its project asks for."""
    try:
        for environment in targets:
            selected(lock, request, environment)
    except StaleLockError as error:
        return error
    return None


def environments(lock: Lock) -> Iterator[TargetEnvironment]:
    """Those that the lock allows; for one that does not say, those of Python 3.11."""
    allowed = python_marker(lock.requires_python) if lock.requires_python is not None else "python_version == '3.11'"
    for minor, patch in PATCHES.items():
        for name in PLATFORMS:
            environment = TargetEnvironment(PythonVersion(minor), Platform.parse(name), patch)
            if environment.satisfies(allowed):
                yield environment


def compare(path: Path, cases: Iterator[Case]) -> tuple[int, int, int]:
    """How many were compared, how many differ, and how often the tool installs more than is needed."""
    done = wrong = beyond = 0
    for name, lock, request, answers in cases:
        for answer in answers:
            mine = selected(lock, request, answer.environment)
            done += 1
            if mine == answer.installs:
                continue
            if mine == answer.needs and mine < answer.installs:
                beyond += 1
                continue
            wrong += 1
            where = f"{answer.environment.python} {answer.environment.platform}"
            extra, missing = sorted(mine - answer.needs)[:6], sorted(answer.needs - mine)[:6]
            print(f"   {path}: {name}, {where}: careen has {extra} beyond, lacks {missing}")
    return done, wrong, beyond


@contextmanager
def place(path: Path) -> Iterator[Path]:
    """A copy for tools that write beside a lock. poetry only reads, and follows paths out of the folder."""
    if path.name == "poetry.lock":
        yield path
        return
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch, "project")
        shutil.copytree(path.parent, copy, ignore=shutil.ignore_patterns(".venv", ".git", "node_modules"))
        yield copy / path.name


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
        locks = total = different = beyond = unread = refused = 0
        for path in paths:
            try:
                with place(path) as lock:
                    done, wrong, more = compare(path, cases(lock, program))
            except NoAnswerError as error:
                print(f"   {path}: {error}", flush=True)
                refused += 1
                continue
            except (CareenError, OSError) as error:
                print(f"   {path}: {error}", flush=True)
                unread += 1
                continue
            print(f"   {path}: {done} comparisons, {wrong} different", flush=True)
            locks, total, different, beyond = locks + bool(done), total + done, different + wrong, beyond + more
        print(
            f"{name}: {locks} locks, {total} comparisons with {tool}, {different} different, {unread} not read; "
            f"{tool} installs more than is needed in {beyond}, refuses {refused} locks itself"
        )
        failed += different + unread
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
