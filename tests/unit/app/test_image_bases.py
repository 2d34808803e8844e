"""Bases by their names: in registries, in layouts, and from memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from careen.app.base_names import is_pinned, names_image
from careen.app.image_bases import base_finder, image_base
from careen.app.session import Session, Surroundings
from careen.build.base_reading import UnsuitableImageError
from careen.http.failures import HttpError, OfflineError
from careen.oci.layout import Layout, LayoutWriter
from careen.oci.reference import ImageReference
from careen.oci.transfer import push_image
from careen.plan.target import ImageBase
from careen.platforms import Platform
from careen.python.c_library import glibc
from fakes.images import Item, put_image, tar
from fakes.registry import FakeRegistry

AMD64 = Platform.parse("linux/amd64")


def items(minor: int) -> tuple[Item, ...]:
    return (
        Item(f"usr/local/bin/python3.{minor}", b"a program", mode=0o755),
        Item(f"usr/local/lib/python3.{minor}/site.py", b"site-packages"),
        Item("usr/lib/libc.so.6", b"GNU C Library (GNU libc) stable release version 2.41.\n"),
    )


def write(folder: Path, *minors: int) -> Layout:
    with LayoutWriter(folder) as writer:
        return writer.finish({f"python3.{minor}": put_image(writer, [tar(items(minor))]) for minor in minors})


@contextmanager
def session(folder: Path, *, offline: bool = False, plain: str = "") -> Iterator[Session]:
    opened = Session(
        surroundings=Surroundings(
            cache=folder / "cache", now=lambda: datetime.now(UTC), environment={"HOME": str(folder)}, offline=offline
        ),
        plain_http=frozenset({plain} - {""}),
    )
    try:
        yield opened
    finally:
        opened.close()


def base(folder: Path, named: str, requires: str | None = None, *, offline: bool = False, plain: str = "") -> ImageBase:
    with session(folder, offline=offline, plain=plain) as opened:
        return image_base(opened, named, AMD64, requires)


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry().running() as running:
        yield running


def push(registry: FakeRegistry, folder: Path, minor: int) -> None:
    layout = write(folder, minor)
    with session(folder) as opened:
        repository = opened.registries.repository(ImageReference.parse(f"{registry.host}/team/python:1"))
        push_image(repository, layout, layout.image())


def test_the_only_image_of_a_layout_needs_no_name(tmp_path: Path) -> None:
    layout = write(tmp_path / "base", 12)
    found = base(tmp_path, f"oci:{tmp_path}/base", ">=3.11")
    assert (found.runtime.version.minor, found.c_library, found.reference) == (12, glibc(2, 41), "")
    assert found.manifest == layout.image().digest


def test_one_of_several_is_named_behind_a_colon(tmp_path: Path) -> None:
    write(tmp_path / "base", 11, 12)
    named = f"oci:{tmp_path}/base"
    assert base(tmp_path, f"{named}:python3.11").runtime.version.minor == 11
    with pytest.raises(UnsuitableImageError, match="base has 2 images") as raised:
        base(tmp_path, named)
    assert "base:python3.11" in raised.value.hints[0]
    with pytest.raises(UnsuitableImageError, match="base has no image other"):
        base(tmp_path, f"{named}:other")
    with pytest.raises(UnsuitableImageError, match="there is no folder"):
        base(tmp_path, f"oci:{tmp_path}/nowhere")


def test_a_layout_that_was_judged_before_is_judged_for_another_project(tmp_path: Path) -> None:
    write(tmp_path / "base", 12)
    assert base(tmp_path, f"oci:{tmp_path}/base", ">=3.11").runtime.version.minor == 12
    with pytest.raises(UnsuitableImageError, match=r"Python 3\.12, which the project does not allow"):
        base(tmp_path, f"oci:{tmp_path}/base", ">=3.13")


def test_a_registry_is_asked_for_a_layer_once(registry: FakeRegistry, tmp_path: Path) -> None:
    push(registry, tmp_path / "pushed", 12)
    named = f"{registry.host}/team/python:1"
    found = base(tmp_path, named)
    assert found.source == f"{registry.host}/team/python@{found.manifest}"
    assert found.reference == named
    fetched = len(registry.of("GET", "/blobs/"))
    assert fetched
    assert base(tmp_path, named) == found
    with session(tmp_path) as opened:
        layout = base_finder(opened)(found)
    assert layout.blob_path(found.layers[0].digest).is_file()
    assert len(registry.of("GET", "/blobs/")) == fetched


def test_what_a_tag_leads_to_is_asked_every_time(registry: FakeRegistry, tmp_path: Path) -> None:
    named = f"{registry.host}/team/python:1"
    push(registry, tmp_path / "first", 11)
    assert base(tmp_path, named).runtime.version.minor == 11
    push(registry, tmp_path / "second", 12)
    assert base(tmp_path, named).runtime.version.minor == 12


def test_offline_a_name_leads_where_it_led_before(registry: FakeRegistry, tmp_path: Path) -> None:
    push(registry, tmp_path / "pushed", 12)
    named = f"{registry.host}/team/python:1"
    with pytest.raises(OfflineError):
        base(tmp_path, named, offline=True)
    found = base(tmp_path, named)
    assert base(tmp_path, named, offline=True) == found


def test_another_host_is_talked_to_unencrypted_only_when_the_user_says_so(
    registry: FakeRegistry, tmp_path: Path
) -> None:
    """127.0.0.1 as one number is an address that nobody takes for this machine's."""
    host = f"2130706433:{registry.host.rpartition(':')[2]}"
    push(registry, tmp_path / "pushed", 12)
    with pytest.raises(HttpError):
        base(tmp_path, f"{host}/team/python:1")
    assert base(tmp_path, f"{host}/team/python:1", plain=host).runtime.version.minor == 12


@pytest.mark.parametrize(
    ("named", "image", "pinned"),
    [
        ("debian:trixie", False, True),
        ("python:3.12-slim", True, False),
        (f"registry.example/python@sha256:{'0' * 64}", True, True),
        ("oci:images", True, False),
        (f"oci:images@sha256:{'0' * 64}", True, False),
    ],
)
def test_names_tell_images_from_what_is_composed(named: str, image: bool, pinned: bool) -> None:
    assert (names_image(named), is_pinned(named)) == (image, pinned)
