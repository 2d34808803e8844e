"""Sizing and listing agree on any layers, and any bytes are an image's size or a named error."""

import contextlib
import io
import tarfile
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from careen.app.session import Session, Surroundings
from careen.app.sizing import SizeRequest, measure
from careen.errors import CareenError
from careen.oci.archive_writer import write_docker_archive
from careen.oci.decompress import LayerError
from careen.oci.filesystem import FileSystem
from careen.oci.layer_entries import EntryKind, LayerEntries
from careen.oci.reference import ImageReference
from careen.size.model import ImageSize
from careen.size.records import RecordError, claims, debian_versions, is_record
from careen.size.stored import Fate, Stored
from careen.size.tree import Folder, Tree
from fakes.images import Item, layout_of, tar

_names = st.sampled_from(["a", "b"])
_paths = st.lists(_names, min_size=1, max_size=3).map("/".join)
_targets = st.lists(st.sampled_from(["a", "b", "..", "."]), min_size=1, max_size=3).map("/".join)
_whiteouts = st.builds(
    lambda path, name: f"{path}.wh.{name}", st.just("") | _paths.map("{}/".format), _names | st.just(".wh..opq")
)
_files = st.builds(Item, _paths, st.binary(min_size=1, max_size=3))
_items = st.one_of(
    _files,
    _files,
    st.builds(Item, _paths, kind=st.just(tarfile.DIRTYPE)),
    st.builds(
        Item, _paths, kind=st.just(tarfile.SYMTYPE), target=st.builds(str.__add__, st.sampled_from(["", "/"]), _targets)
    ),
    st.builds(Item, _paths, kind=st.just(tarfile.LNKTYPE), target=_paths),
    st.builds(Item, _whiteouts),
)
_layers = st.lists(st.lists(_items, max_size=6), min_size=1, max_size=3)


def _listed(tars: list[bytes]) -> tuple[dict[str, int], int] | None:
    """Every name with the bytes it leads to, and the bytes of all layers, as the unpacker reads; None if it refuses."""
    system, total = FileSystem(), 0
    try:
        for layer, data in enumerate(tars):
            for entry in LayerEntries(io.BytesIO(data).read):
                system.apply(entry, layer)
                total += entry.size
    except LayerError:
        return None
    sizes = {file.path: file.size for file in system.files() if file.kind is not EntryKind.HARD_LINK}
    links = {file.path: sizes[file.target] for file in system.files() if file.kind is EntryKind.HARD_LINK}
    return {path: size for path, size in {**sizes, **links}.items() if size}, total


def _sized(tars: list[bytes]) -> tuple[dict[str, int], int] | None:
    stored = Stored()
    tree = Tree(stored)
    try:
        for layer, data in enumerate(tars):
            for entry in LayerEntries(io.BytesIO(data).read):
                tree.apply(entry, layer)
            tree.end_layer()
    except LayerError:
        return None
    found = {path: row for path, row in _walk(tree._root, "") if stored.sizes[stored.content(row)]}
    visible = {row for row, size in enumerate(stored.sizes) if size and stored.fates[row] == Fate.VISIBLE}
    assert visible == {stored.content(row) for row in found.values()}
    return {path: stored.sizes[stored.content(row)] for path, row in found.items()}, sum(stored.sizes)


def _walk(folder: Folder, above: str) -> Iterator[tuple[str, int]]:
    for name, child in folder.children.items():
        if isinstance(child, Folder):
            yield from _walk(child, f"{above}{name}/")
        else:
            yield f"{above}{name}", child


def _folder(path: str) -> Item:
    return Item(path, kind=tarfile.DIRTYPE)


def _link(path: str, target: str) -> Item:
    return Item(path, kind=tarfile.LNKTYPE, target=target)


def _symlink(path: str, target: str) -> Item:
    return Item(path, kind=tarfile.SYMTYPE, target=target)


@given(_layers)
@settings(max_examples=300, deadline=None)
@example([[Item("a", b"x"), _link("b", "a")], [Item(".wh.a")], [Item("b", b"y")]])
@example([[_symlink("a", "b"), _link("c", "a"), Item("c/b", b"x")]])
@example([[Item("a", b"x")], [Item("a", b"y"), Item(".wh.a")]])
@example([[Item("a/b", b"x")], [Item("a/b", b"y"), Item("a/.wh..wh..opq")]])
@example([[Item("a/b", b"x"), _link("a", "a/b")]])
@example([[_symlink("l", "a"), Item("l/x", b"1"), _symlink("l", "b"), Item("l/y", b"2")]])
@example([[_symlink("l", "a"), Item("l/x", b"1"), _folder("l"), Item("l/y", b"2")]])
@example([[Item("a/x", b"1"), _symlink("a", "b"), Item("a/y", b"2")]])
@example([[Item("a/x", b"1")], [Item("a/y", b"2"), Item("b", b"3"), _link("a", "b"), _folder("a"), Item("a/z", b"4")]])
@example([[Item("a/x", b"1")], [_folder("b"), Item("a/.wh.x"), Item(".wh.a"), Item("a/y", b"2")]])
@example([[_symlink("l", "."), Item("l/x", b"1"), _folder("l/l"), Item("l/y", b"2")]])
@example([[_symlink("a/s", ".."), Item("a/s/x", b"1"), Item("a/s/a", b"2"), Item("a/s/y", b"3")]])
@example([[_symlink("a/s", "..")], [Item("a/s/x", b"1"), Item("a/s/.wh.a"), Item("a/s/y", b"2")]])
def test_what_is_visible_is_what_is_listed(layers: list[list[Item]]) -> None:
    tars = [tar(layer) for layer in layers]

    assert _sized(tars) == _listed(tars)


def _archive() -> bytes:
    with tempfile.TemporaryDirectory() as temporary:
        layout = layout_of(
            Path(temporary) / "image",
            [Item("s/x-1.dist-info/RECORD", b"x.py,,\n"), Item("s/x.py", b"x" * 90)],
            [Item("s/.wh.x.py"), Item("var/lib/dpkg/status", b"Package: a\nVersion: 1\n")],
        )
        path = Path(temporary) / "image.tar"
        write_docker_archive(layout, {ImageReference.parse("web"): layout.image()}, path)
        return path.read_bytes()


_VALID = _archive()


def _mutated(whole: bytes) -> st.SearchStrategy[bytes]:
    changes = st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), max_size=8)

    def apply(args: tuple[list[tuple[int, int]], int]) -> bytes:
        data = bytearray(whole)
        for at, value in args[0]:
            data[at] = value
        return bytes(data[: args[1]])

    return st.tuples(changes, st.integers(0, len(whole)) | st.just(len(whole))).map(apply)


@given(_mutated(_VALID) | st.binary(max_size=600).map(lambda data: b"\x1f\x8b" + data) | st.binary(max_size=2000))
@settings(max_examples=150, deadline=None)
@example(_VALID)
def test_any_archive_is_a_size_or_a_named_error(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "image.tar"
        path.write_bytes(data)
        session = Session(
            surroundings=Surroundings(cache=Path(temporary) / "cache", now=lambda: datetime.now(UTC), environment={})
        )
        found: ImageSize | None = None
        try:
            with contextlib.suppress(CareenError):
                found = measure(session, SizeRequest(image=str(path)))
        finally:
            session.close()
        if data == _VALID:
            assert found is not None
            assert found.hidden_bytes == 90
        if found is not None:
            named, other = (sum(part.bytes for part in parts) for parts in (found.packages, found.rest))
            assert found.bytes == named + other + found.hidden_bytes
        assert not list(Path(temporary).glob("cache/scratch/*"))


_record_paths = st.sampled_from(
    [
        "s/x-1.dist-info/RECORD",
        "s/x.egg-info/installed-files.txt",
        "var/lib/dpkg/status",
        "var/lib/dpkg/info/x:amd64.list",
        "var/lib/dpkg/status.d/x",
        "var/lib/dpkg/status.d/x.md5sums",
        "lib/apk/db/installed",
        "conda-meta/x-1.json",
    ]
)
_record_texts = st.lists(
    st.sampled_from(
        ["P:x", "V:1", "F:lib", "R:a", "Package: x", "Version: 1", "a  b", "../../x,,", '"', "{}", "[]", "\0"]
    )
    | st.text(max_size=12),
    max_size=8,
).map(lambda lines: "\n".join(lines).encode("utf-8", "surrogatepass"))


@given(_record_paths, st.binary(max_size=200) | _record_texts)
def test_any_record_claims_paths_inside_or_is_the_one_error(path: str, data: bytes) -> None:
    assert is_record(path)
    with contextlib.suppress(RecordError):
        versions = dict(debian_versions(path, data))
        for claim in claims(path, data, versions):
            assert claim.package.name.isprintable()
            for place in claim.paths:
                assert not place.startswith("../")
