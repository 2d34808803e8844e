"""Which distributions an image holds, by their own records."""

from typing import cast

from careen.oci.filesystem import ImageFile
from careen.oci.layer_entries import EntryKind
from careen.prove.installed import installed
from careen.prove.rootfs import ImageOnDisk

SITE = "usr/local/lib/python3.11/dist-packages"


class Held:
    """An image's files and their texts, as far as reading records asks for them."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts
        self.files = tuple(
            ImageFile(path=path, kind=EntryKind.FILE, mode=0o644, size=len(text), uid=0, gid=0, layer=0)
            for path, text in sorted(texts.items())
        )

    def read(self, path: str, limit: int) -> bytes:
        return self.texts[path].encode()[:limit]


def names(texts: dict[str, str]) -> list[str]:
    return [item.name for item in installed(cast("ImageOnDisk", Held(texts)))]


def test_what_a_distribution_carries_of_others_is_its_own() -> None:
    inner = f"{SITE}/setuptools/_vendor/tomli-2.4.0.dist-info/METADATA"
    texts = {
        f"{SITE}/setuptools-80.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: setuptools\nVersion: 80.0\n",
        inner: "Metadata-Version: 2.1\nName: tomli\nVersion: 2.4.0\n",
    }
    assert names(texts) == ["setuptools"]
    assert names({inner.replace("_vendor", "vendored"): texts[inner]}) == ["tomli"]
