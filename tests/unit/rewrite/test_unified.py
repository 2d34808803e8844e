"""Patches as git writes them."""

from pathlib import PurePosixPath

from careen.findings import FixKind
from careen.rewrite.patchset import FileChange
from careen.rewrite.unified import patch_text


def change(path: str, before: str | None, after: str | None) -> FileChange:
    return FileChange(path=PurePosixPath(path), before=before, after=after, disposition=FixKind.SAFE)


def test_a_changed_line_has_three_lines_of_context() -> None:
    before = "".join(f"{number}\n" for number in range(1, 10))

    text = patch_text([change("a.txt", before, before.replace("5\n", "five\n"))])

    assert text == (
        "diff --git a/a.txt b/a.txt\n--- a/a.txt\n+++ b/a.txt\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
    )


def test_a_new_file_and_one_that_goes() -> None:
    text = patch_text([change("old", "gone\n", None), change("new", None, "here\n")])

    assert text == (
        "diff --git a/new b/new\nnew file mode 100644\n--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+here\n"
        "diff --git a/old b/old\ndeleted file mode 100644\n--- a/old\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n"
    )


def test_a_missing_final_newline_is_told_on_both_sides() -> None:
    text = patch_text([change("a", "x", "y")])

    assert text.endswith("-x\n\\ No newline at end of file\n+y\n\\ No newline at end of file\n")


def test_carriage_returns_and_form_feeds_do_not_end_lines() -> None:
    text = patch_text([change("a", "x\fy\r\nz\u2028w\r\n", "x\fy\r\nw\r\n")])

    assert "@@ -1,2 +1,2 @@\n x\fy\r\n-z\u2028w\r\n+w\r\n" in text


def test_odd_names_are_quoted_as_git_does() -> None:
    assert 'diff --git "a/\\303\\244\\t\\"" "b/\\303\\244\\t\\""' in patch_text([change('ä\t"', None, "x\n")])
    assert "+++ b/with space\t\n" in patch_text([change("with space", None, "x\n")])


def test_an_empty_new_file_has_no_hunk() -> None:
    assert patch_text([change("a", None, "")]) == "diff --git a/a b/a\nnew file mode 100644\n"


def test_nothing_is_said_of_a_change_that_changes_nothing() -> None:
    assert patch_text([change("a", "x\n", "x\n")]) == ""
