"""What Alpine's package manager has installed, by its own record (apk-installed(5)): ::

    P:musl              name
    V:1.2.5-r9          version
    A:x86_64            architecture
    L:MIT               licence
    F:lib               a folder, of the files that follow
    R:ld-musl-x86_64.so.1
    a:0:0:755           of the file above, as are lines with Z:
                        an empty line ends the package

Lines of other letters say what nobody here asks for. Texts are of strangers: what makes no sense is passed over.
"""

from collections.abc import Iterator

from careen.text.values import dataclass

INSTALLED = ("lib/apk/db/installed", "usr/lib/apk/db/installed")
"""Where the record lies: before apk 3, and since (in Alpine, links lead from one to the other)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApkPackage:
    """``paths`` are those of its files, without a leading slash, as they are written: they may climb out."""

    name: str
    version: str
    architecture: str
    licence: str
    paths: tuple[str, ...]


def installed_packages(text: str) -> Iterator[ApkPackage]:
    """Those that have a name, in their order."""
    fields: dict[str, str] = {}
    folder, paths = "", list[str]()
    for line in (*text.split("\n"), ""):
        key, _, value = line.removesuffix("\r").partition(":")
        match key:
            case "":
                if fields.get("P"):
                    yield ApkPackage(
                        name=fields["P"],
                        version=fields.get("V", ""),
                        architecture=fields.get("A", ""),
                        licence=fields.get("L", ""),
                        paths=tuple(paths),
                    )
                fields, folder, paths = {}, "", []
            case "P" | "V" | "A" | "L":
                fields[key] = value
            case "F":
                folder = value.strip("/")
            case "R" if value:
                paths.append(f"{folder}/{value}" if folder else value)
