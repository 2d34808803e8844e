"""Signatures of Release files that were good today: asked of gpgv once a day, not once a plan.

The text that was signed lies under the file as it came and the keys that it was held against, so another file or
another key is another question. A key may expire any day, so an answer holds for its day. Whoever can write to careen's
folder could put packages there as well.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from careen.app.answers import Answers
from careen.blobs.digest import Digest
from careen.debian.signature import verify_with_gpgv
from careen.debian.sources import SuiteSource
from careen.text.values import dataclass

_KIND = "signed releases"

Verify = Callable[[bytes, SuiteSource], bytes]


@dataclass(frozen=True, slots=True)
class RememberedSignatures:
    answers: Answers
    now: Callable[[], datetime]
    verify: Verify = verify_with_gpgv

    def __call__(self, data: bytes, suite: SuiteSource) -> bytes:
        """The signed text alone. Raises what ``verify`` raises; that is not remembered."""
        question = [Digest.of(data).hex, *_keys(suite)]
        today = self.now().date().isoformat()
        match self.answers.get(_KIND, question):
            case {"day": day, "text": str(text)} if day == today:
                return text.encode("latin-1")
        signed = self.verify(data, suite)
        self.answers.keep(_KIND, question, {"day": today, "text": signed.decode("latin-1")})
        return signed


def _keys(suite: SuiteSource) -> Iterator[list[str]]:
    """What the verifier would read, in its order."""
    for path in suite.keyrings:
        yield [str(path), Digest.of(path.read_bytes()).hex if path.is_file() else ""]
    for text in suite.keys:
        yield ["", Digest.of(text.encode("utf-8", "surrogatepass")).hex]
