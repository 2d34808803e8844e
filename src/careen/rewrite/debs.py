"""Stages that unpack Debian packages into a folder: libraries for one service, or a whole image to run on.

Packages are unpacked and never installed: no maintainer script runs, and nothing comes along that a package would
only recommend or link to in theory. Scanners find them by ``status.d``, as they do in distroless.
"""

from collections.abc import Iterable, Iterator

from careen.plan.target import NumericUser
from careen.python.names import PythonVersion
from careen.rewrite import rendering
from careen.rewrite.bases import Foundation, ImageArgument

_MERGED = ("bin", "lib", "lib64", "sbin")
"""Folders that Debian keeps in /usr, with links to them in the root."""

_UNREAD = ("bash-completion", "bug", "info", "lintian", "locale", "man")
_LIBRARIES = "/libraries"
_IMAGE = "/image"


def library_stage(build: ImageArgument, stage: str, packages: Iterable[str]) -> str:
    reason = rendering.comment(
        "Libraries that distributions link to and the base has not: exactly these, without the drivers and desktop "
        "parts that apt-get install would add."
    )
    # Links would stand in the way of the folders they name when this is copied over the base.
    unlink = f"rm {' '.join(f'{_LIBRARIES}/{name}' for name in _MERGED)}"
    return f"{reason}\n{_unpacked(build, stage, _LIBRARIES, packages, (unlink,))}"


def composed_foundation(foundation: Foundation, version: PythonVersion, user: NumericUser) -> Iterator[str]:
    """What maintainer scripts would have made is made here: CA bundle, accounts, links, the linker's cache."""
    reason = rendering.comment(
        f"Python {version} from Debian's own packages and nothing else, put together as distroless does it, which has "
        "no image for this version: no shell, no package manager, no maintainer script."
    )
    accounts = f"root:x:0:0::/:/sbin/nologin\\nservice:x:{user}::/tmp:/sbin/nologin\\n"
    commands = (
        f"cat {_IMAGE}/usr/share/ca-certificates/mozilla/*.crt > {_IMAGE}/etc/ssl/certs/ca-certificates.crt",
        f"printf '{accounts}' > {_IMAGE}/etc/passwd",
        f"printf 'root:x:0:\\nservice:x:{user.gid}:\\n' > {_IMAGE}/etc/group",
        f"printf 'hosts: files dns\\n' > {_IMAGE}/etc/nsswitch.conf",
        f"ln -sf python{version} {_IMAGE}/usr/bin/python3",
        f"ln -sf python{version} {_IMAGE}/usr/bin/python",
        f"mkdir -p {_IMAGE}/usr/lib/ssl",
        f"ln -sf /etc/ssl/certs/ca-certificates.crt {_IMAGE}/usr/lib/ssl/cert.pem",
        f"ln -sfn /etc/ssl/certs {_IMAGE}/usr/lib/ssl/certs",
        f"ln -sf /usr/share/zoneinfo/Etc/UTC {_IMAGE}/etc/localtime",
        f"echo Etc/UTC > {_IMAGE}/etc/timezone",
        f"rm -rf {_IMAGE}/var/run {_IMAGE}/var/lock",
        f"ln -s /run {_IMAGE}/var/run",
        f"ln -s /run/lock {_IMAGE}/var/lock",
        f"mkdir -p {_IMAGE}/tmp",  # noqa: S108 - a folder of the image
        f"chmod 1777 {_IMAGE}/tmp",  # noqa: S108
        f"ldconfig -r {_IMAGE}",
        rendering.words("rm -rf", (f"{_IMAGE}/usr/share/{name}" for name in _UNREAD)),
        # Licences stay, as whoever hands packages on has to hand them on.
        f"find {_IMAGE}/usr/share/doc -type f ! -name copyright -delete",
        f"rm -rf {_IMAGE}/usr/lib/*-linux-gnu/gconv",
    )
    stage = _unpacked(foundation.build, "foundation-files", _IMAGE, foundation.composed_of, commands)
    yield f"{reason}\n{stage}"
    yield f"FROM scratch AS foundation\nCOPY --from=foundation-files {_IMAGE}/ /"


def _unpacked(build: ImageArgument, stage: str, folder: str, packages: Iterable[str], more: Iterable[str]) -> str:
    status = f"{folder}/var/lib/dpkg/status.d"
    made = " ".join(f"{folder}/usr/{name}" for name in _MERGED)
    links = "; ".join(f"ln -s usr/{name} {folder}/{name}" for name in _MERGED)
    loop = (
        "for deb in *.deb; do \\",
        '         dpkg-deb --fsys-tarfile "$deb" > /deb.tar \\',
        f"      && tar -xf /deb.tar -C {folder} --keep-directory-symlink \\",
        f'      && dpkg-deb -f "$deb" > "{status}/${{deb%%_*}}" || exit 1; \\',
        "    done",
    )
    commands = (
        "apt-get update",
        rendering.words("apt-get download", packages),
        f"mkdir -p {made} {status}",
        f"{{ {links}; }}",
        "\n".join(loop),
        *more,
        "rm -rf /debs/* /deb.tar /var/lib/apt/lists/*",
    )
    return "\n".join((f"FROM {build.use} AS {stage}", "WORKDIR /debs", rendering.run((), commands)))
