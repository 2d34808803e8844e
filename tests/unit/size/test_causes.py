"""What kind of thing a file is, by its path alone."""

import pytest

from careen.size.causes import FolderCauses
from careen.size.model import Cause


def cause_of(path: str, working_directory: str = "/app") -> Cause:
    judge = FolderCauses(working_directory)
    *folders, name = path.split("/")
    cause, above = Cause.SYSTEM, ""
    for part in folders:
        above = f"{above}/{part}" if above else part
        cause = judge.folder(above, part, cause)
    return judge.file(name, above, cause)


CASES = {
    "app/main.py": Cause.APPLICATION,
    "shop/main.py": Cause.APPLICATION,
    "etc/passwd": Cause.SYSTEM,
    "usr/lib/x86_64-linux-gnu/libfoo.so.1": Cause.SYSTEM,
    "app/tests/test_main.py": Cause.TESTS,
    "app/docs/guide.html": Cause.DOCUMENTATION,
    "app/.git/objects/pack/x.pack": Cause.VERSION_CONTROL,
    "app/node_modules/left-pad/tests/x.js": Cause.NODE_MODULES,
    "app/prices.parquet": Cause.DATA,
    "models/ocr.onnx": Cause.DATA,
    "app/.venv/bin/python": Cause.ENVIRONMENT,
    "app/.venv/lib/python3.11/site-packages/odd.py": Cause.UNRECORDED,
    "app/.venv/lib/python3.11/site-packages/odd/tests/t.py": Cause.TESTS,
    "app/__pycache__/main.cpython-311.pyc": Cause.BYTECODE,
    "usr/local/lib/python3.11/asyncio/tasks.py": Cause.INTERPRETER,
    "usr/local/lib/python3.11/test/test_os.py": Cause.TESTS,
    "usr/local/lib/python3.11/__pycache__/os.cpython-311.pyc": Cause.BYTECODE,
    "usr/local/lib/python3.11/site-packages/odd.py": Cause.UNRECORDED,
    "usr/local/lib/libpython3.11.so.1.0": Cause.INTERPRETER,
    "usr/local/bin/python3.11": Cause.INTERPRETER,
    "usr/local/bin/uv": Cause.INSTALLERS,
    "bin/uvx": Cause.INSTALLERS,
    "root/.local/share/uv/python/cpython-3.12.1-linux-x86_64-gnu/lib/libpython3.12.so": Cause.INTERPRETER,
    "root/.cache/pip/http-v2/a/b": Cause.PIP_CACHE,
    "root/.cache/uv/archive-v0/x/y.py": Cause.UV_CACHE,
    "uv-cache/wheels-v5/index/x.msgpack": Cause.UV_CACHE,
    "root/.cache/huggingface/model": Cause.OTHER_CACHES,
    "opt/conda/pkgs/numpy/x.py": Cause.OTHER_CACHES,
    "var/lib/apt/lists/index.example_Packages": Cause.APT_LISTS,
    "var/cache/apt/archives/gcc.deb": Cause.APT_CACHE,
    "var/lib/dpkg/info/libc6.md5sums": Cause.PACKAGE_RECORDS,
    "var/log/dpkg.log": Cause.LOGS,
    "tmp/build/x.o": Cause.TEMPORARY,
    "usr/share/doc/libc6/changelog.gz": Cause.DOCUMENTATION,
    "usr/share/locale/de/LC_MESSAGES/x.mo": Cause.LOCALES,
    "usr/include/stdio.h": Cause.TOOLCHAIN,
    "usr/lib/gcc/x86_64-linux-gnu/12/cc1": Cause.TOOLCHAIN,
    "usr/lib/x86_64-linux-gnu/libc.a": Cause.STATIC_LIBRARIES,
    "usr/local/lib/python3.11/site-packages/numpy/core/include/numpy/arrayobject.h": Cause.TOOLCHAIN,
    "hello": Cause.SYSTEM,
    ".a": Cause.SYSTEM,
}


@pytest.mark.parametrize(("path", "cause"), CASES.items(), ids=CASES)
def test_cause(path: str, cause: Cause) -> None:
    assert cause_of(path) is cause


def test_every_cause_but_none_is_reached() -> None:
    assert set(CASES.values()) == set(Cause)


def test_root_as_working_directory_makes_nothing_an_application() -> None:
    assert cause_of("etc/passwd", "/") is Cause.SYSTEM
