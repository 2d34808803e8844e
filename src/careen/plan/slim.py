"""The official slim image of a Python that Debian does not carry, by what is known of every such image.

A set-up can be written for it, and sizes told, before anybody has fetched it; careen builds upon it once it has been
looked at.
"""

from careen.plan.official_image import OfficialImage
from careen.plan.target import ImageBase
from careen.python.c_library import OF_RELEASE
from careen.python.names import PythonVersion

SLIM_RELEASE = "bookworm"
"""The Debian under it: the oldest that every Python in use has a slim image on, so that the glibc is no surprise."""

SLIM_MINORS = range(9, 15)
_BYTES = 127_000_000

_LIBRARIES = (
    "ld-linux-aarch64.so.1 ld-linux-x86-64.so.2 libbz2.so.1.0 libc.so.6 libcrypt.so.1 libcrypto.so.3 libdl.so.2 "
    "libexpat.so.1 libffi.so.8 libgcc_s.so.1 liblz4.so.1 liblzma.so.5 libm.so.6 libncursesw.so.6 libpthread.so.0 "
    "libreadline.so.8 libresolv.so.2 librt.so.1 libsqlite3.so.0 libssl.so.3 libstdc++.so.6 libtinfo.so.6 libutil.so.1 "
    "libuuid.so.1 libz.so.1 libzstd.so.1"
)


def described_slim(version: PythonVersion) -> ImageBase:
    return OfficialImage(
        tag=f"slim-{SLIM_RELEASE}",
        system="debian",
        system_version="12",
        c_library=OF_RELEASE[SLIM_RELEASE],
        libraries=tuple(_LIBRARIES.split()),
        bytes=_BYTES,
    ).described(version)
