"""The Python that a base carries, made to compile on this machine.

The base's own interpreter compiles, run by its own dynamic linker from a folder with the few files that it needs:
the same bytecode comes of it wherever that is done, and any version that can be composed can be compiled for. It is
Debian's signed program, it gets text, and it runs nothing of it. Where the base is for another processor, the
interpreter that runs careen does it, if its version is the same.
"""

import queue
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from careen.blobs.store import EntryKey, Store
from careen.build.segment import FORMAT, Native, Segment
from careen.errors import MissingToolError
from careen.oci.layer import Packer, part_chunks
from careen.plan.target import PythonRuntime
from careen.platforms import Architecture
from careen.process.run import CommandFailedError
from careen.process.talk import Talking

_TIMEOUT = 120.0
_BATCH_BYTES = 2 << 20
_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_TEXT = frozenset({b"utf-8", b"utf8", b"ascii", b"us-ascii", b"utf-8-unix"})
_ENCODINGS = ("__init__", "aliases", "ascii", "latin_1", "utf_8")

_LAYOUT = 2
"""Raised when another set of files is laid out for the same base."""

PROGRAM = """\
import _frozen_importlib_external as external
import _imp
import sys
read, write = sys.stdin.buffer.read, sys.stdout.buffer.write
def take(data):
    while data:
        length = int.from_bytes(data[:4], "big")
        yield data[4 : 4 + length]
        data = data[4 + length :]
while head := read(4):
    parts = take(memoryview(read(int.from_bytes(head, "big"))))
    answers = []
    for path, source in zip(parts, parts):
        path, source = str(path, "utf-8", "surrogateescape"), bytes(source)
        try:
            code = compile(source, path, "exec", dont_inherit=True, optimize=0)
            answer = external._code_to_hash_pyc(code, _imp.source_hash(external._RAW_MAGIC_NUMBER, source), False)
        except Exception:
            answer = b""
        code = None
        answers += (len(answer).to_bytes(4, "big"), answer)
    answer = b"".join(answers)
    write(len(answer).to_bytes(4, "big") + answer)
    sys.stdout.buffer.flush()
"""
"""Answers paths and sources, in turns, with their bytecode (PEP 552, hash-based, unchecked), or with nothing."""


class NoInterpreterError(MissingToolError):
    """Nothing on this machine can compile for the image's Python."""


def host_architecture() -> Architecture | None:
    import platform  # noqa: PLC0415 - one call of it

    machine = platform.machine()
    return next((known for known in Architecture if known.machine == machine), None)


class Compiler:
    """Compiles, with as many processes as are asked at once. ``name`` is part of what a segment is made from."""

    def __init__(
        self,
        *,
        runtime: PythonRuntime,
        architecture: Architecture,
        base_key: EntryKey,
        base: Callable[[], Segment],
        store: Store,
        packer: Packer,
    ) -> None:
        self._runtime = runtime
        self._base_key = base_key
        self._base = base
        self._store = store
        self._packer = packer
        self._idle: queue.SimpleQueue[Talking] = queue.SimpleQueue()
        self._started: list[Talking] = []
        own = sys.version_info[:2] == (3, runtime.version.minor)
        if host_architecture() is architecture:
            self.name = f"base {base_key.digest.hex}"
            self._foreign = False
        elif own:
            self.name = f"careen's {sys.version.partition(' ')[0]}"
            self._foreign = True
        else:
            raise NoInterpreterError(
                f"no Python {runtime.version} is here to compile for {architecture.value}",
                hints=(f"run careen with Python {runtime.version}, or build without bytecode",),
            )

    @property
    def cache_tag(self) -> str:
        return f"cpython-3{self._runtime.version.minor}"

    def compile(self, sources: Mapping[PurePosixPath, bytes]) -> Mapping[PurePosixPath, bytes]:
        """What is no Python of this version is missing from the answer. Raises NoInterpreterError."""
        found: dict[PurePosixPath, bytes] = {}
        for batch in _batches({path: source for path, source in sources.items() if _is_plain(source)}):
            found.update(self._compile(batch))
        return found

    def _compile(self, batch: Mapping[PurePosixPath, bytes]) -> Mapping[PurePosixPath, bytes]:
        """Where the interpreter breaks down on a source, which is a bug of it, that source gets no bytecode."""
        question: list[bytes] = []
        for path, source in batch.items():
            question += (str(path).encode("utf-8", "surrogateescape"), source)
        with self._worker() as worker:
            try:
                answers = worker.ask(*question, timeout=_TIMEOUT)
            except CommandFailedError:
                worker.close()
                answers = None
        if answers is not None:
            return {path: answer for path, answer in zip(batch, answers, strict=True) if answer}
        if len(batch) == 1:
            return {}
        halves = list(batch.items())
        middle = len(halves) // 2
        return {**self._compile(dict(halves[:middle])), **self._compile(dict(halves[middle:]))}

    def close(self) -> None:
        for worker in self._started:
            worker.close()

    @contextmanager
    def _worker(self) -> Iterator[Talking]:
        try:
            worker = self._idle.get_nowait()
        except queue.Empty:
            worker = self._start()
            self._started.append(worker)
        yield worker
        if worker.is_running:
            self._idle.put(worker)

    def _start(self) -> Talking:
        options = ("-S", "-s", "-B", "-P", "-X", "utf8")
        if self._foreign:
            return Talking(
                (sys.executable, *options, "-c", PROGRAM), environment={"PYTHONHASHSEED": "0"}, cwd=Path("/")
            )
        key = EntryKey.of("interpreter", {"format": FORMAT, "layout": _LAYOUT, "base": self._base_key.digest.hex})
        tree = self._store.tree(key, self._lay_out)
        linker = tree / "linker"
        python = tree / "python"
        # From a file: for ``-c`` Python 3.13 imports linecache first, and with it half of the standard library.
        argv = (linker.resolve(), "--library-path", tree / "libraries", python, *options, tree / "program.py")
        environment = {"PYTHONHASHSEED": "0", "PYTHONHOME": str(tree / "home")}
        try:
            worker = Talking(argv, environment=environment, cwd=Path("/"))
            if worker.ask(b"/probe.py", b"probe = 1\n", timeout=_TIMEOUT) != [b""]:
                return worker
        except CommandFailedError as error:
            raise NoInterpreterError(
                f"the Python of the base cannot be run here: {error.message}",
                hints=("the store may lie on a file system that forbids programs; or build without bytecode",),
            ) from error
        raise NoInterpreterError("the Python of the base compiles nothing", hints=("build without bytecode",))

    def _lay_out(self, tree: Path) -> None:
        """The program, its linker, the libraries it is linked with, and the encodings it starts with."""
        library = f"{self._runtime.executable.parent.parent}/lib/python{self._runtime.version}".lstrip("/")
        program = str(self._runtime.executable).lstrip("/")
        base = self._base()
        natives = {native.path: native for native in base.natives}
        if program not in natives:
            raise NoInterpreterError(f"the base has no {program}", hints=("build without bytecode",))
        interpreter = PurePosixPath(natives[program].linkage.interpreter or "").name
        wanted = {program: tree / "python"}
        for native in _linked_with(natives[program], natives.values()):
            name = native.linkage.soname or PurePosixPath(native.path).name
            wanted[native.path] = tree / "libraries" / name
        for native in natives.values():
            if interpreter in (native.linkage.soname, PurePosixPath(native.path).name):
                wanted[native.path] = tree / "linker"
        for name in _ENCODINGS:
            path = f"{library}/encodings/{name}.py"
            wanted[path] = tree / "home" / "lib" / f"python{self._runtime.version}" / "encodings" / f"{name}.py"
        for path, content in base_files(base, self._packer, wanted.keys()):
            wanted[path].parent.mkdir(parents=True, exist_ok=True)
            wanted[path].write_bytes(content)
            wanted[path].chmod(0o755)
        (tree / "program.py").write_text(PROGRAM)


def base_files(base: Segment, packer: Packer, wanted: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Regular files of a segment, read back from it, in its order. Raises DamagedPartError."""
    import tarfile  # noqa: PLC0415 - only for what has to be compiled

    names = frozenset(wanted)
    with tarfile.open(fileobj=_Stream(part_chunks(base.part, packer)), mode="r|", bufsize=1 << 20) as archive:  # type: ignore[call-overload]  # it only reads
        for member in archive:
            if member.name in names and member.isreg():
                stream = archive.extractfile(member)
                if stream is not None:
                    yield member.name, stream.read()


class _Stream:
    """Chunks as a file that is read front to back; the end of the archive follows them."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = b""
        self._ended = False

    def read(self, size: int) -> bytes:
        while len(self._left) < size and not self._ended:
            data = next(self._chunks, None)
            if data is None:
                self._ended = True
                data = bytes(1024)
            self._left += data
        data, self._left = self._left[:size], self._left[size:]
        return data


def _linked_with(program: Native, natives: Iterable[Native]) -> list[Native]:
    by_name = {native.linkage.soname: native for native in natives if native.linkage.soname}
    found: dict[str, Native] = {}
    waiting = list(program.linkage.needed)
    while waiting:
        name = waiting.pop()
        native = by_name.get(name)
        if native is not None and name not in found:
            found[name] = native
            waiting += native.linkage.needed
    return list(found.values())


def _batches(sources: Mapping[PurePosixPath, bytes]) -> Iterator[dict[PurePosixPath, bytes]]:
    """In the order of their paths, so many at once that asking costs nothing and memory little."""
    batch: dict[PurePosixPath, bytes] = {}
    size = 0
    for path in sorted(sources):
        batch[path] = sources[path]
        size += len(sources[path])
        if size >= _BATCH_BYTES:
            yield batch
            batch, size = {}, 0
    if batch:
        yield batch


def _is_plain(source: bytes) -> bool:
    """UTF-8, as nearly everything is; other encodings would be loaded by the compiler, which must stay as it is."""
    for line in source.split(b"\n", 2)[:2]:
        match = _COOKIE.match(line)
        if match is not None:
            return match[1].lower().replace(b"_", b"-") in _TEXT
    return True
