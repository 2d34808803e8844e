"""The programs run here as they run in a builder: as files of their own, by a Python that has no careen."""

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path, PurePosixPath

from careen.debian.trim import is_for_people
from careen.plan.target import DebianBase, PythonRuntime
from careen.python.names import PythonVersion
from careen.python.trim_rules import is_trimmed
from careen.rewrite.build_programs import UNCOMPILED, trim_program, uncompiled_list, unpack_program

SITE = f"lib/python3.{sys.version_info.minor}/site-packages"
TAG = sys.implementation.cache_tag
RUNTIME = PythonRuntime(
    version=PythonVersion(11),
    executable=PurePosixPath("/usr/bin/python3.11"),
    site_packages=PurePosixPath("/usr/local/lib/python3.11/dist-packages"),
    scripts=PurePosixPath("/usr/local/bin"),
)


def _base(*, kept_modules: tuple[str, ...] = ()) -> DebianBase:
    return DebianBase(
        release="bookworm", runtime=RUNTIME, packages=(), kept_modules=kept_modules, unneeded=("libmvec", "libanl")
    )


def _run(program: str, folder: Path, *words: str, path: str | None = None) -> str:
    script = folder / "program.py"
    script.write_text(program)
    environment = {"PATH": path or os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-I", "-S", script, *words], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()}


def _environment(tmp_path: Path) -> Path:
    environment = tmp_path / "venv"
    for path, text in {
        f"{SITE}/demo/__init__.py": "VALUE = 1\n",
        f"{SITE}/demo/old.py": "print 'two'\n",
        f"{SITE}/demo/core.pyi": "VALUE: int\n",
        f"{SITE}/demo/tests/test_core.py": "",
        f"{SITE}/demo/__pycache__/__init__.cpython-38.pyc": "stale",
        f"{SITE}/demo/broken.so": "no library",
        f"{SITE}/demo-1.0.dist-info/RECORD": "",
        "share/man/man1/demo.1": "",
        "share/demo/data.txt": "",
        "bin/demo": "",
        ".lock": "",
    }.items():
        (environment / path).parent.mkdir(parents=True, exist_ok=True)
        (environment / path).write_text(text)
    return environment


def test_an_environment_keeps_what_the_native_engine_keeps_and_gets_bytecode(tmp_path: Path) -> None:
    environment = _environment(tmp_path)
    before = {path.removeprefix(f"{SITE}/") for path in _files(environment) if path.startswith(SITE)}

    _run(trim_program(), tmp_path, str(environment))

    kept = {f"{SITE}/{path}" for path in before if not is_trimmed(path)}
    assert _files(environment) == {
        *kept,
        f"{SITE}/demo/__pycache__/__init__.{TAG}.pyc",
        "share/demo/data.txt",
        "bin/demo",
    }
    assert not (environment / SITE / "demo/tests").exists()
    compiled = environment / SITE / f"demo/__pycache__/__init__.{TAG}.pyc"
    assert compiled.read_bytes()[4:8] == b"\x01\0\0\0", "compared with its source at every start"


def test_bytecode_of_a_stage_below_is_not_made_again(tmp_path: Path) -> None:
    environment = _environment(tmp_path)
    _run(trim_program(), tmp_path, str(environment))
    compiled = next((environment / SITE).rglob("__init__.*.pyc"))
    compiled.write_bytes(compiled.read_bytes() + b"as it was")

    _run(trim_program(), tmp_path, str(environment))

    assert compiled.read_bytes().endswith(b"as it was")


def _package(files: dict[str, str]) -> bytes:
    """The files of a package, as ``dpkg-deb --fsys-tarfile`` gives them."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(f"./{path}")
            if path.endswith("/"):
                member.type, member.mode = tarfile.DIRTYPE, 0o755
            else:
                member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()) if text else None)
    return stream.getvalue()


PACKAGES = {
    "base-files": {"etc/": "", "var/run/": "", "usr/share/common-licenses/GPL-3": "gpl"},
    "ca-certificates": {"usr/share/ca-certificates/mozilla/b.crt": "B", "usr/share/ca-certificates/mozilla/a.crt": "A"},
    "libc6": {
        "lib/x86_64-linux-gnu/libc.so.6": "c",
        "lib/x86_64-linux-gnu/libmvec.so.1": "vectors",
        "lib/x86_64-linux-gnu/gconv/UTF-7.so": "iconv",
        "usr/bin/ldd": "program",
        "usr/share/doc/libc6/copyright": "lgpl",
        "usr/share/doc/libc6/NEWS": "news",
    },
    "libpython3.11-stdlib": {
        "usr/bin/python3.11": "python",
        "usr/lib/python3.11/os.py": "",
        "usr/lib/python3.11/seldom.py": "",
        "usr/lib/python3.11/turtle.py": "",
        "usr/lib/python3.11/idlelib/run.py": "",
        "usr/share/man/man1/python.1": "page",
    },
}


def _tools(tmp_path: Path) -> str:
    """apt-get and dpkg-deb that know these packages, in a folder for PATH."""
    tools, store = tmp_path / "tools", tmp_path / "store"
    for folder in (tools, store):
        folder.mkdir()
    for name, files in PACKAGES.items():
        (store / f"{name}_1.0_amd64.deb").write_bytes(_package(files))
    for name, text in {
        "apt-get": f'for name in "$@"; do case $name in download|-q) ;; *) cp {store}/"$name"_* .; esac; done',
        "dpkg-deb": 'case $1 in -f) echo "Package: $(basename "$2")" ;; *) cat "$2" ;; esac',
        "ldconfig": "exit 0",
    }.items():
        (tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (tools / name).chmod(0o755)
    return f"{tools}:/usr/bin:/bin"


def test_an_image_of_packages_holds_what_the_native_base_holds(tmp_path: Path) -> None:
    image = tmp_path / "image"
    (tmp_path / UNCOMPILED).write_text(uncompiled_list(("/usr/lib/python3.11/seldom.py", "os.py")))

    _run(unpack_program(_base()), tmp_path, "--image", "7:8", str(image), *PACKAGES, path=_tools(tmp_path))

    files = {path for path in _files(image) if not path.startswith("var/lib/dpkg/status.d/")}
    assert files == {
        "usr/lib/x86_64-linux-gnu/libc.so.6",
        "usr/share/doc/libc6/copyright",
        "usr/share/common-licenses/GPL-3",
        "usr/bin/python3.11",
        "usr/bin/python3",
        "usr/bin/python",
        "usr/lib/python3.11/os.py",
        f"usr/lib/python3.11/__pycache__/os.{TAG}.pyc",
        "usr/lib/python3.11/seldom.py",
        "usr/lib/ssl/cert.pem",
        "usr/lib/ssl/certs",
        "etc/ssl/certs/ca-certificates.crt",
        "etc/localtime",
        "etc/timezone",
        "etc/nsswitch.conf",
        "etc/group",
        "etc/passwd",
        "var/run",
        "var/lock",
        "bin",
        "lib",
    }
    assert b"/usr/lib/python3.11/os.py" in (image / f"usr/lib/python3.11/__pycache__/os.{TAG}.pyc").read_bytes()
    assert str(image).encode() not in (image / f"usr/lib/python3.11/__pycache__/os.{TAG}.pyc").read_bytes()
    assert (image / "etc/ssl/certs/ca-certificates.crt").read_text() == "A\nB\n"
    assert "service:x:7:8:" in (image / "etc/passwd").read_text()
    assert (image / "tmp").stat().st_mode & 0o7777 == 0o1777
    assert (image / "lib").readlink() == Path("usr/lib")
    assert {path.name for path in (image / "var/lib/dpkg/status.d").iterdir()} == set(PACKAGES)


def test_modules_that_a_service_imports_stay(tmp_path: Path) -> None:
    image = tmp_path / "image"

    program = unpack_program(_base(kept_modules=("turtle",)))
    _run(program, tmp_path, "--image", "7:8", str(image), "libpython3.11-stdlib", path=_tools(tmp_path))

    assert (image / "usr/lib/python3.11/turtle.py").exists()
    assert not (image / "usr/lib/python3.11/idlelib").exists()


def test_libraries_keep_all_that_is_not_for_people_and_no_links_stand_in_their_way(tmp_path: Path) -> None:
    folder = tmp_path / "libraries"

    _run(unpack_program(_base()), tmp_path, str(folder), "libc6", path=_tools(tmp_path))

    found = {path for path in _files(folder) if "status.d" not in path}
    paths = (path.replace("lib/x86", "usr/lib/x86") for path in PACKAGES["libc6"])
    assert found == {path for path in paths if not is_for_people(path)}
    assert not (folder / "lib").exists()


def test_what_no_service_imports_gets_no_bytecode(tmp_path: Path) -> None:
    environment = _environment(tmp_path)
    (environment / SITE / "demo/seldom").mkdir()
    (environment / SITE / "demo/seldom/deep.py").write_text("")
    (environment / SITE / "demo/seldom.py").write_text("")
    (tmp_path / UNCOMPILED).write_text(uncompiled_list(("demo/__init__.py", "demo/seldom/")))

    _run(trim_program(), tmp_path, str(environment))

    compiled = {path.name.partition(".")[0] for path in (environment / SITE).rglob("*.pyc")}
    assert compiled == {"seldom"}
    assert (environment / SITE / "demo/seldom/deep.py").exists()
