"""Pushing to and pulling from the registry of Debian's docker-registry, with skopeo as the other party."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from careen.blobs.digest import Descriptor, Digest
from careen.http.client import HttpClient
from careen.http.patience import HttpSettings
from careen.oci.credentials import Credentials, FindCredentials, nobody
from careen.oci.images import BlobReader
from careen.oci.layout import Layout, LayoutWriter
from careen.oci.manifest import ImagePlatform, Index, IndexEntry
from careen.oci.media_types import DOCKER_MANIFEST, INDEX, LAYER_GZIP, LAYER_ZSTD
from careen.oci.reference import ImageReference
from careen.oci.registry import Registries, RegistrySettings, Repository
from careen.oci.registry_errors import AccessDeniedError, NotInRegistryError
from careen.oci.transfer import pull_image, push_image
from careen.oci.unpack import image_files
from careen.platforms import Platform
from fakes.images import Item, layout_of, put_image, tar

pytestmark = pytest.mark.real

_CONFIG = """
version: 0.1
storage: {{filesystem: {{rootdirectory: {root}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}", secret: known}}
{auth}
"""
_USERS = "ada:$2b$04$SdjDZSlvK8Vjf9PZF/ccB.g0syG9TLcA2mSsr4Z0/yDHGpx0hl4BS\n"
"""``engine`` by bcrypt."""

_NOISE = os.urandom(3_000_000)


@dataclass
class Server:
    folder: Path
    auth: str = ""
    port: int = 0
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        if not self.port:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
        config = self.folder / "config.yml"
        config.write_text(_CONFIG.format(root=self.folder / "data", port=self.port, auth=self.auth))
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", config], stdout=log, stderr=log)
        give_up = time.monotonic() + 20
        while time.monotonic() < give_up:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        pytest.fail(f"docker-registry does not start: {(self.folder / 'log').read_text()[-400:]}")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    if shutil.which("docker-registry") is None:
        pytest.skip("docker-registry is not installed")
    (tmp_path / "server").mkdir()
    server = Server(tmp_path / "server")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def http() -> Iterator[HttpClient]:
    client = HttpClient(HttpSettings(attempts=8, backoff=0.05))
    yield client
    client.close()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return layout_of(tmp_path / "image", [Item("base", _NOISE)], [Item("app", b"application")])


def _repository(
    server: Server, http: HttpClient, name: str = "team/app:1", find: FindCredentials = nobody
) -> Repository:
    settings = RegistrySettings(chunk=1_000_000, attempts=8)
    return Registries(http, find, settings).repository(ImageReference.parse(f"{server.host}/{name}"))


def _pull(repository: Repository, folder: Path, platform: Platform | None = None) -> Layout:
    with LayoutWriter(folder) as writer:
        return writer.finish({"it": pull_image(repository, writer, platform)})


def _blobs(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "blobs/sha256").iterdir()}


def _skopeo(*words: str) -> bytes:
    skopeo = shutil.which("skopeo")
    if skopeo is None:
        pytest.skip("skopeo is not installed")
    done = subprocess.run([skopeo, *words], capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize("media_type", [LAYER_GZIP, LAYER_ZSTD])
def test_what_is_pushed_in_chunks_comes_back(server: Server, http: HttpClient, tmp_path: Path, media_type: str) -> None:
    layout = layout_of(tmp_path / "image", [Item("base", _NOISE)], [Item("app", b"a")], media_type=media_type)
    pushed = push_image(_repository(server, http), layout, layout.image())
    assert pushed.uploaded > 3_000_000
    assert _blobs(_pull(_repository(server, http), tmp_path / "pulled").folder) == _blobs(layout.folder)
    again = push_image(_repository(server, http, "team/app:2"), layout, layout.image())
    assert again.uploaded == 0


def test_skopeo_finds_the_image(server: Server, http: HttpClient, layout: Layout, tmp_path: Path) -> None:
    push_image(_repository(server, http), layout, layout.image())
    source = f"docker://{server.host}/team/app:1"
    shown = json.loads(_skopeo("inspect", "--tls-verify=false", source))
    assert shown["Digest"] == str(layout.image().digest)
    _skopeo("copy", "--src-tls-verify=false", source, f"oci:{tmp_path / 'copy'}:app")
    assert _blobs(tmp_path / "copy") == _blobs(layout.folder)


def test_images_in_dockers_form_are_pulled(server: Server, http: HttpClient, layout: Layout, tmp_path: Path) -> None:
    target = f"docker://{server.host}/team/app:docker"
    _skopeo("copy", "--dest-tls-verify=false", "--format", "v2s2", f"oci:{layout.folder}:web", target)
    repository = _repository(server, http, "team/app:docker")
    pulled = _pull(repository, tmp_path / "pulled")
    manifest = pulled.manifest(pulled.image())
    assert manifest.media_type == DOCKER_MANIFEST
    original = layout.manifest(layout.image())
    assert image_files(pulled, manifest) == image_files(layout, original)
    assert image_files(repository, manifest) == image_files(layout, original)


def test_an_index_is_pushed_and_chosen_from(server: Server, http: HttpClient, tmp_path: Path) -> None:
    with LayoutWriter(tmp_path / "image") as writer:
        entries = tuple(
            IndexEntry(
                descriptor=put_image(writer, [tar([Item("for", name.encode())])], architecture=name),
                platform=ImagePlatform(architecture=name),
            )
            for name in ("amd64", "arm64")
        )
        layout = writer.finish({"web": writer.put(INDEX, Index(entries=entries).render())})
    push_image(_repository(server, http), layout, layout.images()["web"])
    source = f"docker://{server.host}/team/app:1"
    shown = json.loads(_skopeo("inspect", "--tls-verify=false", "--override-arch", "arm64", source))
    assert shown["Architecture"] == "arm64"
    pulled = _pull(_repository(server, http), tmp_path / "pulled", Platform.parse("linux/arm64"))
    assert pulled.image() == entries[1].descriptor


def test_blobs_are_mounted_from_a_neighbour(server: Server, http: HttpClient, layout: Layout) -> None:
    neighbours: dict[Digest, str] = {}
    first = push_image(_repository(server, http, "team/web:1"), layout, layout.image(), neighbours=neighbours)
    second = push_image(_repository(server, http, "team/worker:1"), layout, layout.image(), neighbours=neighbours)
    assert (second.mounted, second.uploaded) == (first.uploaded, 0)


def test_what_is_missing_is_said_in_the_registrys_words(server: Server, http: HttpClient) -> None:
    with pytest.raises(NotInRegistryError, match=r"MANIFEST_UNKNOWN: manifest unknown \(404 Not Found\)"):
        _repository(server, http).resolve()


def test_basic_authentication(server: Server, http: HttpClient, layout: Layout, tmp_path: Path) -> None:
    server.stop()
    users = server.folder / "users"
    users.write_text(_USERS)
    server.auth = f"auth: {{htpasswd: {{realm: fake, path: {users}}}}}"
    server.start()
    with pytest.raises(AccessDeniedError, match="asks who is there"):
        _repository(server, http).resolve()
    with pytest.raises(AccessDeniedError, match="UNAUTHORIZED: authentication required"):
        _repository(server, http, find=lambda *_: Credentials("ada", "wrong")).resolve()
    ada = _repository(server, http, find=lambda *_: Credentials("ada", "engine"))
    push_image(ada, layout, layout.image())
    assert _blobs(_pull(ada, tmp_path / "pulled").folder) == _blobs(layout.folder)


@dataclass
class _Disturbed:
    """Images whose reading makes something happen on the way."""

    layout: Layout
    at: int
    happen: list[Server] = field(default_factory=list)

    def images(self) -> Mapping[str, Descriptor]:
        return self.layout.images()

    @contextmanager
    def open_blob(self, descriptor: Descriptor) -> Iterator[BlobReader]:
        with self.layout.open_blob(descriptor) as reader:
            yield _DisturbedReader(reader, self)


@dataclass
class _DisturbedReader:
    reader: BlobReader
    disturbed: _Disturbed
    read_bytes: int = 0

    def read(self, size: int = -1, /) -> bytes:
        data = self.reader.read(size)
        self.read_bytes += len(data)
        if self.read_bytes > self.disturbed.at and self.disturbed.happen:
            server = self.disturbed.happen.pop()
            server.stop()
            server.start()
        return data


@pytest.mark.parametrize("at", [300_000, 1_500_000, 2_999_000])
def test_a_registry_that_is_killed_in_between_gets_the_whole_blob(
    server: Server, http: HttpClient, layout: Layout, tmp_path: Path, at: int
) -> None:
    disturbed = _Disturbed(layout, at, [server])
    push_image(_repository(server, http), disturbed, layout.image())
    assert not disturbed.happen
    assert _blobs(_pull(_repository(server, http), tmp_path / "pulled").folder) == _blobs(layout.folder)
