"""What findings weigh together, without counting the same bytes twice."""

from collections import Counter
from collections.abc import Iterable

from careen.findings import Finding, Topic
from careen.text.values import dataclass

_OF_CONTEXTS = frozenset(
    {
        Topic.WEAK_DOCKERIGNORE,
        Topic.UNNEEDED_CONTEXT_FILES,
        Topic.VENV_IN_CONTEXT,
        Topic.INEFFECTIVE_IGNORE_PATTERN,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """``image_bytes`` lie in images, ``context_bytes`` are sent to builds; ``by_topic`` has the heaviest first."""

    image_bytes: int
    context_bytes: int
    by_topic: tuple[tuple[Topic, int], ...]


def weigh(findings: Iterable[Finding]) -> Weights:
    totals: Counter[Topic] = Counter()
    for finding in findings:
        if finding.bytes:
            totals[finding.topic] += finding.bytes
    # A pattern that lets files through and the files it lets through are the same bytes.
    sent = totals[Topic.UNNEEDED_CONTEXT_FILES] + totals[Topic.VENV_IN_CONTEXT] + totals[Topic.WEAK_DOCKERIGNORE]
    return Weights(
        image_bytes=sum(count for topic, count in totals.items() if topic not in _OF_CONTEXTS),
        context_bytes=max(sent, totals[Topic.INEFFECTIVE_IGNORE_PATTERN]),
        by_topic=tuple(sorted(((topic, count) for topic, count in totals.items() if count), key=_heaviest)),
    )


def _heaviest(item: tuple[Topic, int]) -> tuple[int, str]:
    return -item[1], item[0].value
