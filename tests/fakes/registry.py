"""A registry in this process that speaks the distribution spec over real sockets, with the faults that tests ask for.

Blobs may be handed out by a second host, tokens are given out by a third, as in the world: each has its own port.
"""

import base64
import hashlib
import json
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit


class Door(Enum):
    OPEN = "open"
    BASIC = "basic"
    TOKEN = "token"  # noqa: S105 - a kind of door


@dataclass(slots=True)
class Upload:
    repository: str
    data: bytearray = field(default_factory=bytearray)


@dataclass(slots=True)
class Asked:
    """One request as it came in."""

    host: str
    method: str
    path: str
    headers: dict[str, str]
    size: int


@dataclass
class FakeRegistry:
    """State and faults; every ``list`` of faults is used up from its front, one a request, and -1 is none."""

    door: Door = Door.OPEN
    users: dict[str, str] = field(default_factory=dict)
    identity_tokens: set[str] = field(default_factory=set)
    redirect_blobs: bool = False
    """Blobs come from the second host, which refuses whoever shows credentials."""
    redirect_manifests: bool = False
    uploads_elsewhere: bool = False
    """Uploads go to the second host."""
    relative_locations: bool = True
    least_chunk: int = 0

    cut_downloads: list[int] = field(default_factory=list)
    """Bytes after which the connection of a download is cut."""
    cut_uploads: list[int] = field(default_factory=list)
    """Bytes after which the connection of an upload is cut; those before are kept."""
    lose_answers: list[bool] = field(default_factory=list)
    """Whether the connection is cut after the upload was done, instead of an answer."""
    statuses: list[int] = field(default_factory=list)
    """Answered instead of doing anything."""
    ranges: bool = True
    range_starts: int | None = None
    """Where ranges are said to start, whatever was asked for."""
    boasted: int = 0
    """Bytes more than there are that an upload is said to have."""
    remembers_uploads: bool = True
    mounts: bool = True
    tracks_subjects: bool = False
    """Whether it has the referrers API, and says so."""
    damaged: set[str] = field(default_factory=set)
    """Digests whose bytes are handed out changed."""
    manifest_digest: str | None = None
    challenge_elsewhere: str = ""
    """The realm that the second host asks for tokens from, when it asks."""

    blobs: dict[str, dict[str, bytes]] = field(default_factory=dict)
    manifests: dict[str, dict[str, tuple[str, bytes]]] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    tokens: dict[str, set[str]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    addresses: dict[str, str] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def host(self) -> str:
        return self.addresses["registry"]

    def of(self, method: str, part: str = "") -> list[Asked]:
        """Requests of a method whose path has a part, in their order."""
        return [asked for asked in self.asked if asked.method == method and part in asked.path]

    def next_fault(self, faults: list[int]) -> int | None:
        with self.lock:
            fault = faults.pop(0) if faults else -1
        return None if fault < 0 else fault

    @contextmanager
    def running(self) -> Iterator["FakeRegistry"]:
        servers = []
        for name, handler in (("registry", _Registry), ("auth", _TokenServer), ("storage", _Storage)):
            server = ThreadingHTTPServer(("127.0.0.1", 0), type(handler.__name__, (handler,), {"registry": self}))
            server.block_on_close = True
            server.daemon_threads = False
            self.addresses[name] = f"127.0.0.1:{server.server_address[1]}"
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            servers.append((server, thread))
        try:
            yield self
        finally:
            for server, thread in servers:
                server.shutdown()
                thread.join()
                server.server_close()


class _CutOffError(Exception):
    pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: ClassVar[FakeRegistry]
    host_name: ClassVar[str]
    timeout = 5
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has
        pass

    def handle(self) -> None:
        try:
            super().handle()
        except (_CutOffError, ConnectionError):
            self.close_connection = True

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 204:
            self.send_header("Content-Length", headers.get("Content_Length", str(len(body))))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status: int, code: str, message: str, **headers: str) -> None:
        body = json.dumps({"errors": [{"code": code, "message": message, "detail": None}]}).encode()
        self.answer(status, body, Content_Type="application/json", **headers)

    def note(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.registry.lock:
            self.registry.asked.append(Asked(self.host_name, self.command, self.path, headers, size))

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def send_blob(self, data: bytes) -> None:
        """With ranges, unless they are off, and cut where a fault says so."""
        start = 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        partial = bool(asked and self.registry.ranges)
        if asked and partial:
            start = int(asked[1])
        self.send_response(206 if partial else 200)
        if partial:
            said = start if self.registry.range_starts is None else self.registry.range_starts
            self.send_header("Content-Range", f"bytes {said}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if self.command == "HEAD":
            return
        cut = self.registry.next_fault(self.registry.cut_downloads)
        self.wfile.write(data[start:] if cut is None else data[start : start + cut])
        if cut is not None:
            self.wfile.flush()
            raise _CutOffError


class _Registry(_Handler):
    host_name = "registry"

    def _do(self) -> None:
        self.note()
        status = self.registry.next_fault(self.registry.statuses)
        if status:
            self.body()
            self.error(status, "UNAVAILABLE", "come back later", Retry_After="0")
            return
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        routes: list[tuple[str, Callable[..., None]]] = [
            (r"/v2/", self._ping),
            (r"/v2/(.+)/manifests/([^/]+)", self._manifest),
            (r"/v2/(.+)/blobs/uploads/", self._begin),
            (r"/v2/(.+)/blobs/uploads/([^/]+)", self._upload),
            (r"/v2/(.+)/blobs/(sha256:[0-9a-f]{64})", self._blob),
        ]
        for pattern, route in routes:
            found = re.fullmatch(pattern, path)
            if found is not None:
                if self._may_pass(found.groups(), query):
                    route(*found.groups(), **({"query": query} if route in (self._begin, self._upload) else {}))
                return
        self.body()
        self.error(404, "NOT_FOUND", "no such address")

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = _do  # noqa: N815 - the names http.server calls

    def _may_pass(self, parts: tuple[str, ...], query: dict[str, list[str]]) -> bool:
        header, registry = self.headers.get("Authorization") or "", self.registry
        if registry.door is Door.OPEN:
            return True
        needed = set()
        if parts:
            needed.add(f"{parts[0]}:{'pull' if self.command in ('GET', 'HEAD') else 'push'}")
            if "/uploads/" in self.path:
                needed = {f"{parts[0]}:push"}
        if query.get("from"):
            needed.add(f"{query['from'][0]}:pull")
        if registry.door is Door.BASIC:
            if _user(registry, header) is not None:
                return True
            self.body()
            self.error(401, "UNAUTHORIZED", "who is there?", WWW_Authenticate='Basic realm="fake, registry"')
            return False
        allowed = registry.tokens.get(header.removeprefix("Bearer "), None)
        if allowed is not None and needed <= allowed:
            return True
        scope = f"repository:{parts[0]}:pull,push" if parts else ""
        self.body()
        self.error(
            401,
            "UNAUTHORIZED",
            "authentication required",
            WWW_Authenticate=f'Bearer realm="http://{registry.addresses["auth"]}/token",service="fake",scope="{scope}"',
        )
        return False

    def _ping(self) -> None:
        self.answer(200, b"{}")

    def _manifest(self, repository: str, selector: str) -> None:
        registry = self.registry
        kept = registry.manifests.setdefault(repository, {})
        if self.command == "PUT":
            data = self.body()
            names = _names(json.loads(data))
            missing = [name for name in names if name not in registry.blobs.get(repository, {}) and name not in kept]
            if missing:
                self.error(400, "MANIFEST_BLOB_UNKNOWN", f"blob unknown to registry: {missing[0]}")
                return
            digest = _digest(data)
            kept[selector] = kept[digest] = (self.headers["Content-Type"], data)
            subject = json.loads(data).get("subject") if registry.tracks_subjects else None
            heard = {"OCI_Subject": subject["digest"]} if subject else {}
            place = f"/v2/{repository}/manifests/{digest}"
            self.answer(201, Location=place, Docker_Content_Digest=digest, **heard)
            return
        if registry.redirect_manifests:
            self.answer(307, Location=f"http://{registry.addresses['storage']}/{repository}/{selector}")
            return
        if selector not in kept:
            self.error(404, "MANIFEST_UNKNOWN", f"manifest unknown to registry: {selector}")
            return
        media_type, data = kept[selector]
        if selector in registry.damaged:
            data += b" "
        digest = registry.manifest_digest or _digest(data)
        self.answer(200, data, Content_Type=f"{media_type}; charset=utf-8", Docker_Content_Digest=digest)

    def _blob(self, repository: str, digest: str) -> None:
        data = self.registry.blobs.get(repository, {}).get(digest)
        if data is None:
            self.error(404, "BLOB_UNKNOWN", "blob unknown to registry")
        elif self.registry.redirect_blobs and self.command == "GET":
            self.answer(307, Location=f"http://{self.registry.addresses['storage']}/{repository}/{digest}?signature=1")
        else:
            self.send_blob(_served(self.registry, digest, data))

    def _begin(self, repository: str, query: dict[str, list[str]]) -> None:
        self.body()
        registry = self.registry
        mount, source = query.get("mount", [""])[0], query.get("from", [""])[0]
        data = registry.blobs.get(source, {}).get(mount)
        if data is not None and registry.mounts:
            registry.blobs.setdefault(repository, {})[mount] = data
            self.answer(201, Location=f"/v2/{repository}/blobs/{mount}", Docker_Content_Digest=mount)
            return
        name = secrets.token_hex(8)
        registry.uploads[name] = Upload(repository)
        least = str(registry.least_chunk)
        self.answer(202, Location=self._place(repository, name), Range="0-0", OCI_Chunk_Min_Length=least)

    def _upload(self, repository: str, name: str, query: dict[str, list[str]]) -> None:
        registry = self.registry
        upload = registry.uploads.get(name)
        if upload is None or upload.repository != repository:
            self.body()
            self.error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
            return
        if self.command == "GET":
            self.answer(204, Location=self._place(repository, name), Range=_range(upload, registry.boasted))
            return
        asked = re.fullmatch(r"(\d+)-(\d+)", self.headers.get("Content-Range") or "")
        if asked and int(asked[1]) != len(upload.data):
            self.body()
            self.error(416, "BLOB_UPLOAD_INVALID", "out of step", Range=_range(upload, registry.boasted))
            return
        self._receive(upload, name)
        if self.command == "PATCH":
            self._maybe_lose()
            self.answer(202, Location=self._place(repository, name), Range=_range(upload, registry.boasted))
            return
        digest = query["digest"][0]
        del registry.uploads[name]
        if _digest(bytes(upload.data)) != digest:
            self.error(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
            return
        registry.blobs.setdefault(repository, {})[digest] = bytes(upload.data)
        self._maybe_lose()
        self.answer(201, Location=f"/v2/{repository}/blobs/{digest}", Docker_Content_Digest=digest)

    def _receive(self, upload: Upload, name: str) -> None:
        registry = self.registry
        size = int(self.headers.get("Content-Length") or 0)
        cut = registry.next_fault(registry.cut_uploads)
        upload.data += self.rfile.read(size if cut is None else min(cut, size))
        if cut is not None:
            if not registry.remembers_uploads:
                registry.uploads.pop(name, None)
            raise _CutOffError

    def _maybe_lose(self) -> None:
        with self.registry.lock:
            lost = self.registry.lose_answers.pop(0) if self.registry.lose_answers else False
        if lost:
            raise _CutOffError

    def _place(self, repository: str, name: str) -> str:
        path = f"/v2/{repository}/blobs/uploads/{name}?_state=opaque"
        if self.registry.uploads_elsewhere:
            return f"http://{self.registry.addresses['storage']}/{repository}/{name}"
        return path if self.registry.relative_locations else f"http://{self.registry.host}{path}"


class _TokenServer(_Handler):
    host_name = "auth"

    def _do(self) -> None:
        self.note()
        registry = self.registry
        if self.command == "POST":
            form = {name: values[0] for name, values in parse_qs(self.body().decode()).items()}
            if form.get("grant_type") != "refresh_token" or form.get("refresh_token") not in registry.identity_tokens:
                self.answer(401, b'{"error": "invalid_grant"}', Content_Type="application/json")
                return
            scopes, user = form.get("scope", "").split(), "token"
        else:
            query = parse_qs(urlsplit(self.path).query)
            scopes = query.get("scope", [])
            header = self.headers.get("Authorization") or ""
            user = _user(registry, header) or ""
            if header and not user:
                self.answer(401, b'{"details": "incorrect username or password"}', Content_Type="application/json")
                return
        token = secrets.token_urlsafe(12)
        registry.tokens[token] = {grant for scope in scopes for grant in _grants(scope, anonymous=not user)}
        self.answer(200, json.dumps({"token": token, "expires_in": 300}).encode(), Content_Type="application/json")

    do_GET = do_POST = _do  # noqa: N815


class _Storage(_Handler):
    host_name = "storage"

    def do_GET(self) -> None:
        self.note()
        registry = self.registry
        if registry.challenge_elsewhere:
            self.answer(401, WWW_Authenticate=f'Bearer realm="{registry.challenge_elsewhere}",service="thief"')
            return
        if self.headers.get("Authorization"):
            self.answer(400, b"two ways to sign at once")
            return
        repository, _, digest = urlsplit(self.path).path.strip("/").rpartition("/")
        self.send_blob(_served(registry, digest, registry.blobs[repository][digest]))

    def do_PUT(self) -> None:
        self.note()
        data, repository = self.body(), urlsplit(self.path).path.strip("/").rpartition("/")[0]
        if self.headers.get("Authorization"):
            self.answer(400, b"two ways to sign at once")
            return
        self.registry.blobs.setdefault(repository, {})[_digest(data)] = data
        self.answer(201)


def _served(registry: FakeRegistry, digest: str, data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1]) if digest in registry.damaged else data


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _range(upload: Upload, boasted: int) -> str:
    return f"0-{max(0, len(upload.data) + boasted - 1)}"


def _names(document: dict[str, object]) -> list[str]:
    members = (document.get("config"), *_listed(document, "layers"), *_listed(document, "manifests"))
    return [str(member["digest"]) for member in members if isinstance(member, dict)]


def _listed(document: dict[str, object], name: str) -> list[object]:
    found = document.get(name, [])
    return found if isinstance(found, list) else []


def _user(registry: FakeRegistry, header: str) -> str | None:
    if not header.startswith("Basic "):
        return None
    name, _, password = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
    return name if registry.users.get(name) == password else None


def _grants(scope: str, *, anonymous: bool) -> list[str]:
    """Nobody in particular may pull what is called public."""
    _, name, actions = scope.split(":")
    if anonymous and not name.startswith("public/"):
        return []
    return [f"{name}:{action}" for action in actions.split(",") if not (anonymous and action == "push")]
