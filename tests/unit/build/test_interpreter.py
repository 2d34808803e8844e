import importlib.util
import marshal
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from careen.blobs.store import EntryKey, Store
from careen.build.interpreter import Compiler, NoInterpreterError, host_architecture
from careen.build.segment import Segment
from careen.oci.layer import packer
from careen.oci.media_types import Compression
from careen.plan.target import PythonRuntime
from careen.platforms import Architecture
from careen.process.run import CommandFailedError
from careen.process.talk import Talking
from careen.python.names import PythonVersion

FOREIGN = next(known for known in Architecture if known is not host_architecture())


def no_base() -> Segment:
    raise AssertionError("the base's interpreter is for another machine")


def make(folder: Path, minor: int, architecture: Architecture = FOREIGN) -> Compiler:
    runtime = PythonRuntime(
        version=PythonVersion(minor),
        executable=PurePosixPath("/usr/bin/python3"),
        site_packages=PurePosixPath("/site"),
        scripts=PurePosixPath("/usr/local/bin"),
    )
    return Compiler(
        runtime=runtime,
        architecture=architecture,
        base_key=EntryKey.of("segment", {}),
        base=no_base,
        store=Store(folder),
        packer=packer(Compression.GZIP),
    )


@pytest.fixture
def compiler(tmp_path: Path) -> Iterator[Compiler]:
    found = make(tmp_path, sys.version_info.minor)
    yield found
    found.close()


def test_bytecode_is_unchecked_hash_based_and_names_the_place_in_the_image(compiler: Compiler) -> None:
    source = b"VALUE = 6 * 7\ndef f():\n    return VALUE\n"
    place = PurePosixPath("/usr/local/lib/demo.py")
    compiled = compiler.compile({place: source})[place]
    assert compiled[:4] == importlib.util.MAGIC_NUMBER
    assert compiled[4:8] == (0b01).to_bytes(4, "little")  # PEP 552: hash-based, never checked
    assert compiled[8:16] == importlib.util.source_hash(source)
    code = marshal.loads(compiled[16:])  # noqa: S302 - made just now
    assert code.co_filename == str(place)
    names: dict[str, object] = {}
    exec(code, names)  # noqa: S102 - the test's own source
    assert names["VALUE"] == 42


def test_what_cannot_be_compiled_is_left_out(compiler: Compiler) -> None:
    sources = {
        PurePosixPath("/good.py"): b"x = 1\n",
        PurePosixPath("/wrong.py"): b"def :\n",
        PurePosixPath("/nul.py"): b"x = 1\0\n",
        PurePosixPath("/old.py"): b"# -*- coding: latin-1 -*-\nx = '\xe4'\n",
        PurePosixPath("/deep.py"): b"x = " + b"(" * 5000 + b")" * 5000,
        PurePosixPath("/warned.py"): b"x = '\\d'\n",
    }
    assert set(compiler.compile(sources)) == {PurePosixPath("/good.py"), PurePosixPath("/warned.py")}


def test_nothing_that_is_compiled_runs(compiler: Compiler, tmp_path: Path) -> None:
    place = tmp_path / "ran"
    compiler.compile({PurePosixPath("/a.py"): f"open({str(place)!r}, 'w')\n".encode()})
    assert not place.exists()


def test_bytecode_does_not_depend_on_what_was_compiled_before(tmp_path: Path) -> None:
    library = Path(importlib.util.__file__).parents[1]
    sources = {PurePosixPath("/lib", path.name): path.read_bytes() for path in sorted(library.glob("[a-d]*.py"))}
    together, alone = make(tmp_path, sys.version_info.minor), make(tmp_path, sys.version_info.minor)
    try:
        first = together.compile(sources)
        for path in sorted(sources, reverse=True):
            assert alone.compile({path: sources[path]}).get(path) == first.get(path), path
    finally:
        together.close()
        alone.close()
    assert len(first) > 20


def test_a_version_that_nothing_here_compiles_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoInterpreterError, match=r"no Python 3\.99"):
        make(tmp_path, 99)


def test_a_program_that_breaks_down_or_is_silent_is_told(tmp_path: Path) -> None:
    with (
        Talking([sys.executable, "-c", "pass"], environment={}, cwd=tmp_path) as ended,
        pytest.raises(CommandFailedError, match="ended before it answered"),
    ):
        ended.ask(b"question", timeout=20)
    silent = Talking([sys.executable, "-c", "import time; time.sleep(60)"], environment={}, cwd=tmp_path)
    with silent, pytest.raises(CommandFailedError, match="ended before it answered"):
        silent.ask(b"question", timeout=0.3)
    with pytest.raises(CommandFailedError, match="could not be started"):
        Talking([tmp_path / "nothing"], environment={}, cwd=tmp_path)
