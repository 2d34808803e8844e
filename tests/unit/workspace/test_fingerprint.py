import os
from pathlib import Path

import pytest

from careen.workspace.fingerprint import fingerprint


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "src/deep").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / "src/deep/a.py").write_text("a\n")
    (root / ".git/index").write_text("x")
    (root / "link").symlink_to("src")
    return root


def test_it_is_the_same_for_the_same_listing(tree: Path) -> None:
    before = fingerprint(tree)
    os.utime(tree / "src/deep/a.py", (1, 1))

    assert fingerprint(tree).digest == before.digest
    assert fingerprint(tree).changed_ns >= before.changed_ns > 0


@pytest.mark.parametrize("change", ["size", "new", "gone", "folder", "mode", "link"])
def test_every_change_of_a_listing_is_seen(change: str, tree: Path) -> None:
    before = fingerprint(tree)
    match change:
        case "size":
            (tree / "src/deep/a.py").write_text("longer\n")
        case "new":
            (tree / "src/b.py").write_text("")
        case "gone":
            (tree / "src/deep/a.py").unlink()
        case "folder":
            (tree / "empty").mkdir()
        case "mode":
            (tree / "src/deep/a.py").chmod(0o755)
        case "link":
            (tree / "link").unlink()
            (tree / "link").symlink_to("elsewhere")

    assert fingerprint(tree).digest != before.digest


def test_what_is_passed_over_may_change(tree: Path) -> None:
    before = fingerprint(tree, passed_over=[".git"])
    (tree / ".git/index").write_text("another")

    assert fingerprint(tree, passed_over=[".git"]).digest == before.digest
    assert fingerprint(tree).digest != before.digest


def test_a_loop_of_links_is_not_followed(tree: Path) -> None:
    (tree / "loop").symlink_to(".")

    assert fingerprint(tree).digest != fingerprint(tree / "src").digest
