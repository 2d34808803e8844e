"""Leaves out of a virtual environment what nothing needs at run time, and compiles what stays; run while images are
built, after whatever installs.

    trim_environment.py FOLDER

What ``uncompiled.txt`` beside it lists stays without bytecode: modules, and whole folders with a slash behind.
"""
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, INP001 - it runs with an image's Python

import os
import shutil
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import cache_from_source
from pathlib import Path

from careen.python.trim_rules import is_trimmed, is_trimmed_data


def main(environment):
    for site in environment.glob("lib/python3.*/site-packages"):
        remove(site, is_trimmed)
        with ThreadPoolExecutor(os.cpu_count()) as workers:
            list(workers.map(strip, site.rglob("*.so*")))
        unread = uncompiled()
        modules = (path for path in site.rglob("*.py") if not path.relative_to(site).as_posix().startswith(unread))
        compile_all([str(path) for path in modules if not is_ours(Path(cache_from_source(path)))])
    remove(environment, is_trimmed_data)
    # uv's, which everybody may write to.
    (environment / ".lock").unlink(missing_ok=True)


def remove(folder, is_left_out):
    for place, folders, files in os.walk(folder, topdown=False):
        for path in (Path(place, name) for name in files):
            if is_left_out(path.relative_to(folder).as_posix()) and not is_ours(path):
                path.unlink()
        for path in (Path(place, name) for name in folders):
            if not path.is_symlink() and not any(path.iterdir()):
                path.rmdir()


def is_ours(path):
    """Whether it is bytecode that is not compared with its source (PEP 552): a stage below has compiled it."""
    if path.suffix != ".pyc" or not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(8)[4:] == b"\x01\0\0\0"


def uncompiled():
    listing = Path(__file__).with_name("uncompiled.txt")
    lines = listing.read_text().splitlines() if listing.exists() else []
    return tuple(line for line in lines if line and not line.startswith("#"))


def compile_all(paths):
    """What cannot be compiled is no module for this Python, and nobody imports it."""
    command = [sys.executable, "-m", "compileall", "-qq", "--invalidation-mode=unchecked-hash", "-i", "-"]
    count = os.cpu_count() or 1
    workers = [subprocess.Popen(command, stdin=subprocess.PIPE, text=True) for _ in range(count)]
    for number, worker in enumerate(workers):
        worker.stdin.write("\n".join(paths[number::count]))
        worker.stdin.close()
    for worker in workers:
        worker.wait()


def strip(path):
    """Symbols that only debuggers and linkers read go from native code, where binutils are at hand."""
    program = shutil.which("strip")
    if program is None or path.is_symlink() or not path.is_file() or loaded_parts(path) is None:
        return
    stripped = path.with_name(f"{path.name}.stripped")
    done = subprocess.run([program, "--strip-unneeded", "-o", stripped, path], capture_output=True, check=False)
    # Some libraries were patched in ways that strip turns into files which no loader takes: those stay as they are.
    worked = done.returncode == 0 and loaded_parts(stripped) == loaded_parts(path)
    if worked and stripped.stat().st_size < path.stat().st_size:
        shutil.copymode(path, stripped)
        stripped.replace(path)
    stripped.unlink(missing_ok=True)


def loaded_parts(path):
    """Of an ELF file, what the loader maps to where; None when it is none, or one that the loader would refuse."""
    with path.open("rb") as stream:
        head = stream.read(64)
        if head[:6] != b"\x7fELF\x02\x01":
            return None
        (start,), (size, count) = struct.unpack_from("<Q", head, 32), struct.unpack_from("<HH", head, 54)
        stream.seek(start)
        table = stream.read(size * count)
    found = []
    for kind, flags, offset, address, _, length, _, align in struct.iter_unpack("<IIQQQQQQ", table):
        if kind == 1:  # PT_LOAD
            if align > 1 and (offset - address) % align:
                return None
            found.append((flags, address, length))
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
