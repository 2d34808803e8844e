import base64
import json
from pathlib import Path

import pytest

from careen.oci.credentials import CredentialFiles, Credentials, CredentialsError, credential_files


def _auth(text: str) -> dict[str, str]:
    return {"auth": base64.b64encode(text.encode()).decode()}


class Helper:
    """A credential helper that answers from a table, as the real ones do, and keeps what it was asked."""

    def __init__(self, kept: dict[str, tuple[str, str]] | None = None) -> None:
        self.kept = kept or {}
        self.asked: list[tuple[str, str, bytes]] = []

    def __call__(self, program: str, argument: str, stdin: bytes, /) -> tuple[int, bytes]:
        self.asked.append((program, argument, stdin))
        found = self.kept.get(stdin.decode())
        if found is None:
            return 1, b"credentials not found in native keychain\n"
        return 0, json.dumps({"ServerURL": stdin.decode(), "Username": found[0], "Secret": found[1]}).encode()


def _find(
    folder: Path,
    document: object,
    registry: str = "index.example",
    repository: str = "team/app",
    helper: Helper | None = None,
) -> Credentials | None:
    path = folder / "config.json"
    path.write_text(json.dumps(document))
    return CredentialFiles((folder / "missing.json", path), helper or Helper()).find(registry, repository)


@pytest.mark.parametrize(
    "key",
    [
        "index.example",
        "https://index.example",
        "https://index.example/v1/",
        "http://index.example/v2/",
        "index.example/",
    ],
)
def test_keys_are_hosts_in_whatever_form(tmp_path: Path, key: str) -> None:
    assert _find(tmp_path, {"auths": {key: _auth("ada:en:gine")}}) == Credentials("ada", "en:gine")


def test_the_default_registrys_old_key_is_known(tmp_path: Path) -> None:
    found = _find(tmp_path, {"auths": {"https://index.hub.example/v1/": _auth("ada:x")}}, "hub.example")
    assert found == Credentials("ada", "x")


def test_the_narrowest_key_counts(tmp_path: Path) -> None:
    auths = {
        "index.example": _auth("all:1"),
        "index.example/team": _auth("team:2"),
        "index.example/team/app": _auth("app:3"),
    }
    assert _find(tmp_path, {"auths": auths}) == Credentials("app", "3")
    assert _find(tmp_path, {"auths": auths}, repository="team/other") == Credentials("team", "2")
    assert _find(tmp_path, {"auths": auths}, repository="other/app") == Credentials("all", "1")
    assert _find(tmp_path, {"auths": auths}, registry="index.example:5000") is None


def test_credentials_of_another_host_are_never_used(tmp_path: Path) -> None:
    document = {"auths": {"index.example.evil": _auth("a:b"), "example": _auth("a:b"), "x.index.example": _auth("a:b")}}
    assert _find(tmp_path, document) is None


def test_an_identity_token_goes_with_the_entry(tmp_path: Path) -> None:
    found = _find(tmp_path, {"auths": {"index.example": {"identitytoken": "long"}}})
    assert found is not None
    assert found.identity_token == "long"  # noqa: S105 - of this test


def test_a_registrys_own_helper_is_asked(tmp_path: Path) -> None:
    helper = Helper({"index.example": ("ada", "secret")})
    document = {"credHelpers": {"index.example": "pass"}, "auths": {"index.example": _auth("old:one")}}
    assert _find(tmp_path, document, helper=helper) == Credentials("ada", "secret")
    assert helper.asked == [("docker-credential-pass", "get", b"index.example")]


def test_another_registrys_helper_is_not_asked(tmp_path: Path) -> None:
    helper = Helper({"other.example": ("eve", "x")})
    document = {"credHelpers": {"other.example": "pass"}, "auths": {"index.example": _auth("ada:x")}}
    assert _find(tmp_path, document, helper=helper) == Credentials("ada", "x")
    assert not helper.asked


def test_a_store_is_asked_by_the_key_of_the_entry(tmp_path: Path) -> None:
    helper = Helper({"https://index.example/v1/": ("<token>", "long")})
    document = {"credsStore": "secretservice", "auths": {"https://index.example/v1/": {}}}
    found = _find(tmp_path, document, helper=helper)
    assert found is not None
    assert (found.username, found.identity_token) == ("", "long")


def test_what_the_store_does_not_know_comes_from_the_file(tmp_path: Path) -> None:
    document = {"credsStore": "pass", "auths": {"index.example": _auth("ada:x")}}
    assert _find(tmp_path, document) == Credentials("ada", "x")
    assert _find(tmp_path, {"credsStore": "pass"}) is None


def test_the_first_file_that_knows_counts(tmp_path: Path) -> None:
    for number, name in enumerate(("one", "two", "three")):
        auths = {} if name == "one" else {"index.example": _auth(f"user{number}:x")}
        (tmp_path / name).write_text(json.dumps({"auths": auths}))
    found = CredentialFiles(tuple(tmp_path / name for name in ("one", "two", "three")), Helper()).find(
        "index.example", "a"
    )
    assert found == Credentials("user1", "x")


class Failing:
    def __init__(self, status: int, output: bytes) -> None:
        self.answer = status, output

    def __call__(self, program: str, argument: str, stdin: bytes, /) -> tuple[int, bytes]:
        return self.answer


@pytest.mark.parametrize(
    ("status", "output", "reason"),
    [
        (1, b"the key ring is locked\x1b[31m\n", "failed: the key ring is locked"),
        (2, b"", "failed: status 2"),
        (0, b"", "gives no credentials: .* is not a JSON document"),
        (0, b"{}", "gives no credentials: .*Secret is missing"),
    ],
)
def test_a_helper_that_fails_is_named(tmp_path: Path, status: int, output: bytes, reason: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"credsStore": "pass"}))
    with pytest.raises(CredentialsError, match=f"docker-credential-pass.*{reason}") as caught:
        CredentialFiles((path,), Failing(status, output)).find("index.example", "a")
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense", "not a JSON document"),
        ("[]", "is not an object"),
        ('{"auths": {"index.example": {"auth": "***"}}}', "the entry of 'index.example' is no base64"),
        ('{"auths": {"index.example": {"auth": "YWRh"}}}', "the entry of 'index.example' has no password"),
        ('{"auths": {"index.example": {"auth": 1}}}', "auth is not a text"),
        ('{"credsStore": "../../bin/sh"}', "names no program that keeps credentials"),
        ('{"credsStore": "a b"}', "names no program that keeps credentials"),
    ],
)
def test_a_malformed_file_is_named(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(CredentialsError, match=reason) as caught:
        CredentialFiles((path,), Helper()).find("index.example", "a")
    assert str(path) in caught.value.message


def test_credentials_are_never_shown() -> None:
    shown = repr(Credentials("ada", "engine", "token"))
    assert "engine" not in shown
    assert "token" not in shown.replace("identity_token", "")


def test_the_files_are_those_of_docker_and_podman(tmp_path: Path) -> None:
    assert credential_files({}, tmp_path) == (
        tmp_path / ".config/containers/auth.json",
        tmp_path / ".docker/config.json",
    )
    environment = {
        "REGISTRY_AUTH_FILE": "/a/auth.json",
        "XDG_RUNTIME_DIR": "/run/user/1",
        "XDG_CONFIG_HOME": "/c",
        "DOCKER_CONFIG": "/d",
    }
    assert [str(path) for path in credential_files(environment, tmp_path)] == [
        "/a/auth.json", "/run/user/1/containers/auth.json", "/c/containers/auth.json", "/d/config.json",
    ]  # fmt: skip
