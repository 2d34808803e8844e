"""However large a file of a wheel is, it is never in memory as a whole: not to plan, nor to pack, strip or trace it.

The work is done by a process of its own, whose greatest size the kernel tells (proc(5), VmHWM).
"""

import subprocess
import sys
import zipfile
from pathlib import Path

import isal
import pytest

from fakes.elves import with_symbols

MEMBER_BYTES = 192 << 20
MOST_BYTES = 150 << 20
"""A process with everything loaded takes 30 MB, what is being packed 80 at the most."""

NATIVE = max(Path(isal.__file__).parent.glob("*.so"), key=lambda path: path.stat().st_size)
INFO = "large-1.0.dist-info"

PROGRAM = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from careen.blobs.digest import Digest
from careen.blobs.store import Store
from careen.build.allocator import share_arenas
from careen.build.distribution import WheelRecipe
from careen.build.segment import SegmentMaker
from careen.build.traced import wheel_files
from careen.build.unbuilt import WheelFile
from careen.oci.layer import packer
from careen.oci.media_types import Compression
from careen.python.linkage import newest_glibc, outside_needs
from careen.python.trimming import TrimmingPolicy
from fakes.stacks import RUNTIME

what, wheel, store = sys.argv[1], Path(sys.argv[2]), Store(Path(sys.argv[3]))
share_arenas()
recipe = WheelRecipe(name="large", version="1.0", digest=Digest.of(b""), wheel=lambda: WheelFile(wheel, wheel.name),
                     runtime=RUNTIME, trimming=TrimmingPolicy("lean" if what == "lean" else "safe"))
if what == "plan":
    assert outside_needs(wheel) and newest_glibc(wheel)
elif what == "trace":
    assert any(wheel_files(store, recipe).needed.values())
else:
    with ThreadPoolExecutor(2) as pool:
        made = recipe.segment(SegmentMaker(store, packer(Compression.GZIP), pool, 0))
        assert made.natives[0].linkage.needed
        print("bytes", made.bytes)
status = Path("/proc/self/status").read_text()
print("most", next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With one library whose names of symbols are nearly all of it, which `lean` drops."""
    place = tmp_path_factory.mktemp("large") / "large-1.0-py3-none-any.whl"
    library = with_symbols(NATIVE.read_bytes(), symbols=MEMBER_BYTES // 2 // 24, strings=MEMBER_BYTES // 2)
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("large/library.so", library)
        archive.writestr(f"{INFO}/METADATA", "Metadata-Version: 2.1\nName: large\nVersion: 1.0\n")
        archive.writestr(f"{INFO}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{INFO}/RECORD", f"large/library.so,,\n{INFO}/RECORD,,\n")
    return place


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the kernel tells no process's greatest size here")
@pytest.mark.parametrize("what", ["plan", "safe", "lean", "trace"])
def test_a_large_file_of_a_wheel_is_never_whole_in_memory(wheel: Path, tmp_path: Path, what: str) -> None:
    tests = Path(__file__).parents[2]
    environment = {"PYTHONPATH": f"{tests}:{tests.parent / 'src'}"}
    words = [sys.executable, "-c", PROGRAM, what, str(wheel), str(tmp_path / "store")]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    found = dict(line.split() for line in done.stdout.splitlines())
    assert int(found["most"]) * 1024 < MOST_BYTES
    if what == "safe":
        assert int(found["bytes"]) > MEMBER_BYTES
    if what == "lean":
        assert int(found["bytes"]) < MEMBER_BYTES // 10
