"""All of a patch or none of it."""

import os
import stat
from pathlib import Path, PurePosixPath

import pytest

from careen.findings import FixKind
from careen.rewrite.apply import CannotApplyError, FolderInTheWayError, apply_changes, apply_into, undo
from careen.rewrite.patchset import FileChange


def change(path: str, before: str | None, after: str | None) -> FileChange:
    return FileChange(path=PurePosixPath(path), before=before, after=after, disposition=FixKind.SAFE)


def tree(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "a").write_text("a\n")
    (folder / "b").write_text("b\n")
    return folder


def test_files_are_changed_made_and_taken_away(project: Path) -> None:
    changes = [change("a", "a\n", "A\r\n"), change("new/deep/c", None, "c\n"), change("b", "b\n", None)]

    paths = apply_changes(project, changes)

    assert paths == (PurePosixPath("a"), PurePosixPath("b"), PurePosixPath("new/deep/c"))
    assert (project / "a").read_bytes() == b"A\r\n"
    assert tree(project).keys() == {"a", "new/deep/c"}


def test_the_mode_of_a_file_stays(project: Path) -> None:
    (project / "a").chmod(0o755)

    apply_changes(project, [change("a", "a\n", "A\n")])

    assert stat.S_IMODE((project / "a").stat().st_mode) == 0o755


def test_undo_gives_the_old_tree_back(project: Path) -> None:
    before = tree(project)
    changes = [change("a", "a\n", "A\n"), change("c", None, "c\n"), change("b", "b\n", None)]
    apply_changes(project, changes)

    undo(project, changes)

    assert tree(project) == before


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param(change("b", "other\n", "B\n"), "changed since it was read", id="changed-meanwhile"),
        pytest.param(change("missing", "x\n", "y\n"), "no such file", id="gone"),
        pytest.param(change("b", None, "B\n"), "exists", id="made-meanwhile"),
        pytest.param(change("../outside", None, "x\n"), "outside", id="climbs-out"),
        pytest.param(change("/outside", None, "x\n"), "outside", id="absolute"),
        pytest.param(change("a/under-a-file", None, "x\n"), "nothing was changed", id="parent-is-a-file"),
    ],
)
def test_one_bad_change_keeps_the_others_from_being_made(project: Path, bad: FileChange, reason: str) -> None:
    before = tree(project)

    with pytest.raises(CannotApplyError, match=reason):
        apply_changes(project, [change("a", "a\n", "A\n"), bad])

    assert tree(project) == before


def test_a_read_only_file_is_refused(project: Path) -> None:
    (project / "b").chmod(0o444)

    with pytest.raises(CannotApplyError, match="b: is read-only") as caught:
        apply_changes(project, [change("a", "a\n", "A\n"), change("b", "b\n", "B\n")])

    assert caught.value.hints == ("make it writable: chmod u+w b",)
    assert (project / "a").read_text() == "a\n"


def test_a_link_inside_the_tree_is_written_through(project: Path) -> None:
    (project / "link").symlink_to("a")

    apply_changes(project, [change("link", "a\n", "A\n")])

    assert (project / "link").is_symlink()
    assert (project / "a").read_text() == "A\n"


def test_a_link_out_of_the_tree_is_refused(project: Path) -> None:
    outside = project.parent / "outside"
    outside.write_text("x\n")
    (project / "link").symlink_to(outside)

    with pytest.raises(CannotApplyError, match="leads out of the project"):
        apply_changes(project, [change("link", "x\n", "y\n")])

    assert outside.read_text() == "x\n"


def test_what_was_replaced_is_put_back_when_a_later_step_fails(project: Path) -> None:
    # `new` cannot be a file when `new/c` makes a folder of it: that shows only after `a` and `b` were replaced.
    before = tree(project)
    clash = [change("new", None, "x\n"), change("new/c", None, "c\n")]

    with pytest.raises(CannotApplyError, match="nothing was changed"):
        apply_changes(project, [change("a", "a\n", "A\n"), change("b", "b\n", None), *clash])

    assert tree(project) == before
    assert sorted(path.name for path in project.iterdir()) == ["a", "b"]


def test_nothing_lies_about_afterwards(project: Path) -> None:
    apply_changes(project, [change("a", "a\n", "A\n"), change("b", "b\n", None)])

    assert [path.name for path in project.iterdir()] == ["a"]


class TestCopy:
    @pytest.fixture
    def full(self, project: Path) -> Path:
        (project / ".git").mkdir()
        (project / ".git" / "HEAD").write_text("ref\n")
        (project / ".venv").mkdir()
        (project / "src" / "__pycache__").mkdir(parents=True)
        (project / "src" / "app.py").write_text("x = 1\n")
        (project / "src" / "run").write_text("#!/bin/sh\n")
        (project / "src" / "run").chmod(0o755)
        (project / "link").symlink_to("src/app.py")
        os.mkfifo(project / "pipe")
        return project

    def test_holds_the_project_and_the_changes(self, full: Path, tmp_path: Path) -> None:
        into = tmp_path / "deep" / "out"

        paths = apply_into(full, into, [change("a", "a\n", "A\n"), change("c", None, "c\n")])

        assert paths == (PurePosixPath("a"), PurePosixPath("c"))
        assert tree(into) == {
            "a": "A\n",
            "b": "b\n",
            "c": "c\n",
            "link": "x = 1\n",
            "src/app.py": "x = 1\n",
            "src/run": "#!/bin/sh\n",
        }
        assert os.access(into / "src" / "run", os.X_OK)
        assert (into / "link").is_symlink()
        assert (full / "a").read_text() == "a\n"

    def test_inside_the_project_does_not_hold_itself(self, full: Path) -> None:
        apply_into(full, full / "out", [])

        assert not (full / "out" / "out").exists()

    def test_never_goes_into_a_folder_with_something_in_it(self, full: Path, tmp_path: Path) -> None:
        into = tmp_path / "out"
        into.mkdir()
        (into / "mine").write_text("x")

        with pytest.raises(FolderInTheWayError, match="is not empty"):
            apply_into(full, into, [])

        assert tree(into) == {"mine": "x"}

    def test_leaves_nothing_when_a_change_cannot_be_made(self, full: Path, tmp_path: Path) -> None:
        with pytest.raises(CannotApplyError):
            apply_into(full, tmp_path / "out", [change("a", "wrong\n", "A\n")])

        assert [path.name for path in tmp_path.iterdir()] == ["project"]
