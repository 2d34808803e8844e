"""Answers that took work, kept by the question: small JSON documents in careen's own folder.

A question names everything that the answer rests on, digests of files included, so that an answer never goes stale;
a damaged one counts as absent.
"""

import json
import os
import tempfile
from pathlib import Path

from careen.blobs.digest import Digest
from careen.text.values import dataclass


@dataclass(frozen=True, slots=True)
class Answers:
    """``folder`` may be shared by concurrent runs: documents are written aside and renamed."""

    folder: Path

    def get(self, kind: str, question: object) -> object:
        """None when nobody has asked before."""
        try:
            found: object = json.loads(self._place(kind, question).read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        return found

    def keep(self, kind: str, question: object, answer: object) -> None:
        place = self._place(kind, question)
        place.parent.mkdir(parents=True, exist_ok=True)
        descriptor, aside = tempfile.mkstemp(dir=place.parent, prefix=".part-")
        try:
            with os.fdopen(descriptor, "w") as target:
                target.write(json.dumps(answer, separators=(",", ":")))  # json.dump is five times as slow
            Path(aside).replace(place)
        except BaseException:
            Path(aside).unlink(missing_ok=True)
            raise

    def _place(self, kind: str, question: object) -> Path:
        text = json.dumps(question, separators=(",", ":"), sort_keys=True)
        return self.folder / kind / f"{Digest.of(text.encode()).hex}.json"
