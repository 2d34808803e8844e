"""Findings that a team knows of and will deal with later, so that only new ones are told.

A finding is recognised by its rule, its file, its service and the text it points at, not by its line: code above
it may come and go. The file holds digests of that text, never the text.

{"schema": "careen.baseline/1", "findings": [{"rule": "runs-as-root", "path": "Dockerfile", "service": null,
 "text": "sha256:...", "count": 1}]}
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

from careen.blobs.digest import Digest, InvalidDigestError
from careen.errors import CareenError
from careen.findings import Finding
from careen.text.source import Source
from careen.text.values import dataclass

_SCHEMA = "careen.baseline/1"
_Key = tuple[str, str, str | None, str]
_Read = Callable[[PurePosixPath], str | None]


class InvalidBaselineError(CareenError):
    """The file is not a baseline that careen wrote."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """How often each known finding stands in the files."""

    counts: Counter[_Key]

    def matcher(self, read: _Read) -> "BaselineMatcher":
        return BaselineMatcher(Counter(self.counts), read)


class BaselineMatcher:
    """Uses each entry up: a second finding of the same kind at a second place is new."""

    def __init__(self, left: Counter[_Key], read: _Read) -> None:
        self._left = left
        self._read = read

    def takes(self, finding: Finding) -> bool:
        key = _key(finding, self._read)
        if self._left[key] <= 0:
            return False
        self._left[key] -= 1
        return True


def _key(finding: Finding, read: _Read) -> _Key:
    text = read(finding.place.path)
    digest = Digest.of(_guilty_lines(finding, text or "").encode("utf-8", "surrogatepass"))
    return finding.rule, str(finding.place.path), finding.service, str(digest)


def _guilty_lines(finding: Finding, text: str) -> str:
    lines = text.split("\n")[finding.place.line - 1 : finding.place.end_line]
    return "\n".join(line.strip() for line in lines)


def baseline_of(findings: Iterable[Finding], read: _Read) -> Baseline:
    return Baseline(Counter(_key(finding, read) for finding in findings))


def write_baseline(baseline: Baseline) -> str:
    entries = [
        {"rule": rule, "path": path, "service": service, "text": text, "count": count}
        for (rule, path, service, text), count in sorted(
            baseline.counts.items(), key=lambda item: (item[0][1], item[0][0], item[0][2] or "", item[0][3])
        )
    ]
    return json.dumps({"schema": _SCHEMA, "findings": entries}, indent=1) + "\n"


def read_baseline(source: Source) -> Baseline:
    """Raises InvalidBaselineError."""
    try:
        document = json.loads(source.text)
    except (ValueError, RecursionError) as error:
        raise _invalid(source, "not JSON") from error
    if not isinstance(document, dict) or document.get("schema") != _SCHEMA:
        raise _invalid(source, f"the schema is not {_SCHEMA}")
    counts: Counter[_Key] = Counter()
    entries = document.get("findings")
    for index, entry in enumerate(entries if isinstance(entries, list) else [None]):
        match entry:
            case {
                "rule": str(rule),
                "path": str(path),
                "service": str() | None as service,
                "text": str(text),
                "count": int(count),
            }:
                try:
                    counts[(rule, path, service, str(Digest.parse(text)))] += count
                except InvalidDigestError as error:
                    raise _invalid(source, f"findings[{index}].text: {error.message}") from error
            case _:
                raise _invalid(source, f"findings[{index}] is not an entry")
    return Baseline(counts)


def _invalid(source: Source, reason: str) -> InvalidBaselineError:
    return InvalidBaselineError(
        f"{source.path}: {reason}", hints=("write it anew with `careen scan --write-baseline`",)
    )
