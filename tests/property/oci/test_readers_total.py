"""Whatever the bytes are, a reader gives a value or its own error."""

import contextlib
import io
import json
import tarfile
import tempfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from careen.blobs.digest import Descriptor, Digest
from careen.oci.archive import Archive, ArchiveError
from careen.oci.challenge import parse_challenges
from careen.oci.config import Healthcheck, History, ImageConfig, RunConfig, parse_config
from careen.oci.credentials import CredentialFiles, CredentialsError
from careen.oci.decompress import LayerError, LayerStream
from careen.oci.document import ImageDocumentError
from careen.oci.filesystem import FileSystem
from careen.oci.layer_entries import LayerEntries
from careen.oci.manifest import ImagePlatform, Index, IndexEntry, Manifest, parse_image
from careen.oci.media_types import INDEX, LAYER_GZIP, MANIFEST
from careen.oci.reference import ImageReference, InvalidReferenceError
from fakes.images import Item, hard_link, symlink, tar

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_named = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
_descriptors = st.builds(
    Descriptor,
    _named,
    st.binary(max_size=4).map(Digest.of),
    st.integers(0, 1 << 40),
)
_platforms = st.builds(
    ImagePlatform,
    architecture=_texts,
    operating_system=_texts,
    variant=_texts,
    operating_system_version=_texts,
)
_maps = st.dictionaries(_texts, _texts, max_size=3)


def _mutated(whole: bytes) -> st.SearchStrategy[bytes]:
    changes = st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), max_size=8)

    def apply(args: tuple[list[tuple[int, int]], int]) -> bytes:
        data = bytearray(whole)
        for at, value in args[0]:
            data[at] = value
        return bytes(data[: args[1]])

    return st.tuples(changes, st.integers(0, len(whole))).map(apply)


_VALID_MANIFEST = Manifest(
    config=Descriptor("c", Digest.of(b""), 1),
    layers=(Descriptor(LAYER_GZIP, Digest.of(b"x"), 2),),
    annotations={"a": "b"},
).render()
_VALID_CONFIG = ImageConfig(
    platform=ImagePlatform(architecture="amd64"),
    diff_ids=(Digest.of(b""),),
    run=RunConfig(environment=(("A", "b"),), healthcheck=Healthcheck(test=("CMD",))),
    history=(History(comment="x"),),
).render()
_VALID_LAYER = tar(
    [
        Item("a/" + "n" * 120, b"data" * 200, pax={"SCHILY.xattr.user.x": "y"}),
        symlink("link", "a"),
        Item("link/b", b"x"),
        hard_link("c", "link/b"),
        Item("a/.wh.b"),
        Item("a/.wh..wh..opq"),
        Item("dev", kind=tarfile.CHRTYPE),
    ]
)


@given(st.binary(max_size=200) | _mutated(_VALID_MANIFEST), st.sampled_from(["", MANIFEST, INDEX, "other"]))
def test_any_bytes_are_an_image_or_the_one_error(data: bytes, media_type: str) -> None:
    with contextlib.suppress(ImageDocumentError):
        assert isinstance(parse_image(data, media_type), Manifest | Index)


@given(
    st.fixed_dictionaries(
        {"schemaVersion": st.just(2)},
        optional=dict.fromkeys(("mediaType", "config", "layers", "manifests", "annotations"), _json),
    )
)
def test_any_json_is_an_image_or_the_one_error(document: dict[str, object]) -> None:
    with contextlib.suppress(ImageDocumentError):
        assert isinstance(parse_image(json.dumps(document).encode()), Manifest | Index)


@given(st.binary(max_size=200) | _mutated(_VALID_CONFIG))
def test_any_bytes_are_a_configuration_or_the_one_error(data: bytes) -> None:
    with contextlib.suppress(ImageDocumentError):
        assert isinstance(parse_config(data), ImageConfig)


@given(
    st.builds(Manifest, config=_descriptors, layers=st.lists(_descriptors, max_size=3).map(tuple), annotations=_maps)
)
def test_a_manifest_is_read_as_it_was_written(manifest: Manifest) -> None:
    assert parse_image(manifest.render()) == manifest


@given(
    st.builds(
        Index,
        entries=st.lists(
            st.builds(IndexEntry, descriptor=_descriptors, platform=st.none() | _platforms, annotations=_maps),
            max_size=3,
        ).map(tuple),
        annotations=_maps,
    )
)
def test_an_index_is_read_as_it_was_written(index: Index) -> None:
    assert parse_image(index.render()) == index


_counts = st.integers(0, 1 << 62)
_lists = st.lists(_texts, max_size=3).map(tuple)
_sets = st.sets(_texts, max_size=3).map(lambda names: tuple(sorted(names)))
_runs = st.builds(
    RunConfig,
    user=_texts,
    environment=st.lists(st.tuples(_texts.filter(lambda name: "=" not in name), _texts), max_size=3).map(tuple),
    entrypoint=_lists,
    command=_lists,
    working_directory=_texts,
    exposed_ports=_sets,
    volumes=_sets,
    labels=_maps,
    stop_signal=_texts,
    shell=_lists,
    healthcheck=st.none() | st.builds(Healthcheck, test=_lists, interval=_counts, timeout=_counts, retries=_counts),
)


@given(
    st.builds(
        ImageConfig,
        platform=_platforms,
        diff_ids=st.lists(st.binary(max_size=4).map(Digest.of), max_size=3).map(tuple),
        run=_runs,
        created=_texts,
        author=_texts,
        history=st.lists(st.builds(History, comment=_texts, empty_layer=st.booleans()), max_size=3).map(tuple),
    )
)
def test_a_configuration_is_read_as_it_was_written(config: ImageConfig) -> None:
    assert parse_config(config.render()) == config


@given(st.binary(max_size=1500) | _mutated(_VALID_LAYER))
@example(_VALID_LAYER)
def test_any_tar_stream_is_applied_or_the_one_error(data: bytes) -> None:
    system = FileSystem()
    with contextlib.suppress(LayerError):
        for entry in LayerEntries(io.BytesIO(data).read):
            system.apply(entry, 0)
    assert len(system.files()) == len({file.path for file in system.files()})


@given(
    st.sampled_from([b"", b"\x1f\x8b", b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18"]),
    st.binary(max_size=300),
)
def test_any_packed_stream_is_read_or_the_one_error(magic: bytes, data: bytes) -> None:
    with contextlib.suppress(LayerError):
        stream = LayerStream(io.BytesIO(magic + data), limit=1 << 20)
        while stream.read(100):
            pass
        stream.drain()
        assert stream.size <= 1 << 20


_ascii = st.text(st.sampled_from('Bearer basic realm="=,\\ \t:x'), max_size=60)


@given(st.text(max_size=60) | _ascii)
def test_any_header_is_read_as_challenges(header: str) -> None:
    for challenge in parse_challenges(header):
        assert challenge.scheme


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20))
def test_a_quoted_parameter_is_read_as_it_was_meant(value: str) -> None:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    assert parse_challenges(f'Bearer realm="{quoted}", service=x')[0].parameters == {"realm": value, "service": "x"}


@given(st.text(max_size=40) | st.from_regex(r"[a-z.:/@-]{1,30}", fullmatch=True))
def test_any_text_is_a_reference_that_is_written_as_it_is_read_or_the_one_error(text: str) -> None:
    with contextlib.suppress(InvalidReferenceError):
        reference = ImageReference.parse(text)
        assert ImageReference.parse(str(reference)) == reference


@given(st.binary(max_size=300) | _mutated(json.dumps({"auths": {"h": {"auth": "YTpi"}}, "credsStore": "x"}).encode()))
def test_any_file_of_credentials_is_read_or_the_one_error(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(CredentialsError):
        (Path(folder) / "config.json").write_bytes(data)
        CredentialFiles((Path(folder) / "config.json",), lambda *_: (1, b"credentials not found")).find("h", "a")


_ARCHIVE = tar(
    [
        Item("manifest.json", b'[{"Config": "c", "RepoTags": ["a:1"], "Layers": []}]'),
        Item("c", b'{"architecture": "a", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}'),
    ]
)


@given(st.binary(max_size=1200) | _mutated(_ARCHIVE))
def test_any_file_is_an_archive_or_one_of_its_two_errors(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(ArchiveError, ImageDocumentError):
        (Path(folder) / "x.tar").write_bytes(data)
        Archive.open(Path(folder) / "x.tar").images()
