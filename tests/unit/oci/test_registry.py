import base64
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from careen.blobs.digest import Descriptor, Digest, DigestMismatchError
from careen.http.client import HttpClient
from careen.http.failures import OfflineError, TransferError
from careen.http.messages import Answer
from careen.http.patience import HttpSettings
from careen.oci.auth import Authenticator
from careen.oci.credentials import Credentials, FindCredentials, nobody
from careen.oci.document import ImageDocumentError
from careen.oci.images import choose_manifest, read_manifest
from careen.oci.layout import Layout, LayoutWriter
from careen.oci.manifest import ImagePlatform, Index, IndexEntry, PlatformNotOfferedError
from careen.oci.media_types import INDEX, LAYER, MANIFEST
from careen.oci.reference import ImageReference
from careen.oci.registry import Registries, RegistrySettings, Repository
from careen.oci.registry_errors import AccessDeniedError, NotInRegistryError, RegistryError
from careen.oci.transfer import Pushed, pull_image, push_image
from careen.oci.unpack import image_files, read_files
from careen.platforms import Platform
from careen.progress import Step
from fakes.images import Item, layout_of, put_image, tar
from fakes.registry import Door, FakeRegistry

_SETTINGS = RegistrySettings(chunk=2000, attempts=3)
_NOISE = os.urandom(9000)  # does not become smaller by packing

Open = Callable[..., Repository]


@pytest.fixture
def http() -> Iterator[HttpClient]:
    client = HttpClient(HttpSettings(attempts=3, backoff=0.001))
    yield client
    client.close()


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry().running() as running:
        yield running


@pytest.fixture
def open_repository(registry: FakeRegistry, http: HttpClient) -> Open:
    def opened(
        name: str = "team/app:1", find: FindCredentials = nobody, settings: RegistrySettings = _SETTINGS
    ) -> Repository:
        return Registries(http, find, settings).repository(ImageReference.parse(f"{registry.host}/{name}"))

    return opened


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return layout_of(tmp_path / "image", [Item("base", _NOISE)], [Item("app", b"application")])


_LONG_LIVED = "long-lived"
_STOLEN = "stolen"


def _ada(_registry: str, _repository: str) -> Credentials:
    return Credentials("ada", "engine")


def _push(repository: Repository, layout: Layout) -> Pushed:
    return push_image(repository, layout, layout.image())


def _pull(repository: Repository, folder: Path, platform: Platform | None = None) -> Layout:
    with LayoutWriter(folder) as writer:
        return writer.finish({"it": pull_image(repository, writer, platform)})


def _blobs(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "blobs/sha256").iterdir()}


def test_an_image_that_was_pushed_is_pulled_byte_for_byte(
    open_repository: Open, layout: Layout, tmp_path: Path
) -> None:
    pushed = _push(open_repository(), layout)
    assert pushed.descriptor == layout.image()
    pulled = _pull(open_repository(), tmp_path / "pulled")
    assert pulled.image() == layout.image()
    assert _blobs(tmp_path / "pulled") == _blobs(layout.folder)


def test_the_name_comes_last(open_repository: Open, layout: Layout, registry: FakeRegistry) -> None:
    _push(open_repository(), layout)
    puts = [asked.path for asked in registry.of("PUT")]
    assert puts[-1] == "/v2/team/app/manifests/1"
    assert all("/manifests/" not in path for path in puts[:-1])


def test_small_blobs_take_one_request_and_large_ones_chunks(
    open_repository: Open, layout: Layout, registry: FakeRegistry
) -> None:
    _push(open_repository(), layout)
    large = layout.manifest(layout.image()).layers[0]
    assert large.size > 8000
    patches = registry.of("PATCH")
    assert [asked.headers["content-range"] for asked in patches] == ["0-1999", "2000-3999", "4000-5999", "6000-7999"]
    assert {asked.size for asked in patches} == {2000}
    assert len(registry.of("PUT", "/uploads/")) == 3


def test_the_registrys_least_chunk_is_kept(open_repository: Open, layout: Layout, registry: FakeRegistry) -> None:
    registry.least_chunk = 5000
    _push(open_repository(), layout)
    assert [asked.size for asked in registry.of("PATCH")] == [5000]


def test_what_is_there_is_not_uploaded_again(open_repository: Open, layout: Layout, registry: FakeRegistry) -> None:
    first = _push(open_repository(), layout)
    assert first.uploaded > 0
    registry.asked.clear()
    again = _push(open_repository(), layout)
    assert (again.uploaded, again.present) == (0, first.uploaded)
    assert not registry.of("POST")
    assert len(registry.of("HEAD")) == 3


def test_a_neighbour_gives_its_blobs(open_repository: Open, layout: Layout, registry: FakeRegistry) -> None:
    neighbours: dict[Digest, str] = {}
    first = push_image(open_repository("team/web:1"), layout, layout.image(), neighbours=neighbours)
    registry.asked.clear()
    second = push_image(open_repository("team/worker:1"), layout, layout.image(), neighbours=neighbours)
    assert (second.mounted, second.uploaded) == (first.uploaded, 0)
    assert not registry.of("PATCH")
    assert len(registry.of("POST", "from=team/web")) == 3
    registry.mounts = False
    third = push_image(
        open_repository("team/flower:1"), layout, layout.image(), neighbours=dict.fromkeys(neighbours, "team/web")
    )
    assert (third.mounted, third.uploaded) == (0, first.uploaded)


@pytest.mark.parametrize("remembers", [True, False])
def test_an_upload_that_breaks_off_is_gone_on_with(
    open_repository: Open, layout: Layout, registry: FakeRegistry, tmp_path: Path, remembers: bool
) -> None:
    registry.cut_uploads, registry.remembers_uploads = [0, 100, -1, 700, 0], remembers
    settings = RegistrySettings(chunk=3000, attempts=5, connections=1)
    _push(open_repository(settings=settings), layout)
    assert not registry.cut_uploads
    assert _blobs(_pull(open_repository(), tmp_path / "pulled").folder) == _blobs(layout.folder)
    ranges = [asked.headers.get("content-range") for asked in registry.of("PATCH")]
    assert any(start is not None and start.startswith("700-") for start in ranges) == remembers


def test_an_upload_that_never_succeeds_ends(open_repository: Open, layout: Layout, registry: FakeRegistry) -> None:
    registry.cut_uploads = [10] * 100
    with pytest.raises(TransferError):
        _push(open_repository(settings=RegistrySettings(attempts=3, connections=1)), layout)
    assert len(registry.of("PUT", "/uploads/")) == 3
    assert not registry.of("PUT", "/manifests/")


def test_a_lost_answer_is_not_a_lost_blob(open_repository: Open, layout: Layout, registry: FakeRegistry) -> None:
    registry.lose_answers = [True] * 2
    pushed = _push(open_repository(settings=RegistrySettings(attempts=3, connections=1)), layout)
    assert pushed.uploaded > 0
    assert not registry.lose_answers
    assert len(registry.of("PUT", "/uploads/")) == 3


def test_a_damaged_blob_is_never_pushed_under_its_digest(
    open_repository: Open, layout: Layout, registry: FakeRegistry
) -> None:
    layer = layout.manifest(layout.image()).layers[0]
    layout.blob_path(layer.digest).write_bytes(bytes(layer.size))
    with pytest.raises(DigestMismatchError):
        _push(open_repository(), layout)
    assert str(layer.digest) not in registry.blobs.get("team/app", {})
    assert not registry.of("PUT", "/manifests/")


def test_servers_that_are_overloaded_are_asked_again(
    open_repository: Open, layout: Layout, registry: FakeRegistry, tmp_path: Path
) -> None:
    repository = open_repository()
    registry.statuses = [503, 429]
    _push(repository, layout)
    registry.statuses = [-1, -1, -1, 503, -1, 429, 500]
    _pull(open_repository(), tmp_path / "pulled")
    assert not registry.statuses


def test_a_download_that_breaks_off_is_gone_on_with(
    open_repository: Open, layout: Layout, registry: FakeRegistry, tmp_path: Path
) -> None:
    _push(open_repository(), layout)
    settings = RegistrySettings(attempts=3, connections=1)
    registry.cut_downloads = [10, 0, 3000, 1000, 0]
    _pull(open_repository(settings=settings), tmp_path / "pulled")
    assert _blobs(tmp_path / "pulled") == _blobs(layout.folder)
    starts = [asked.headers.get("range") for asked in registry.of("GET", "/blobs/")]
    assert starts[:4] == [None, "bytes=10-", "bytes=10-", None]


def test_a_server_without_ranges_is_read_from_the_start(
    open_repository: Open, layout: Layout, registry: FakeRegistry, tmp_path: Path
) -> None:
    _push(open_repository(), layout)
    registry.ranges, registry.cut_downloads = False, [10, 3000, 5000]
    _pull(open_repository(), tmp_path / "pulled")
    assert _blobs(tmp_path / "pulled") == _blobs(layout.folder)


def test_another_range_than_asked_for_is_refused(
    open_repository: Open, layout: Layout, registry: FakeRegistry, tmp_path: Path
) -> None:
    _push(open_repository(), layout)
    registry.range_starts, registry.cut_downloads = 0, [10, 10, 10]
    with pytest.raises(RegistryError, match="another range than it was asked for"):
        _pull(open_repository(), tmp_path / "pulled")


def test_a_registry_that_boasts_of_bytes_is_refused(
    open_repository: Open, layout: Layout, registry: FakeRegistry
) -> None:
    registry.boasted = 1 << 20
    with pytest.raises(RegistryError, match="has more bytes of sha256:"):
        _push(open_repository(), layout)


def test_a_download_without_progress_ends(
    open_repository: Open, layout: Layout, registry: FakeRegistry, tmp_path: Path
) -> None:
    _push(open_repository(), layout)
    registry.cut_downloads = [0] * 100
    with pytest.raises(TransferError):
        _pull(open_repository(), tmp_path / "pulled")
    assert not (tmp_path / "pulled/index.json").exists()


def test_wrong_bytes_are_refused_and_not_kept(
    open_repository: Open, layout: Layout, registry: FakeRegistry, tmp_path: Path
) -> None:
    _push(open_repository(), layout)
    layer = layout.manifest(layout.image()).layers[0]
    registry.damaged = {str(layer.digest)}
    with pytest.raises(DigestMismatchError, match=f"{layer.digest} holds other bytes"):
        _pull(open_repository(), tmp_path / "pulled")
    assert layer.digest.hex not in _blobs(tmp_path / "pulled")
    assert not list((tmp_path / "pulled").glob(".new-*"))


def test_a_wrong_manifest_is_refused(open_repository: Open, layout: Layout, registry: FakeRegistry) -> None:
    _push(open_repository(), layout)
    digest = layout.image().digest
    assert open_repository(f"team/app@{digest}").resolve()[0] == layout.image()
    registry.damaged = {str(digest)}
    with pytest.raises(DigestMismatchError, match="as the manifest sha256:"):
        open_repository(f"team/app@{digest}").resolve()
    registry.damaged, registry.manifest_digest = set(), str(Digest.of(b"other"))
    with pytest.raises(DigestMismatchError, match="as the manifest 1"):
        open_repository().resolve()


def test_what_is_there_is_not_pulled_again(
    open_repository: Open, layout: Layout, registry: FakeRegistry, tmp_path: Path
) -> None:
    _push(open_repository(), layout)
    _pull(open_repository(), tmp_path / "pulled")
    registry.asked.clear()
    _pull(open_repository(), tmp_path / "pulled")
    assert not registry.of("GET", "/blobs/")


def test_an_image_is_read_without_being_kept(open_repository: Open, layout: Layout) -> None:
    _push(open_repository(), layout)
    repository = open_repository()
    ((name, descriptor),) = repository.images().items()
    assert name == str(repository.reference)
    manifest = read_manifest(repository, choose_manifest(repository, descriptor))
    assert image_files(repository, manifest) == image_files(layout, manifest)
    assert read_files(repository, manifest, lambda path: path == "app").contents == {"app": b"application"}


def test_an_index_goes_with_all_its_images(open_repository: Open, registry: FakeRegistry, tmp_path: Path) -> None:
    with LayoutWriter(tmp_path / "image") as writer:
        entries = tuple(
            IndexEntry(descriptor=put_image(writer, [tar([Item("for", name.encode())])], architecture=name),
                       platform=ImagePlatform(architecture=name))
            for name in ("amd64", "arm64")
        )  # fmt: skip
        layout = writer.finish({"web": writer.put(INDEX, Index(entries=entries).render())})
    push_image(open_repository(), layout, layout.images()["web"])
    manifests = [asked.path.rpartition("/")[2] for asked in registry.of("PUT", "/manifests/")]
    assert manifests == [*(str(entry.descriptor.digest) for entry in entries), "1"]
    everything = _pull(open_repository(), tmp_path / "all")
    assert _blobs(everything.folder) == _blobs(layout.folder)
    one = _pull(open_repository(), tmp_path / "one", Platform.parse("linux/arm64"))
    assert one.image() == entries[1].descriptor
    assert len(_blobs(one.folder)) == 3


def test_a_platform_that_is_not_offered_says_so(open_repository: Open, layout: Layout, tmp_path: Path) -> None:
    with LayoutWriter(tmp_path / "image") as writer:
        image = put_image(writer, [tar([Item("a")])], architecture="arm64")
        index = Index(entries=(IndexEntry(descriptor=image, platform=ImagePlatform(architecture="arm64")),))
        written = writer.finish({"web": writer.put(INDEX, index.render())})
    push_image(open_repository(), written, written.images()["web"])
    with pytest.raises(PlatformNotOfferedError):
        _pull(open_repository(), tmp_path / "pulled", Platform.parse("linux/amd64"))


def test_blobs_of_another_host_are_fetched_without_credentials(
    open_repository: Open, layout: Layout, registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.door, registry.users = Door.TOKEN, {"ada": "engine"}
    _push(open_repository(find=_ada), layout)
    registry.redirect_blobs = True
    _pull(open_repository(find=_ada), tmp_path / "pulled")
    assert _blobs(tmp_path / "pulled") == _blobs(layout.folder)
    elsewhere = [asked for asked in registry.asked if asked.host == "storage"]
    assert elsewhere
    assert all("authorization" not in asked.headers for asked in elsewhere)


def test_another_host_that_asks_for_credentials_gets_none(
    open_repository: Open, layout: Layout, registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.door, registry.users = Door.TOKEN, {"ada": "engine"}
    _push(open_repository(find=_ada), layout)
    registry.redirect_blobs = True
    registry.challenge_elsewhere = f"http://{registry.addresses['auth']}/token?thief=1"
    with pytest.raises(AccessDeniedError, match="does not give out the blob"):
        _pull(open_repository(find=_ada), tmp_path / "pulled")
    assert not [asked for asked in registry.asked if "thief" in asked.path]


def test_another_host_that_manifests_come_from_is_not_the_registry(
    open_repository: Open, layout: Layout, registry: FakeRegistry
) -> None:
    registry.door, registry.users = Door.BASIC, {"ada": "engine"}
    repository = open_repository(find=_ada)
    _push(repository, layout)
    assert repository.resolve()[0] == layout.image()
    registry.redirect_manifests = True
    registry.challenge_elsewhere = f"http://{registry.addresses['auth']}/token?thief=1"
    with pytest.raises(AccessDeniedError, match="does not give out the manifest"):
        repository.resolve()
    assert not [asked for asked in registry.asked if "thief" in asked.path]
    assert all("authorization" not in asked.headers for asked in registry.asked if asked.host == "storage")


def test_uploads_to_another_host_go_without_credentials(
    open_repository: Open, layout: Layout, registry: FakeRegistry
) -> None:
    registry.door, registry.users, registry.uploads_elsewhere = Door.BASIC, {"ada": "engine"}, True
    _push(open_repository(find=_ada, settings=RegistrySettings()), layout)
    elsewhere = [asked for asked in registry.asked if asked.host == "storage"]
    assert len(elsewhere) == 3
    assert all("authorization" not in asked.headers for asked in elsewhere)


def test_an_encrypted_registry_is_not_left_for_an_unencrypted_address(http: HttpClient) -> None:
    repository = Registries(http).repository(ImageReference.parse("index.example/app"))
    begun = Answer(
        status=202, headers={"location": "http://index.example/u"}, body=b"", url="https://index.example/v2/"
    )
    with pytest.raises(RegistryError, match="sends uploads to an unencrypted address"):
        repository.location(begun)
    with pytest.raises(RegistryError, match="does not say where to upload to"):
        repository.location(replace(begun, headers={}))
    authenticator = Authenticator(http, "index.example", _ada, encrypted=True)
    header = 'Bearer realm="http://auth.example/token"'
    challenged = Answer(status=401, headers={"www-authenticate": header}, body=b"", url="https://index.example/v2/")
    with pytest.raises(RegistryError, match="tokens given out at an unencrypted address"):
        authenticator.answer(challenged, frozenset(), "app", {})


def test_an_unknown_challenge_is_named(http: HttpClient) -> None:
    authenticator = Authenticator(http, "index.example", _ada, encrypted=True)
    challenged = Answer(status=401, headers={"www-authenticate": "Negotiate"}, body=b"", url="https://index.example/")
    with pytest.raises(AccessDeniedError, match="asks for negotiate, and careen knows basic and bearer"):
        authenticator.answer(challenged, frozenset(), "app", {})


@pytest.mark.parametrize("door", [Door.BASIC, Door.TOKEN])
def test_credentials_open_the_door(
    open_repository: Open, layout: Layout, registry: FakeRegistry, tmp_path: Path, door: Door
) -> None:
    registry.door, registry.users = door, {"ada": "engine"}
    _push(open_repository(find=_ada), layout)
    _pull(open_repository(find=_ada), tmp_path / "pulled")
    assert _blobs(tmp_path / "pulled") == _blobs(layout.folder)
    with pytest.raises(AccessDeniedError) as caught:
        _pull(open_repository(), tmp_path / "nobody")
    assert any(f"docker login {registry.host}" in hint for hint in caught.value.hints)
    with pytest.raises(AccessDeniedError):
        _pull(open_repository(find=lambda *_: Credentials("ada", "wrong")), tmp_path / "wrong")


def test_a_token_is_asked_for_once_for_everything(
    open_repository: Open, layout: Layout, registry: FakeRegistry
) -> None:
    registry.door, registry.users = Door.TOKEN, {"ada": "engine"}
    _push(open_repository(find=_ada, settings=RegistrySettings(connections=1)), layout)
    (asked,) = [asked for asked in registry.asked if asked.host == "auth"]
    assert "scope=repository%3Ateam%2Fapp%3Apull%2Cpush" in asked.path
    assert "service=fake" in asked.path
    assert base64.b64decode(asked.headers["authorization"].removeprefix("Basic ")) == b"ada:engine"


def test_nobody_in_particular_pulls_what_is_public(
    open_repository: Open, layout: Layout, registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.door, registry.users = Door.TOKEN, {"ada": "engine"}
    _push(open_repository("public/app:1", find=_ada), layout)
    assert _pull(open_repository("public/app:1"), tmp_path / "pulled").image() == layout.image()
    with pytest.raises(AccessDeniedError, match="authentication required"):
        _push(open_repository("public/app:2"), layout_of(tmp_path / "other", [Item("new")]))


def test_an_identity_token_is_changed_for_others(open_repository: Open, layout: Layout, registry: FakeRegistry) -> None:
    registry.door, registry.identity_tokens = Door.TOKEN, {_LONG_LIVED}
    _push(open_repository(find=lambda *_: Credentials("", "", identity_token=_LONG_LIVED)), layout)
    (asked,) = [asked for asked in registry.asked if asked.host == "auth"][:1]
    assert (asked.method, asked.headers.get("authorization")) == ("POST", None)
    with pytest.raises(AccessDeniedError, match="gives no token: invalid_grant"):
        _push(open_repository(find=lambda *_: Credentials("", "", identity_token=_STOLEN)), layout)


def test_a_token_that_has_run_out_is_renewed(open_repository: Open, layout: Layout, registry: FakeRegistry) -> None:
    registry.door, registry.users = Door.TOKEN, {"ada": "engine"}
    repository = open_repository(find=_ada)
    _push(repository, layout)
    registry.tokens.clear()
    assert repository.resolve()[0] == layout.image()
    registry.tokens.clear()
    _push(repository, layout)


def test_mounting_asks_for_both_repositories(open_repository: Open, layout: Layout, registry: FakeRegistry) -> None:
    registry.door, registry.users = Door.TOKEN, {"ada": "engine"}
    neighbours: dict[Digest, str] = {}
    push_image(open_repository("team/web:1", find=_ada), layout, layout.image(), neighbours=neighbours)
    second = push_image(open_repository("team/worker:1", find=_ada), layout, layout.image(), neighbours=neighbours)
    assert second.uploaded == 0
    assert any("repository%3Ateam%2Fweb%3Apull" in asked.path for asked in registry.asked if asked.host == "auth")


def test_the_registry_is_quoted_in_what_goes_wrong(
    open_repository: Open, layout: Layout, registry: FakeRegistry, tmp_path: Path
) -> None:
    with pytest.raises(NotInRegistryError) as caught:
        open_repository("team/app:absent").resolve()
    assert caught.value.message == (
        f"{registry.host} does not give out the manifest absent of team/app: "
        "MANIFEST_UNKNOWN: manifest unknown to registry: absent (404 Not Found)"
    )
    _push(open_repository(), layout)
    layer = layout.manifest(layout.image()).layers[0]
    del registry.blobs["team/app"][str(layer.digest)]
    with pytest.raises(NotInRegistryError, match="BLOB_UNKNOWN: blob unknown to registry"):
        _pull(open_repository(), tmp_path / "pulled")
    with pytest.raises(RegistryError, match="MANIFEST_BLOB_UNKNOWN"):
        open_repository("other/app:1").put_manifest(
            "1", layout.image(), layout.blob_path(layout.image().digest).read_bytes()
        )


def test_a_registry_that_stays_overloaded_is_quoted(open_repository: Open, registry: FakeRegistry) -> None:
    repository = open_repository()
    registry.statuses = [429] * 10
    with pytest.raises(RegistryError, match="come back later") as caught:
        repository.resolve()
    assert caught.value.hints


def test_absolute_places_are_followed(open_repository: Open, layout: Layout, registry: FakeRegistry) -> None:
    registry.relative_locations = False
    assert _push(open_repository(), layout).uploaded > 0


def test_progress_counts_every_byte_once(open_repository: Open, layout: Layout, tmp_path: Path) -> None:
    steps: list[Step] = []
    push_image(open_repository(), layout, layout.image(), progress=steps.append)
    assert steps[-1].done == steps[-1].total
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    steps.clear()
    with LayoutWriter(tmp_path / "pulled") as writer:
        pull_image(open_repository(), writer, progress=steps.append)
    assert steps[-1].done == steps[-1].total
    assert steps[-1].phase.startswith("pull ")


def test_a_registry_elsewhere_is_talked_to_encrypted_only(http: HttpClient) -> None:
    registries = Registries(http, settings=RegistrySettings(attempts=1))
    repository = registries.repository(ImageReference.parse("registry.invalid:1/app"))
    with pytest.raises(TransferError, match=r"https://registry\.invalid:1/v2/app/manifests/latest"):
        repository.resolve()


def test_what_the_user_allows_is_talked_to_unencrypted(
    registry: FakeRegistry, http: HttpClient, layout: Layout
) -> None:
    settings = RegistrySettings(locations={"index.example": registry.host}, plain_http=frozenset({"index.example"}))
    repository = Registries(http, settings=settings).repository(ImageReference.parse("index.example/app:1"))
    assert _push(repository, layout).uploaded > 0


def test_the_default_registry_is_where_it_is_said_to_be(
    registry: FakeRegistry, http: HttpClient, layout: Layout
) -> None:
    with pytest.raises(RegistryError, match="python:3 names no registry") as caught:
        Registries(http).repository(ImageReference.parse("python:3"))
    assert caught.value.hints
    registries = Registries(http, settings=RegistrySettings(locations={"": registry.host}))
    _push(registries.repository(ImageReference.parse("python:3")), layout)
    assert list(registry.manifests) == ["library/python"]


def test_nothing_is_asked_offline(layout: Layout) -> None:
    registries = Registries(HttpClient(HttpSettings(offline=True)))
    with pytest.raises(OfflineError):
        registries.repository(ImageReference.parse("index.example/app")).resolve()


def test_layers_that_no_registry_holds_are_not_pulled(
    open_repository: Open, layout: Layout, registry: FakeRegistry, tmp_path: Path
) -> None:
    _push(open_repository(), layout)
    media_type, data = registry.manifests["team/app"]["1"]
    document = json.loads(data)
    document["layers"][0]["mediaType"] = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    data = json.dumps(document).encode()
    registry.manifests["team/app"] = dict.fromkeys(("1", str(Digest.of(data))), (media_type, data))
    with pytest.raises(ImageDocumentError, match="that no registry holds"):
        _pull(open_repository(), tmp_path / "pulled")


def test_an_empty_blob_is_a_blob(open_repository: Open, tmp_path: Path, registry: FakeRegistry) -> None:
    layout = layout_of(tmp_path / "image", [Item("a")])
    empty = Descriptor(LAYER, Digest.of(b""), 0)
    manifest = replace(layout.manifest(layout.image()), layers=(empty,))
    with LayoutWriter(tmp_path / "image") as writer:
        writer.put(LAYER, b"")
        layout = writer.finish({"web": writer.put(MANIFEST, manifest.render())})
    _push(open_repository(), layout)
    assert registry.blobs["team/app"][str(empty.digest)] == b""
    assert _blobs(_pull(open_repository(), tmp_path / "pulled").folder) == _blobs(layout.folder)
