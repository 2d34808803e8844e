"""Git takes careen's patches, and makes of them what careen itself makes."""

import shutil
import subprocess
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from careen.findings import FixKind
from careen.rewrite.apply import apply_changes
from careen.rewrite.patchset import FileChange
from careen.rewrite.unified import patch_text

pytestmark = pytest.mark.real

LINES = st.text(st.sampled_from("ab\r\f\t\x85\u2028"), max_size=3)
TEXTS = st.builds(lambda lines, end: "\n".join(lines) + end, st.lists(LINES, max_size=12), st.sampled_from(["", "\n"]))
NAMES = st.sampled_from(["a", "b c", "d/e", 'f"g', "h\\i", "ü", "-x"])


def change(path: str, before: str | None, after: str | None) -> FileChange:
    return FileChange(path=PurePosixPath(path), before=before, after=after, disposition=FixKind.SAFE)


@given(st.dictionaries(NAMES, st.tuples(st.none() | TEXTS, st.none() | TEXTS), min_size=1, max_size=3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_git_makes_the_same_tree(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, tuple[str | None, ...]]
) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not on this machine (apt-get install git)")
    folder = tmp_path_factory.mktemp("trees")
    ours, theirs = folder / "ours", folder / "theirs"
    changes = [change(name, before, after) for name, (before, after) in files.items()]
    for root in (ours, theirs):
        root.mkdir()
        for each in changes:
            if each.before is not None:
                place = root / each.path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(each.before.encode())
    subprocess.run(["git", "init", "--quiet", str(theirs)], check=True)

    apply_changes(ours, changes)
    patch = patch_text(changes)
    if patch:
        # An unchanged tree is refused by git as an empty patch.
        subprocess.run(["git", "apply", "-"], input=patch.encode(), cwd=theirs, check=True, capture_output=True)

    assert tree(ours) == tree(theirs)


def tree(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(root).parts
    }
