"""Locking again after groups were written, by a uv that writes down how often it was asked."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from careen.app.relocking import LockingFailedError, VersionsMovedError, relocked
from careen.app.session import Session
from careen.findings import FixKind
from careen.rewrite.patchset import FileChange
from careen.workspace.files import ProjectFiles
from fakes.sessions import fake_session

PYPROJECT = '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["webber"]\n'
GROUPS = PYPROJECT + '\n[dependency-groups]\nweb = ["webber"]\n'
LOCK = (
    'version = 1\nrequires-python = ">=3.11"\n\n[[package]]\nname = "webber"\nversion = "0.5"\n'
    'source = { registry = "https://index.example/simple" }\n'
)
UV = """#!/bin/sh
if [ "$1" = --version ]; then read -r version < "${0%/*}/version"; echo "uv $version"; exit 0; fi
echo "$@" >> "$UV_ASKED"
[ "$UV_ANSWER" = fails ] && { echo "no solution" >&2; exit 1; }
[ "$UV_ANSWER" = pythonless ] && { echo "error: No interpreter found for Python >=3.14" >&2; exit 2; }
[ "$UV_ANSWER" = moves ] && sed -i s/0.5/0.6/ uv.lock
grep -q dependency-groups pyproject.toml && echo "# for the groups" >> uv.lock
exit 0
"""


class Place:
    def __init__(self, folder: Path) -> None:
        self.folder, self.asked, self.version = folder, folder / "asked", folder / "programs" / "version"
        self.project = folder / "project"
        self.project.mkdir()
        (self.project / "pyproject.toml").write_text(PYPROJECT)
        (self.project / "uv.lock").write_text(LOCK)
        programs = folder / "programs"
        programs.mkdir()
        self.version.write_text("0.9.1\n")
        (programs / "uv").write_text(UV)
        (programs / "uv").chmod(0o755)
        self.environment = {
            "PATH": f"{programs}:/usr/bin:/bin",
            "UV_ASKED": str(self.asked),
        }

    def session(self, answer: str) -> Session:
        environment = {**self.environment, "UV_ANSWER": answer}
        return fake_session(self.folder, "http://mirror.example", environment=environment)

    def relocked(self, after: str = GROUPS, *, answer: str = "") -> str | None:
        change = FileChange(
            path=PurePosixPath("pyproject.toml"),
            before=(self.project / "pyproject.toml").read_text(),
            after=after,
            disposition=FixKind.REVIEW,
        )
        found = relocked(self.session(answer), ProjectFiles(self.project), PurePosixPath(), [change])
        return found.after if found is not None else None

    @property
    def times(self) -> int:
        return len(self.asked.read_text().splitlines()) if self.asked.exists() else 0


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_the_answer_is_remembered_for_the_same_question(place: Place) -> None:
    first = place.relocked()

    assert first == LOCK + "# for the groups\n"
    assert place.relocked() == first
    assert place.times == 1
    assert (place.project / "uv.lock").read_text() == LOCK


def _other_groups(place: Place) -> str:
    del place
    return GROUPS.replace("web =", "api =")


def _other_lock(place: Place) -> str:
    (place.project / "uv.lock").write_text(LOCK.replace("0.5", "0.4"))
    return GROUPS


def _other_settings(place: Place) -> str:
    (place.project / "uv.toml").write_text("offline = true\n")
    return GROUPS


def _other_uv(place: Place) -> str:
    place.version.write_text("0.9.2\n")
    return GROUPS


@pytest.mark.parametrize("change", [_other_groups, _other_lock, _other_settings, _other_uv])
def test_whatever_uv_reads_is_part_of_the_question(place: Place, change: Callable[[Place], str]) -> None:
    place.relocked()

    place.relocked(change(place))

    assert place.times == 2


def test_a_project_whose_sources_uv_reads_is_locked_each_time(place: Place) -> None:
    (place.project / "pyproject.toml").write_text(PYPROJECT + 'dynamic = ["readme"]\n')
    place.relocked()
    place.relocked()
    assert place.times == 2


def test_what_moves_a_version_is_refused_and_not_remembered(place: Place) -> None:
    with pytest.raises(VersionsMovedError, match=r"webber 0\.5 -> 0\.6"):
        place.relocked(answer="moves")
    assert place.relocked() == LOCK + "# for the groups\n"


def test_a_machine_without_the_projects_python_is_told_so(place: Place) -> None:
    with pytest.raises(LockingFailedError, match="No interpreter found") as told:
        place.relocked(answer="pythonless")
    assert "requires-python" in told.value.hints[0]


def test_a_failure_is_told_in_the_words_of_uv(place: Place) -> None:
    with pytest.raises(LockingFailedError, match="no solution"):
        place.relocked(answer="fails")
    assert place.times == 2  # once more with the network
    assert place.relocked() is not None
