"""A signature is asked about once a day, and again for another file, another key, another day."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from careen.app.answers import Answers
from careen.app.release_signatures import RememberedSignatures
from careen.debian.mirror import SignatureError
from careen.debian.sources import SuiteSource


@dataclass
class Verifier:
    """Takes files that end with ``signed``, and counts how often it was asked."""

    asked: int = 0
    moment: datetime = field(default_factory=lambda: datetime(2026, 5, 4, 12, tzinfo=UTC))

    def __call__(self, data: bytes, suite: SuiteSource) -> bytes:
        self.asked += 1
        if not data.endswith(b"signed"):
            raise SignatureError(f"{suite.suite} is not signed")
        return data.removesuffix(b"signed")

    def now(self) -> datetime:
        return self.moment


@pytest.fixture
def suite(tmp_path: Path) -> SuiteSource:
    keyring = tmp_path / "archive.gpg"
    keyring.write_bytes(b"a key")
    return SuiteSource(
        suite="bookworm", mirrors=("mirror",), keyrings=(keyring, tmp_path / "missing.gpg"), keys=("armoured",)
    )


def remembering(verifier: Verifier, folder: Path) -> RememberedSignatures:
    return RememberedSignatures(Answers(folder / "answers"), verifier.now, verifier)


def test_the_same_file_and_keys_are_asked_about_once_a_day(tmp_path: Path, suite: SuiteSource) -> None:
    verifier = Verifier()
    for _ in range(2):
        assert (
            remembering(verifier, tmp_path)("Grüße\n".encode() + b"\xffsigned", suite) == "Grüße\n".encode() + b"\xff"
        )
    assert verifier.asked == 1
    verifier.moment += timedelta(days=1)
    remembering(verifier, tmp_path)("Grüße\n".encode() + b"\xffsigned", suite)
    assert verifier.asked == 2


def test_another_file_and_other_keys_are_other_questions(tmp_path: Path, suite: SuiteSource) -> None:
    verifier = Verifier()
    remembering(verifier, tmp_path)(b"one signed", suite)
    assert remembering(verifier, tmp_path)(b"two signed", suite) == b"two "
    remembering(verifier, tmp_path)(b"one signed", replace(suite, keys=("another",)))
    suite.keyrings[0].write_bytes(b"another key")
    remembering(verifier, tmp_path)(b"one signed", suite)
    suite.keyrings[1].write_bytes(b"a key more")
    remembering(verifier, tmp_path)(b"one signed", suite)
    assert verifier.asked == 5


def test_a_refusal_is_not_remembered(tmp_path: Path, suite: SuiteSource) -> None:
    verifier = Verifier()
    for _ in range(2):
        with pytest.raises(SignatureError):
            remembering(verifier, tmp_path)(b"forged", suite)
    assert verifier.asked == 2
