"""Who to be at a registry, from the files of docker and podman (docker-login(1), containers-auth.json(5))::

{"auths": {"index.example": {"auth": "<base64 of user:password>"},
           "index.example/team": {"identitytoken": "…"}},
 "credHelpers": {"other.example": "secretservice"}, "credsStore": "pass"}
"""

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Protocol

from careen.errors import CareenError
from careen.oci.document import ImageDocumentError, read_document
from careen.text.values import dataclass

_LARGEST_FILE = 4 << 20
_HELPER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TOKEN_USER = "<token>"  # noqa: S105 - what helpers answer in place of a name
_NOT_FOUND = "credentials not found"
_LEGACY_PREFIX = "index."


class CredentialsError(CareenError):
    """A file of credentials, or the program that keeps them, cannot be read."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Either a name and a password, or a token that is changed for others. Never shown."""

    username: str
    password: str = field(repr=False)
    identity_token: str = field(default="", repr=False)

    def basic(self) -> str:
        """As the value of an Authorization header (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


class RunHelper(Protocol):
    """Runs ``docker-credential-<name> get``, with the address on its standard input; gives status and output."""

    def __call__(self, program: str, argument: str, stdin: bytes, /) -> tuple[int, bytes]: ...


FindCredentials = Callable[[str, str], Credentials | None]
"""From a registry (``host`` or ``host:port``) and a repository; None is nobody in particular."""


def nobody(_registry: str, _repository: str) -> None:
    """For registries that ask nobody's name."""


def credential_files(environment: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    """Where docker and podman keep them, the first to be asked first; they need not exist."""
    named = environment.get("REGISTRY_AUTH_FILE")
    runtime = environment.get("XDG_RUNTIME_DIR")
    configuration = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    docker = Path(environment.get("DOCKER_CONFIG") or home / ".docker")
    found = [Path(named)] if named else []
    if runtime:
        found.append(Path(runtime) / "containers/auth.json")
    return (*found, configuration / "containers/auth.json", docker / "config.json")


@dataclass(frozen=True, slots=True)
class CredentialFiles:
    """Looks through the files in their order, each when it is asked. Use its ``find`` as FindCredentials."""

    files: tuple[Path, ...]
    run_helper: RunHelper

    def find(self, registry: str, repository: str) -> Credentials | None:
        """Raises CredentialsError."""
        for path in self.files:
            try:
                with path.open("rb") as stream:
                    data = stream.read(_LARGEST_FILE)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise CredentialsError(f"{path} cannot be read: {error.strerror}") from error
            found = self._in_file(_read_file(path, data), path, registry, repository)
            if found is not None:
                return found
        return None

    def _in_file(self, kept: "_File", path: Path, registry: str, repository: str) -> Credentials | None:
        names = tuple(_names(registry, repository))
        for name, helper in kept.helpers.items():
            if _host(name) in names:
                return self._ask(helper, name, path)
        entry = next((kept.entries[key] for name in names for key in kept.entries if _host(key) == name), None)
        if kept.store:
            keys = [key for name in names for key in kept.entries if _host(key) == name] or [registry]
            found = self._ask(kept.store, keys[0], path)
            if found is not None:
                return found
        return entry

    def _ask(self, helper: str, address: str, path: Path) -> Credentials | None:
        if not _HELPER_NAME.fullmatch(helper):
            raise CredentialsError(f"{path} names no program that keeps credentials: {helper[:80]!r}")
        program = f"docker-credential-{helper}"
        status, output = self.run_helper(program, "get", address.encode())
        if status != 0:
            said = _shown(output)
            if _NOT_FOUND in said:
                return None
            raise CredentialsError(f"{program}, which {path} names, failed: {said or f'status {status}'}")
        try:
            answer = read_document(output, program)
            name, secret = answer.text("Username", ""), answer.text("Secret")
        except ImageDocumentError as error:
            raise CredentialsError(f"{program} gives no credentials: {error.message}") from error
        if name == _TOKEN_USER:
            return Credentials("", "", identity_token=secret)
        return Credentials(name, secret)


@dataclass(frozen=True, slots=True)
class _File:
    """``entries`` by their keys; None where a helper keeps the secret."""

    entries: Mapping[str, Credentials | None]
    helpers: Mapping[str, str]
    store: str


def _read_file(path: Path, data: bytes) -> _File:
    try:
        document = read_document(data, path.name)
        auths = document.fields("auths")
        entries = {name: _entry(auths.fields(name).text("auth", ""), auths.fields(name).text("identitytoken", ""), name)
                   for name in document.names("auths")}  # fmt: skip
        return _File(entries, document.text_map("credHelpers"), document.text("credsStore", ""))
    except ImageDocumentError as error:
        raise CredentialsError(f"{path} is malformed: {error.message}") from error
    except ValueError as error:
        raise CredentialsError(f"{path} is malformed: {error}") from error


def _entry(auth: str, identity_token: str, name: str) -> Credentials | None:
    if not auth:
        return Credentials("", "", identity_token=identity_token) if identity_token else None
    try:
        username, colon, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except ValueError as error:
        raise ValueError(f"the entry of {name[:80]!r} is no base64") from error
    if not colon:
        raise ValueError(f"the entry of {name[:80]!r} has no password")
    return Credentials(username, password.rstrip("\0"), identity_token)


def _names(registry: str, repository: str) -> Iterator[str]:
    """The keys that are for a repository, the narrowest first."""
    parts = repository.split("/")
    for length in range(len(parts), 0, -1):
        yield "/".join((registry, *parts[:length]))
    yield registry
    yield _LEGACY_PREFIX + registry


def _host(key: str) -> str:
    """Without scheme and the version that docker once wrote behind the host."""
    bare = key.partition("://")[2] or key
    return re.sub(r"/v[12]/?$", "", bare).rstrip("/")


def _shown(output: bytes) -> str:
    text = output[:200].decode("utf-8", "replace").strip()
    return "".join(letter if letter.isprintable() else " " for letter in text)
