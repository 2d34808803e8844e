"""Getting past a registry's door: basic authentication, or tokens for what is to be done (distribution, token.md)."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import field
from urllib.parse import urlencode

from careen.http.addresses import redacted, split_address
from careen.http.client import HttpClient
from careen.http.messages import Answer, Body, Request
from careen.oci.challenge import Challenge, parse_challenges
from careen.oci.credentials import Credentials, FindCredentials
from careen.oci.document import ImageDocumentError, read_document
from careen.oci.registry_errors import AccessDeniedError, RegistryError, registry_message
from careen.text.values import dataclass

_LARGEST_TOKEN = 1 << 20
_CLIENT = "careen"


@dataclass(slots=True)
class Authenticator:
    """Answers one registry's challenges and remembers the answers. Safe to use from several threads.

    ``registry`` is ``host`` or ``host:port``, as the user wrote it; ``encrypted`` forbids that credentials go to a
    token server without encryption.
    """

    http: HttpClient
    registry: str
    find_credentials: FindCredentials
    encrypted: bool
    _headers: dict[frozenset[str], str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def header(self, scopes: Iterable[str]) -> Mapping[str, str]:
        """What is known to open the door for these scopes; nothing before the first challenge."""
        with self._lock:
            known = self._headers.get(frozenset(scopes))
        return {} if known is None else {"Authorization": known}

    def answer(
        self, challenged: Answer, scopes: frozenset[str], repository: str, sent: Mapping[str, str]
    ) -> Mapping[str, str]:
        """The header to try again with, after a 401 to a request that carried ``sent``.

        Raises AccessDeniedError when there is nothing to answer, or what the token server says.
        """
        with self._lock:
            known = self._headers.get(scopes)
            if known is not None and known != sent.get("Authorization"):
                return {"Authorization": known}  # another thread was faster
            self._headers[scopes] = self._fresh(challenged, scopes, repository)
            return {"Authorization": self._headers[scopes]}

    def _fresh(self, challenged: Answer, scopes: frozenset[str], repository: str) -> str:
        challenges = parse_challenges(challenged.headers.get("www-authenticate", ""))
        credentials = self.find_credentials(self.registry, repository)
        for challenge in challenges:
            if challenge.scheme == "bearer" and challenge.parameters.get("realm"):
                return "Bearer " + self._token(challenge, scopes, credentials)
        if credentials is None:
            raise AccessDeniedError(
                f"{self.registry} asks who is there", hints=(f"log in first: docker login {self.registry}",)
            )
        if any(challenge.scheme == "basic" for challenge in challenges):
            return credentials.basic()
        schemes = ", ".join(challenge.scheme for challenge in challenges) or "nothing that is known"
        raise AccessDeniedError(f"{self.registry} asks for {schemes[:80]}, and careen knows basic and bearer")

    def _token(self, challenge: Challenge, scopes: frozenset[str], credentials: Credentials | None) -> str:
        realm = challenge.parameters["realm"]
        if split_address(realm).scheme != "https" and (self.encrypted or split_address(realm).scheme != "http"):
            raise RegistryError(f"{self.registry} has its tokens given out at an unencrypted address")
        answer = self.http.exchange(self._request(challenge, scopes, credentials), limit=_LARGEST_TOKEN)
        if answer.status in (400, 401, 403):
            hint = (f"log in first: docker login {self.registry}",)
            raise AccessDeniedError(f"{self.registry} gives no token: {registry_message(answer)}", hints=hint)
        if answer.status != 200:
            raise RegistryError(f"{redacted(realm)} gives no token: {registry_message(answer)}")
        try:
            document = read_document(answer.body, "token")
            token = document.text("token", "") or document.text("access_token")
        except ImageDocumentError as error:
            raise RegistryError(f"{redacted(realm)} gives no token: {error.message}") from error
        if not token.isascii() or not token.isprintable():
            raise RegistryError(f"{redacted(realm)} gives a token that is none")
        return token

    def _request(self, challenge: Challenge, scopes: frozenset[str], credentials: Credentials | None) -> Request:
        realm = challenge.parameters["realm"]
        service = challenge.parameters.get("service", "")
        asked = sorted(scopes)
        if credentials is not None and credentials.identity_token:
            form = {
                "grant_type": "refresh_token",
                "refresh_token": credentials.identity_token,
                "service": service,
                "client_id": _CLIENT,
                "scope": " ".join(asked),
            }
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            return Request(method="POST", url=realm, headers=headers, body=Body.of(urlencode(form).encode()))
        query = [("service", service)] if service else []
        query += [("scope", scope) for scope in asked]
        headers = {}
        if credentials is not None:
            query.append(("account", credentials.username))
            headers["Authorization"] = credentials.basic()
        separator = "&" if split_address(realm).query else "?"
        return Request(method="GET", url=f"{realm}{separator}{urlencode(query)}", headers=headers)
