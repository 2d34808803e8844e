"""Two machines' worth of difference, and the same digests: folder, user, umask, time zone, locale, processors, and
the order in which the file system lists a folder.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from careen.oci.layout import Layout
from real.conftest import ShelfImages

pytestmark = pytest.mark.real
_TESTS = Path(__file__).parents[2]
_SMALL_STACK = """
import os, sys
from pathlib import Path
processors = int(sys.argv[3])
os.cpu_count = lambda: processors
from careen.build.engine import BuildOptions
from careen.build.native import build_stack
from fakes.stacks import write_stack
stack = write_stack(Path(sys.argv[1]), platform=sys.argv[4])
build_stack(stack.plan, stack.sources, output=Path(sys.argv[2]), options=BuildOptions())
print(os.getuid(), os.listdir(sys.argv[1]))
"""
_VERB = """
import os, sys
processors = int(sys.argv.pop(1))
os.cpu_count = lambda: processors
from careen.cli.main import main
print(os.getuid(), os.listdir(sys.argv[2]))
main()
"""
_FOREIGN = "linux/amd64" if os.uname().machine == "aarch64" else "linux/arm64"
_USER = "4321"
_ELSEWHERE = {"TZ": "Pacific/Chatham", "LC_ALL": "C", "PYTHONHASHSEED": "7", "HOME": "/nonexistent", "USER": "nobody"}
_HERE = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1"}


@pytest.fixture
def other_disk() -> Iterator[Path]:
    """On a file system that lists folders in another order than disks do: the newest file first."""
    memory = Path("/dev/shm")
    if not memory.is_dir():
        pytest.skip("there is no file system in memory here")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def as_another() -> list[str]:
    """Runs what follows as a user without rights, who owns the files all the same."""
    unshare = shutil.which("unshare")
    words = [str(unshare), "--user", f"--map-user={_USER}", f"--map-group={_USER}"]
    if unshare is None or subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no user namespace can be made here (unshare of util-linux 2.38)")
    return words


def listed(output: str) -> tuple[str, list[str]]:
    """The user, and a folder as it was listed."""
    user, _, names = output.splitlines()[0].partition(" ")
    return user, [name.strip("[]' ") for name in names.split(",")]


def run(words: list[str], folder: Path, umask: int, variables: dict[str, str]) -> str:
    done = subprocess.run(
        words, cwd=folder, env=variables, umask=umask, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_a_small_stack_has_the_same_digests_anywhere(tmp_path: Path, other_disk: Path) -> None:
    paths = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{_TESTS}:{_TESTS.parent / 'src'}"}

    def build(folder: Path, prefix: list[str], processors: str, umask: int, around: dict[str, str]) -> str:
        words = [*prefix, sys.executable, "-c", _SMALL_STACK, "stack", "out", processors, _FOREIGN]
        return run(words, folder, umask, {**paths, **around})

    (tmp_path / "stack").mkdir()
    other = other_disk / "a folder with a longer name"
    (other / "stack").mkdir(parents=True)
    one = listed(build(tmp_path, [], "2", 0o022, _HERE))
    two = listed(build(other, as_another(), "7", 0o077, _ELSEWHERE))
    assert (one[0], two[0]) == (str(os.getuid()), _USER)
    assert one[1] != two[1], "the folders are listed in different orders"
    assert sorted(one[1]) == sorted(two[1])
    assert (tmp_path / "out/index.json").read_bytes() == (other / "out/index.json").read_bytes()


@pytest.mark.network
def test_the_example_has_the_same_digests_anywhere(shelf_images: ShelfImages, other_disk: Path) -> None:
    project = other_disk / "other name"
    for path in sorted(shelf_images.project.rglob("*"), reverse=True):  # so that each folder is filled back to front
        place = project / path.relative_to(shelf_images.project)
        if path.is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
            place.chmod(0o700 if os.access(path, os.X_OK) and path.stat().st_mode & 0o100 else 0o600)
    variables = {**os.environ, **_ELSEWHERE, "CAREEN_CACHE": str(other_disk / "cache")}
    words = ["build", str(project), "--output", str(other_disk / "out"), "--quiet"]
    told = run([*as_another(), sys.executable, "-c", _VERB, "1", *words], other_disk, 0o077, variables)
    assert listed(told)[0] == _USER
    ours, theirs = Layout.open(shelf_images.layout), Layout.open(other_disk / "out")
    assert theirs.images() == ours.images()
