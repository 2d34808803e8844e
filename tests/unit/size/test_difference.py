"""What grew and what shrank, by package and by cause."""

from pathlib import Path

from careen.oci.layout import Layout
from careen.size.difference import compare
from careen.size.model import ImageSize
from careen.size.reading import read_layers
from careen.size.reckoning import reckon
from fakes.images import Item, layout_of

SITE = "usr/lib/python3.11/site-packages"


def sized(layout: Layout) -> ImageSize:
    manifest = layout.manifest(layout.image())
    return reckon("web", manifest, read_layers(layout, manifest))


def distribution(name: str, version: str, data: bytes) -> list[Item]:
    record = f"{name}.py,,\n".encode()
    return [Item(f"{SITE}/{name}.py", data), Item(f"{SITE}/{name}-{version}.dist-info/RECORD", record)]


def test_changes_sum_up_to_the_difference(tmp_path: Path) -> None:
    before = sized(
        layout_of(
            tmp_path / "before",
            [*distribution("numpy", "1.26", b"n" * 500), *distribution("torch", "2", b"t" * 9000)],
            [Item("app/a", b"a" * 10), Item("app/old", b"o" * 40)],
            [Item("app/.wh.old"), *distribution("six", "1", b"s")],
        )
    )
    after = sized(
        layout_of(
            tmp_path / "after",
            [*distribution("numpy", "2.4", b"n" * 700), Item("app/a", b"a" * 12), *distribution("six", "1", b"s")],
        )
    )

    difference = compare(before, after)

    assert [(item.kind, item.name, item.before, item.after) for item in difference.changes] == [
        ("python", "torch", 9000, None),
        ("python", "numpy", 500, 700),
        ("waste", "replaced or deleted in higher layers", 40, None),
        ("cause", "site packages without a record", 31, 20),
        ("cause", "application", 10, 12),
    ]
    assert sum(item.grown for item in difference.changes) == difference.grown == after.bytes - before.bytes
    assert (difference.changes[1].before_version, difference.changes[1].after_version) == ("1.26", "2.4")


def test_image_does_not_differ_from_itself(tmp_path: Path) -> None:
    image = sized(layout_of(tmp_path / "image", distribution("numpy", "1.26", b"n" * 500)))

    assert compare(image, image).changes == ()


def test_new_version_of_the_same_weight_is_a_change(tmp_path: Path) -> None:
    before = sized(layout_of(tmp_path / "before", distribution("numpy", "1.26", b"n" * 500)))
    after = sized(layout_of(tmp_path / "after", distribution("numpy", "1.27", b"n" * 500)))

    assert [(item.name, item.grown) for item in compare(before, after).changes] == [("numpy", 0)]
