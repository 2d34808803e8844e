"""Unpacks Debian packages into a folder while images are built: no script of a package runs, nothing is installed.

    unpack_debian.py FOLDER PACKAGE...              libraries, to be laid over an image
    unpack_debian.py --image USER FOLDER PACKAGE... an image of its own, with what the packages' scripts would have made

Scanners find the packages by status.d, as they do in distroless. Licences stay: whoever hands packages on owes them.
What ``uncompiled.txt`` beside it lists of the standard library stays without bytecode.
"""
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN002, ANN201, FURB188, INP001, S607 - it runs with an image's Python

import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

# Whole paths, as regular expressions. Left out of every package: what people read and package managers use.
LEFT_OUT = ()
# Left out of images as well: what no service imports, and libraries that nothing links to.
LEFT_OUT_OF_IMAGES = ()
# Never left out.
KEPT = ()

IN_USR = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")  # Debian has these in /usr, and links to them in the root
AUTHORITIES = "usr/share/ca-certificates/"
BUNDLE = "etc/ssl/certs/ca-certificates.crt"


def unpack(deb, folder, left_out):
    """The certificates of a package, which are needed as one file."""
    found = []
    files = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE)
    with tarfile.open(fileobj=files.stdout, mode="r|") as archive:
        archive.extraction_filter = lambda member, _: member  # modes and owners are Debian's
        for member in archive:
            member.name = in_usr(member.name)
            if member.islnk():
                member.linkname = in_usr(member.linkname)
            if member.name.startswith(AUTHORITIES) and member.isreg():
                found.append((member.name, archive.extractfile(member).read().strip() + b"\n"))
            elif member.isdir() and not deb.name.startswith("base-files_"):
                continue  # a folder comes with what is in it
            elif KEPT.fullmatch(member.name) or not left_out.fullmatch(member.name):
                archive.extract(member, folder)
    if files.wait() != 0:
        sys.exit(f"{deb.name} cannot be unpacked")
    return found


def in_usr(name):
    path = name[2:] if name.startswith("./") else name
    return f"usr/{path}" if path.partition("/")[0] in IN_USR else path


def unpack_all(folder, packages, left_out):
    authorities = []
    status = folder / "var/lib/dpkg/status.d"
    status.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(["apt-get", "download", "-q", *packages], cwd=scratch, check=True)
        for deb in sorted(Path(scratch).glob("*.deb")):
            authorities += unpack(deb, folder, left_out)
            control = subprocess.run(["dpkg-deb", "-f", deb], stdout=subprocess.PIPE, check=True).stdout
            (status / deb.name.partition("_")[0]).write_bytes(control)
    return authorities


def complete(folder, user, authorities):
    """What the packages' scripts would have made: links, authorities, accounts, the linker's cache."""
    uid, _, gid = user.partition(":")
    for name in IN_USR:
        if (folder / "usr" / name).is_dir():
            link(folder / name, f"usr/{name}")
    for python in sorted(folder.glob("usr/bin/python3.*")):
        link(folder / "usr/bin/python3", python.name)
        link(folder / "usr/bin/python", python.name)
    link(folder / "usr/lib/ssl/cert.pem", f"/{BUNDLE}")
    link(folder / "usr/lib/ssl/certs", "/etc/ssl/certs")
    link(folder / "etc/localtime", "/usr/share/zoneinfo/Etc/UTC")
    link(folder / "var/run", "/run")
    link(folder / "var/lock", "/run/lock")
    write(folder / BUNDLE, b"".join(data for _, data in sorted(authorities)).decode())
    write(folder / "etc/timezone", "Etc/UTC\n")
    write(folder / "etc/nsswitch.conf", "hosts: files dns\n")
    write(folder / "etc/group", f"root:x:0:\nservice:x:{gid}:\n")
    write(folder / "etc/passwd", f"root:x:0:0::/:/sbin/nologin\nservice:x:{uid}:{gid}::/tmp:/sbin/nologin\n")
    (folder / "tmp").mkdir(exist_ok=True)
    (folder / "tmp").chmod(0o1777)
    subprocess.run(["ldconfig", "-X", "-r", folder], check=True)
    shutil.rmtree(folder / "var/cache/ldconfig", ignore_errors=True)
    compile_library(folder)


def compile_library(folder):
    """Or else every start would compile what it imports, since containers do not write."""
    listing = Path(__file__).with_name("uncompiled.txt")
    unread = tuple(line for line in listing.read_text().splitlines() if line[:1] == "/") if listing.exists() else ()
    modules = (path for path in folder.glob("usr/lib/python3.*/**/*.py"))
    wanted = [str(path) for path in modules if not f"/{path.relative_to(folder)}".startswith(unread)]
    command = [sys.executable, "-m", "compileall", "-qq", "--invalidation-mode=unchecked-hash", "-s", folder, "-p", "/"]
    subprocess.run([*command, "-i", "-"], input="\n".join(wanted), text=True, check=False)


def link(path, target):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def pattern(*alternatives):
    return re.compile("|".join(f"(?:{alternative})" for alternative in alternatives) or "(?!)")


if __name__ == "__main__":
    KEPT = pattern(*KEPT)
    if sys.argv[1] == "--image":
        _, _, account, target, *names = sys.argv
        complete(Path(target), account, unpack_all(Path(target), names, pattern(*LEFT_OUT, *LEFT_OUT_OF_IMAGES)))
    else:
        _, target, *names = sys.argv
        unpack_all(Path(target), names, pattern(*LEFT_OUT))
