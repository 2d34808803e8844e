import json

import pytest

from careen.blobs.digest import Descriptor, Digest
from careen.oci.config import Healthcheck, History, ImageConfig, RunConfig, moment, parse_config
from careen.oci.document import ImageDocumentError
from careen.oci.manifest import (
    ImagePlatform,
    Index,
    IndexEntry,
    Manifest,
    PlatformNotOfferedError,
    parse_image,
    parse_index,
    parse_manifest,
)
from careen.oci.media_types import (
    CONFIG,
    DOCKER_CONFIG,
    DOCKER_LAYER_GZIP,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    INDEX,
    LAYER_GZIP,
    MANIFEST,
)
from careen.platforms import Platform

_DIGEST = Digest.of(b"")
_CONFIG = Descriptor(CONFIG, Digest.of(b"config"), 6)
_LAYER = Descriptor(LAYER_GZIP, Digest.of(b"layer"), 5)
_MANIFEST = Manifest(config=_CONFIG, layers=(_LAYER, _LAYER), annotations={"b": "2", "a": "é"})


def _document(**members: object) -> bytes:
    described = {"mediaType": CONFIG, "digest": str(_DIGEST), "size": 0}
    return json.dumps({"schemaVersion": 2, "config": described, "layers": [], **members}).encode()


def test_a_manifest_is_written_sorted_without_blanks_and_read_back() -> None:
    data = _MANIFEST.render()
    assert parse_image(data) == _MANIFEST
    assert data.startswith(b'{"annotations":{"a":"\xc3\xa9","b":"2"},"config":{"digest":"sha256:')


def test_dockers_manifest_and_list_mean_the_same() -> None:
    manifest = Manifest(
        config=Descriptor(DOCKER_CONFIG, _DIGEST, 1),
        layers=(Descriptor(DOCKER_LAYER_GZIP, _DIGEST, 1),),
        media_type=DOCKER_MANIFEST,
    )
    index = Index(
        entries=(
            IndexEntry(
                descriptor=Descriptor(DOCKER_MANIFEST, _DIGEST, 3),
                platform=ImagePlatform(architecture="arm64", variant="v8", operating_system_version="1"),
            ),
        ),
        media_type=DOCKER_LIST,
    )
    assert parse_manifest(manifest.render()) == manifest
    assert parse_index(index.render(), DOCKER_LIST) == index


def test_a_document_without_media_type_is_what_its_members_say() -> None:
    assert isinstance(parse_image(_document()), Manifest)
    assert parse_image(json.dumps({"schemaVersion": 2, "manifests": []}).encode()) == Index(entries=())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a JSON document"),
        (b"[]", "manifest is not an object"),
        (b"[" * 200_000, "not a JSON document"),
        (b'{"schemaVersion": ' + b"9" * 5000 + b"}", "not a JSON document"),
        (b"{}", "schemaVersion is missing"),
        (_document(schemaVersion=1), "docker's first format"),
        (_document(mediaType="text/plain"), "neither a manifest nor an index: 'text/plain'"),
        (_document(manifests=[{}]), "manifest and index at once"),
        (b'{"schemaVersion": 2, "layers": [], "layers": []}', "'layers' occurs twice"),
        (_document(layers=[{"mediaType": CONFIG, "digest": "sha512:00", "size": 1}]), r"layers\[0\].digest is not a"),
        (_document(layers=[{"mediaType": CONFIG, "digest": str(_DIGEST), "size": -1}]), r"layers\[0\].size is not a"),
        (_document(layers=[{"mediaType": CONFIG, "digest": str(_DIGEST), "size": 1.0}]), r"layers\[0\].size is not a"),
        (_document(layers=[{"mediaType": CONFIG, "digest": str(_DIGEST), "size": True}]), r"layers\[0\].size is not a"),
        (_document(layers={}), "manifest.layers is not a list"),
        (_document(config=[]), "manifest.config is not an object"),
        (_document(annotations={"a": 1}), "manifest.annotations.a is not a text"),
        (b'{"schemaVersion": 2, "mediaType": "\\ud800"}', "is not Unicode text"),
    ],
)
def test_what_is_no_image_is_refused_with_the_path_to_what_is_wrong(data: bytes, reason: str) -> None:
    with pytest.raises(ImageDocumentError, match=reason):
        parse_image(data)


def test_a_manifest_handed_out_under_another_media_type_is_refused() -> None:
    with pytest.raises(ImageDocumentError, match="is handed out as"):
        parse_image(_MANIFEST.render(), INDEX)


def test_an_index_is_not_taken_for_a_manifest_nor_the_other_way_round() -> None:
    with pytest.raises(ImageDocumentError, match="an index of several platforms"):
        parse_manifest(Index(entries=()).render())
    with pytest.raises(ImageDocumentError, match="a manifest, not an index"):
        parse_index(_MANIFEST.render())


def test_an_index_is_asked_for_a_platform() -> None:
    amd, arm = Descriptor(MANIFEST, Digest.of(b"amd"), 3), Descriptor(MANIFEST, Digest.of(b"arm"), 3)
    index = Index(
        entries=(
            IndexEntry(descriptor=_LAYER, platform=ImagePlatform(architecture="unknown", operating_system="unknown")),
            IndexEntry(descriptor=amd, platform=ImagePlatform(architecture="amd64")),
            IndexEntry(descriptor=arm, platform=ImagePlatform(architecture="arm64", variant="v8")),
        )
    )
    assert index.choose(Platform.parse("linux/arm64")) == arm
    only_arm = Index(entries=index.entries[2:])
    with pytest.raises(PlatformNotOfferedError) as caught:
        only_arm.choose(Platform.parse("linux/amd64"))
    assert caught.value.hints == ("it offers linux/arm64/v8",)
    assert Index(entries=(IndexEntry(descriptor=amd),)).choose(Platform.parse("linux/arm64")) == amd


def test_a_configuration_is_written_as_docker_reads_it() -> None:
    config = ImageConfig(
        platform=ImagePlatform(architecture="amd64"),
        diff_ids=(_DIGEST,),
        run=RunConfig(
            user="10001:10001",
            environment=(("LANG", "C.UTF-8"), ("EMPTY", "")),
            entrypoint=("/usr/bin/python3", "-m"),
            command=("shelf",),
            working_directory="/app",
            exposed_ports=("8000/tcp",),
            volumes=("/data",),
            labels={"a": "b"},
            stop_signal="SIGINT",
            healthcheck=Healthcheck(test=("CMD", "/check"), interval=30 * 10**9, retries=3),
        ),
        created=moment(1_700_000_000),
        history=(History(created_by="careen"), History(comment="note", empty_layer=True)),
    )
    document = json.loads(config.render())
    assert document["created"] == "2023-11-14T22:13:20Z"
    assert document["config"]["Env"] == ["LANG=C.UTF-8", "EMPTY="]
    assert document["config"]["Healthcheck"] == {"Test": ["CMD", "/check"], "Interval": 30000000000, "Retries": 3}
    assert document["config"]["ExposedPorts"] == {"8000/tcp": {}}
    assert document["rootfs"] == {"type": "layers", "diff_ids": [str(_DIGEST)]}
    assert document["history"] == [{"created_by": "careen"}, {"comment": "note", "empty_layer": True}]
    assert parse_config(config.render()) == config
    assert config.run.argv == ("/usr/bin/python3", "-m", "shelf")


def test_dockers_nulls_are_the_same_as_nothing() -> None:
    data = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": None, "Cmd": None, "Labels": None, "Volumes": None, "Env": ["A=b=c", "BARE"]},
            "rootfs": {"type": "layers", "diff_ids": None},
            "history": None,
        }
    ).encode()
    config = parse_config(data)
    assert config.run == RunConfig(environment=(("A", "b=c"), ("BARE", "")))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"null", "config is not an object"),
        (b"{}", "config.architecture is missing"),
        (b'{"architecture": "amd64", "os": "linux", "rootfs": {"type": "base"}}', "not 'layers'"),
        (b'{"architecture": "amd64", "os": "linux", "config": {"Env": "A=b"}}', "config.config.Env is not a list"),
        (b'{"architecture": "amd64", "os": "linux", "rootfs": {"diff_ids": ["x"]}}', r"rootfs.diff_ids\[0\] is not a"),
        (b'{"architecture": "amd64", "os": "linux", "history": [{"empty_layer": 1}]}', "neither true nor false"),
    ],
)
def test_a_malformed_configuration_names_the_member(data: bytes, reason: str) -> None:
    with pytest.raises(ImageDocumentError, match=reason):
        parse_config(data)


def test_text_that_is_not_unicode_cannot_be_written() -> None:
    with pytest.raises(ImageDocumentError, match="not Unicode"):
        Manifest(config=_CONFIG, layers=(), annotations={"a": "\udc80"}).render()
