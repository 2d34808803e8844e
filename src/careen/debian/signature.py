"""Signatures of Release files, by gpgv: the verifier that apt itself rests on."""

import base64
import binascii
import tempfile
from pathlib import Path

from careen.debian.mirror import SignatureError
from careen.debian.sources import SuiteSource
from careen.process.run import find_program, run

_TIMEOUT = 30.0
_BAD = ("BADSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG")


def verify_with_gpgv(data: bytes, suite: SuiteSource) -> bytes:
    """The signed text alone, so that nothing around it is ever read.

    One good signature by a known key suffices, as releases carry one per generation of keys; a bad one condemns.
    Raises SignatureError, or MissingToolError without gpgv.
    """
    gpgv = find_program("gpgv", package="gpgv")
    with tempfile.TemporaryDirectory(prefix="careen-gpgv-") as folder:
        keyrings = [path for path in suite.keyrings if path.is_file()]
        texts = [path.read_text("ascii", "replace") for path in keyrings if path.suffix == ".asc"]
        keyrings = [path for path in keyrings if path.suffix != ".asc"]
        for number, text in enumerate((*texts, *suite.keys)):
            plain = Path(folder, f"{number}.gpg")
            plain.write_bytes(dearmoured(text))
            keyrings.append(plain)
        if not keyrings:
            raise SignatureError(
                f"no keyring to verify {suite.suite} with",
                hints=("install the archive's keys: apt-get install debian-archive-keyring",),
            )
        signed = Path(folder, "InRelease")
        signed.write_bytes(data)
        choice = [word for path in keyrings for word in ("--keyring", str(path.absolute()))]
        done = run(
            [gpgv, "--homedir", folder, "--weak-digest", "SHA1", "--status-fd", "2", *choice, "--output", "-", signed],
            timeout=_TIMEOUT,
        )
    status = [line.split()[1] for line in _status_lines(done.stderr)]
    if "VALIDSIG" not in status or any(word in status for word in _BAD):
        raise SignatureError(
            f"the Release file of {suite.suite} is not signed by a key of the archive",
            hints=("install the archive's current keys: apt-get install debian-archive-keyring",),
        )
    return done.stdout


def dearmoured(text: str) -> bytes:
    """The binary form of an armoured public key (RFC 9580, section 6). Raises SignatureError."""
    _, begin, rest = text.partition("-----BEGIN PGP PUBLIC KEY BLOCK-----")
    block, end, _ = rest.partition("-----END PGP PUBLIC KEY BLOCK-----")
    lines = [line.strip() for line in block.splitlines()]
    body = lines[lines.index("", 1) + 1 :] if "" in lines[1:] else lines
    try:
        key = base64.b64decode("".join(line for line in body if not line.startswith("=")), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignatureError(f"an armoured key cannot be read: {error}") from error
    if not (begin and end and key):
        raise SignatureError("an armoured key cannot be read: it has no beginning, end or body")
    return key


def _status_lines(output: bytes) -> list[str]:
    lines = output.decode("utf-8", "replace").splitlines()
    return [line for line in lines if line.startswith("[GNUPG:] ") and len(line.split()) > 1]
