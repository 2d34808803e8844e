"""The C library of a machine, which decides what native wheels it takes (PEP 600 for glibc, PEP 656 for musl)."""

from enum import Enum

from careen.text.values import dataclass


class Kind(Enum):
    GLIBC = "glibc"
    MUSL = "musl"


@dataclass(frozen=True, slots=True)
class CLibrary:
    """``version`` is its first two numbers. Nothing that is linked with one kind can be loaded by the other."""

    kind: Kind
    version: tuple[int, int]

    @property
    def is_musl(self) -> bool:
        return self.kind is Kind.MUSL

    def __str__(self) -> str:
        return f"{self.kind.value} {self.version[0]}.{self.version[1]}"


def glibc(major: int, minor: int) -> CLibrary:
    return CLibrary(Kind.GLIBC, (major, minor))


def musl(major: int, minor: int) -> CLibrary:
    return CLibrary(Kind.MUSL, (major, minor))


OF_RELEASE = {"bookworm": glibc(2, 36), "trixie": glibc(2, 41)}
"""Of each Debian that careen composes bases from."""

OF_ALPINE = musl(1, 2)
"""Of every Alpine since 3.13, which is older than any Python in use."""

_OWN_OF_MUSL = ("libc.", "libpthread.", "librt.", "libm.", "libdl.", "libutil.", "libxnet.")


def is_part_of_musl(soname: str) -> bool:
    """Whether musl's loader is itself what is asked for, without a look at any file (``load_library``, dynlink.c)."""
    return soname.startswith(_OWN_OF_MUSL) or soname.startswith("ld-musl-")
