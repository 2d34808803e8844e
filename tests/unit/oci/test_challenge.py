import pytest

from careen.http.messages import Answer
from careen.oci.challenge import Challenge, parse_challenges
from careen.oci.registry_errors import registry_message


@pytest.mark.parametrize(
    ("header", "challenges"),
    [
        ("", []),
        ("Basic", [("basic", {})]),
        ('Basic realm="a, \\"b\\""', [("basic", {"realm": 'a, "b"'})]),
        (
            'Bearer realm="https://auth.example/token",service="index.example",scope="repository:a/b:pull,push"',
            [("bearer", {"realm": "https://auth.example/token", "service": "index.example",
                         "scope": "repository:a/b:pull,push"})],
        ),
        (
            'Basic realm="x", BEARER Realm = "y" , service=z',
            [("basic", {"realm": "x"}), ("bearer", {"realm": "y", "service": "z"})],
        ),
        ("Negotiate, Basic realm=x", [("negotiate", {}), ("basic", {"realm": "x"})]),
        ('Bearer realm="unfinished', [("bearer", {})]),
        ("=nonsense", []),
    ],
)  # fmt: skip
def test_challenges_are_read(header: str, challenges: list[tuple[str, dict[str, str]]]) -> None:
    found = parse_challenges(header)
    assert [(challenge.scheme, challenge.parameters) for challenge in found][: len(challenges)] == challenges
    assert all(isinstance(challenge, Challenge) for challenge in found)


def _answer(status: int, body: bytes, content_type: str = "application/json") -> Answer:
    return Answer(status=status, headers={"content-type": content_type}, body=body, url="https://index.example/v2/")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (_answer(403, b'{"errors": [{"code": "DENIED", "message": "no"}]}'), "DENIED: no (403 Forbidden)"),
        (_answer(400, b'{"errors": [{"code": "A"}, {"message": "b", "detail": {}}]}'), "A; b (400 Bad Request)"),
        (_answer(401, b'{"details": "wrong password"}'), "wrong password (401 Unauthorized)"),
        (_answer(500, b"{}"), "500 Internal Server Error"),
        (_answer(404, b"<html>", "text/html"), "404 Not Found"),
        (_answer(404, b"404 page\r\nnot found", "text/plain"), "404 page not found (404 Not Found)"),
        (_answer(599, b""), "599"),
        (_answer(400, b'{"errors": [{"message": "\\u001b[31mred\\u202e"}]}'), "[31mred (400 Bad Request)"),
        (_answer(400, b'{"errors": {"message": 1}}'), "400 Bad Request"),
    ],
)
def test_a_registry_is_quoted_in_one_harmless_line(answer: Answer, message: str) -> None:
    assert registry_message(answer) == message


def test_a_long_speech_is_cut() -> None:
    message = registry_message(_answer(400, b'{"errors": [{"message": "%s"}]}' % (b"x" * 9000)))
    assert len(message) < 340
