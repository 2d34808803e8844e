"""What is listed and what is laid out are the same file system, for whatever layers."""

import os
import tarfile
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from careen.errors import CareenError
from careen.oci.layer_entries import EntryKind
from careen.oci.media_types import LAYER
from careen.oci.unpack import image_files, unpack
from fakes.images import Item, layout_of

_names = st.sampled_from(["a", "b", "c"])
_paths = st.lists(_names, min_size=1, max_size=4).map("/".join)
_targets = st.lists(st.sampled_from(["a", "b", "..", "."]), min_size=1, max_size=4).map("/".join)
_whiteouts = st.builds(lambda folder, name: f"{folder}/.wh.{name}", _paths, _names | st.just(".wh..opq"))
_items = st.one_of(
    st.builds(Item, _paths, st.binary(max_size=3), mode=st.sampled_from([0o644, 0o600, 0o4755])),
    st.builds(Item, _paths, kind=st.just(tarfile.DIRTYPE), mode=st.sampled_from([0o755, 0o700])),
    st.builds(
        Item, _paths, kind=st.just(tarfile.SYMTYPE), target=st.builds(str.__add__, st.sampled_from(["", "/"]), _targets)
    ),
    st.builds(Item, _paths, kind=st.just(tarfile.LNKTYPE), target=_paths),
    st.builds(Item, _whiteouts),
)
_layers = st.lists(st.lists(_items, max_size=6), min_size=1, max_size=3)


@given(_layers)
@settings(max_examples=150, deadline=None)
def test_the_folder_holds_what_is_listed(layers: list[list[Item]]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        layout = layout_of(folder / "image", *layers, media_type=LAYER)
        manifest = layout.manifest(layout.image())
        try:
            listed = image_files(layout, manifest)
        except CareenError as error:
            refused = str(error)
            try:
                unpack(layout, manifest, folder / "root")
            except CareenError as again:
                assert str(again) == refused  # noqa: PT017 - either outcome is judged
                return
            raise AssertionError(refused) from error
        unpack(layout, manifest, folder / "root")
        expected = {
            file.path: (file.kind, "" if file.kind is EntryKind.HARD_LINK else file.target, file.size, file.mode)
            for file in listed
        }
        assert _on_disk(folder / "root", {file.path: file.target for file in listed}) == expected
        assert sorted(path.name for path in folder.iterdir()) == ["image", "root"]


def _on_disk(root: Path, targets: dict[str, str]) -> dict[str, tuple[EntryKind, str, int, int]]:
    found: dict[str, tuple[EntryKind, str, int, int]] = {}
    first: dict[int, str] = {}
    for path in sorted(root.rglob("*"), key=lambda path: os.fsencode(path.relative_to(root))):
        name, state = str(path.relative_to(root)), path.lstat()
        mode = state.st_mode & 0o7777
        if path.is_symlink():
            kind, target, size, mode = EntryKind.SYMBOLIC_LINK, str(os.readlink(path)), 0, 0o644  # noqa: PTH115 - as it is
        elif path.is_dir():
            kind, target, size = EntryKind.DIRECTORY, "", 0
        else:
            kind, target, size = EntryKind.FILE, "", state.st_size
        main = first.setdefault(state.st_ino, name) if kind is not EntryKind.DIRECTORY else name
        if main != name:
            assert targets[name] == main
            kind, target, size = EntryKind.HARD_LINK, "", 0
        found[name] = (kind, target, size, mode)
    return found
