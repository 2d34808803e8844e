"""Client of a registry's repository (distribution spec): manifests and blobs, verified where they arrive.

Encrypted, except to this machine and to registries for which the user allowed otherwise. Credentials are shown to
the registry's own address, and to nobody it redirects to.
"""

import io
import ipaddress
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field, replace
from urllib.parse import quote, urlsplit

from careen.blobs.digest import Descriptor, Digest, DigestMismatchError, InvalidDigestError
from careen.http.addresses import joined, split_address
from careen.http.client import HttpClient
from careen.http.failures import TransferError
from careen.http.messages import Answer, Body, OpenAnswer, Request
from careen.http.patience import PASSING_STATUSES
from careen.oci.auth import Authenticator
from careen.oci.credentials import FindCredentials, nobody
from careen.oci.document import LARGEST_DOCUMENT
from careen.oci.images import BlobReader
from careen.oci.media_types import DOCKER_LIST, DOCKER_MANIFEST, INDEX, INDEXES, MANIFEST, MANIFESTS
from careen.oci.reference import ImageReference
from careen.oci.registry_errors import AccessDeniedError, NotInRegistryError, RegistryError, registry_message
from careen.oci.verified import VerifiedReader
from careen.text.values import dataclass

_ACCEPTED = f"{MANIFEST}, {INDEX}, {DOCKER_MANIFEST}, {DOCKER_LIST}"
_LARGEST_ANSWER = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySettings:
    """``locations`` say where a registry is that is not where its name says: ``host:port``, with ``""`` for the
    default registry. ``plain_http`` are registries, by their names, that may be talked to unencrypted.
    ``chunk`` is the most that is uploaded by one request, in bytes; ``attempts`` is per blob, without progress.
    """

    locations: Mapping[str, str] = field(default_factory=dict)
    plain_http: frozenset[str] = frozenset()
    chunk: int = 64 << 20
    connections: int = 4
    attempts: int = 4


class Registries:
    """Whoever opens repositories; keeps what each registry answered, for all of them."""

    def __init__(
        self, http: HttpClient, find_credentials: FindCredentials = nobody, settings: RegistrySettings | None = None
    ) -> None:
        self._http = http
        self._find_credentials = find_credentials
        self._settings = settings or RegistrySettings()
        self._doors: dict[str, _Door] = {}
        self._lock = threading.Lock()

    def repository(self, reference: ImageReference) -> "Repository":
        """Raises RegistryError when nobody knows where the registry is."""
        with self._lock:
            door = self._doors.get(reference.registry)
            if door is None:
                door = self._door(reference)
                self._doors[reference.registry] = door
        return Repository(door, reference)

    def _door(self, reference: ImageReference) -> "_Door":
        host = self._settings.locations.get(reference.registry, reference.registry)
        if not host:
            raise RegistryError(
                f"{reference} names no registry, and no default one is configured",
                hints=(f"write its host before the name: index.example/{reference.repository}",),
            )
        plain = _is_this_machine(host) or reference.registry in self._settings.plain_http
        address = f"https://{host}"
        if plain and not self._answers(address):
            address = f"http://{host}"
        encrypted = address.startswith("https:")
        name = reference.registry or host
        return _Door(
            self._http, address, Authenticator(self._http, name, self._find_credentials, encrypted), self._settings
        )

    def _answers(self, address: str) -> bool:
        try:
            self._http.exchange(Request(method="GET", url=f"{address}/v2/"), limit=_LARGEST_ANSWER, repeat=False)
        except TransferError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Door:
    http: HttpClient
    address: str
    authenticator: Authenticator
    settings: RegistrySettings

    def is_own(self, url: str) -> bool:
        return split_address(url)[:2] == urlsplit(self.address)[:2]


class Repository:
    """One repository; as Images it has the one image that the reference names. Safe to use from several threads."""

    def __init__(self, door: _Door, reference: ImageReference) -> None:
        self.reference = reference
        self.settings = door.settings
        self._door = door
        self._base = f"{door.address}/v2/{reference.repository}"
        self._pull = frozenset({f"repository:{reference.repository}:pull"})
        self._push = frozenset({f"repository:{reference.repository}:pull,push"})

    def images(self) -> Mapping[str, Descriptor]:
        return {str(self.reference): self.resolve()[0]}

    def resolve(self) -> tuple[Descriptor, bytes]:
        """The manifest or index that the reference names. Raises NotInRegistryError, AccessDeniedError."""
        return self.manifest(self.reference.selector)

    def manifest(self, selector: str) -> tuple[Descriptor, bytes]:
        """By tag or digest, as it is. Raises NotInRegistryError, AccessDeniedError, DigestMismatchError."""
        url = f"{self._base}/manifests/{quote(selector, safe=':')}"
        answer = self.send(Request(method="GET", url=url, headers={"Accept": _ACCEPTED}), push=False)
        self.expect(answer, (200,), f"give out the manifest {selector}")
        digest = Digest.of(answer.body)
        promised = answer.headers.get("docker-content-digest", "")
        if (_is_digest(selector) and selector != str(digest)) or (_is_digest(promised) and promised != str(digest)):
            raise DigestMismatchError(f"{self.reference.name} hands out {digest} as the manifest {selector}")
        media_type = answer.headers.get("content-type", "").partition(";")[0].strip()
        return Descriptor(media_type, digest, len(answer.body)), answer.body

    @contextmanager
    def open_blob(self, descriptor: Descriptor) -> Iterator[BlobReader]:
        """Blobs and manifests, read while they arrive; what breaks off is gone on with by ranges.

        Raises NotInRegistryError, AccessDeniedError, TransferError, DigestMismatchError.
        """
        if descriptor.media_type in MANIFESTS | INDEXES:
            _, data = self.manifest(str(descriptor.digest))
            yield VerifiedReader(io.BytesIO(data), descriptor)
            return
        pieces = self._pieces(descriptor)
        try:
            yield VerifiedReader(_Pieces(pieces), descriptor)
        finally:
            pieces.close()

    def has_blob(self, descriptor: Descriptor) -> bool:
        answer = self.send(Request(method="HEAD", url=f"{self._base}/blobs/{descriptor.digest}"))
        if answer.status != 404:
            self.expect(answer, (200,), f"say whether it has {descriptor.digest}")
        return answer.status == 200

    def begin_upload(self, descriptor: Descriptor, mount_from: str | None = None) -> Answer | None:
        """None when the registry took the blob over from the other repository. Raises RegistryError."""
        query, scopes = "", frozenset[str]()
        if mount_from is not None:
            query = f"?mount={quote(str(descriptor.digest))}&from={quote(mount_from)}"
            scopes = frozenset({f"repository:{mount_from}:pull"})
        request = Request(method="POST", url=f"{self._base}/blobs/uploads/{query}")
        answer = self.send(request, more_scopes=scopes)
        if mount_from is not None and answer.status == 201:
            return None
        self.expect(answer, (202,), f"take the blob {descriptor.digest}")
        return answer

    def put_manifest(self, selector: str, descriptor: Descriptor, data: bytes) -> Answer:
        """Under a tag or its digest, when all that it names is there. Raises RegistryError."""
        url = f"{self._base}/manifests/{quote(selector, safe=':')}"
        headers = {"Content-Type": descriptor.media_type}
        answer = self.send(Request(method="PUT", url=url, headers=headers, body=Body.of(data)))
        self.expect(answer, (200, 201, 202), f"take the manifest {selector}")
        return answer

    def location(self, answer: Answer) -> str:
        """Where the registry wants an upload to go on. Raises RegistryError when it is missing or not encrypted."""
        place = answer.headers.get("location")
        if not place:
            raise RegistryError(f"{self.reference.registry} does not say where to upload to")
        url = joined(answer.url, place)
        if split_address(url).scheme != "https" and urlsplit(self._door.address).scheme == "https":
            raise RegistryError(f"{self.reference.registry} sends uploads to an unencrypted address")
        return url

    def send(
        self, request: Request, *, push: bool = True, more_scopes: frozenset[str] = frozenset(), repeat: bool = True
    ) -> Answer:
        """With credentials, where it is the registry itself that is asked. Any status may be the answer."""
        scopes = (self._push if push else self._pull) | more_scopes
        known = self._door.authenticator.header(scopes) if self._door.is_own(request.url) else {}
        answer = self._exchange(request, known, repeat=repeat)
        if answer.status == 401 and self._door.is_own(answer.url):
            known = self._door.authenticator.answer(answer, scopes, self.reference.repository, known)
            answer = self._exchange(request, known, repeat=repeat)
        return answer

    def expect(self, answer: Answer, statuses: tuple[int, ...], doing: str) -> None:
        """Raises NotInRegistryError, AccessDeniedError or RegistryError in the registry's own words."""
        if answer.status in statuses:
            return
        registry = self.reference.registry or urlsplit(self._door.address).netloc
        message = f"{registry} does not {doing} of {self.reference.repository}: {registry_message(answer)}"
        if answer.status in (401, 403):
            raise AccessDeniedError(message, hints=(f"log in as somebody who may: docker login {registry}",))
        if answer.status == 404:
            raise NotInRegistryError(message)
        if answer.status == 429:
            raise RegistryError(message, hints=("it limits how much is asked; wait, or log in",))
        raise RegistryError(message)

    def rest(self, failures: int) -> None:
        """Waits, the longer the more failures there were."""
        self._door.http.rest(failures)

    def _exchange(self, request: Request, credentials: Mapping[str, str], *, repeat: bool) -> Answer:
        limit = LARGEST_DOCUMENT if request.method == "GET" else _LARGEST_ANSWER
        full = replace(request, headers={**request.headers, **credentials})
        return self._door.http.exchange(full, limit=limit, repeat=repeat)

    def _pieces(self, descriptor: Descriptor) -> Generator[bytes, None, None]:
        url = f"{self._base}/blobs/{descriptor.digest}"
        received = failures = 0
        while True:
            headers = {"Range": f"bytes={received}-"} if received else {}
            before = received
            try:
                with self._open(url, headers) as opened:
                    self._expect_blob(opened, descriptor, received)
                    passed_over = received if opened.status == 200 else 0
                    for piece in opened.pieces:
                        fresh = piece[passed_over:]
                        passed_over -= len(piece) - len(fresh)
                        received += len(fresh)
                        if fresh:
                            yield fresh
                if received >= descriptor.size:
                    return
                raise TransferError(f"{descriptor.digest} ends after {received} of {descriptor.size} bytes")
            except TransferError:
                failures = 1 if received > before else failures + 1
                if failures >= self.settings.attempts:
                    raise
                self.rest(failures)

    def _expect_blob(self, opened: OpenAnswer, descriptor: Descriptor, received: int) -> None:
        if opened.status == 206 and received:
            if not opened.headers.get("content-range", "").startswith(f"bytes {received}-"):
                raise RegistryError(f"{self.reference.registry} answers with another range than it was asked for")
            return
        if opened.status != 200:
            body = b"".join(opened.pieces)[:_LARGEST_ANSWER]
            answer = Answer(status=opened.status, headers=opened.headers, body=body, url=opened.url)
            if opened.status in PASSING_STATUSES:
                raise TransferError(f"{self.reference.registry} is not able to answer: {registry_message(answer)}")
            self.expect(answer, (200,), f"give out the blob {descriptor.digest}")

    @contextmanager
    def _open(self, url: str, headers: Mapping[str, str]) -> Iterator[OpenAnswer]:
        authenticator = self._door.authenticator
        known = authenticator.header(self._pull)
        with self._door.http.open(Request(method="GET", url=url, headers={**headers, **known})) as opened:
            if opened.status != 401 or not self._door.is_own(opened.url):
                yield opened
                return
            challenged = Answer(status=401, headers=opened.headers, body=b"", url=opened.url)
        known = authenticator.answer(challenged, self._pull, self.reference.repository, known)
        with self._door.http.open(Request(method="GET", url=url, headers={**headers, **known})) as opened:
            yield opened


class _Pieces:
    """Pieces as a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._waiting = b""

    def read(self, size: int = -1, /) -> bytes:
        """One piece or a part of it, which is all that VerifiedReader asks for."""
        if not self._waiting:
            self._waiting = next(self._pieces, b"")
        data = self._waiting if size < 0 else self._waiting[:size]
        self._waiting = self._waiting[len(data) :]
        return data


def _is_digest(text: str) -> bool:
    try:
        Digest.parse(text)
    except InvalidDigestError:
        return False
    return True


def _is_this_machine(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
