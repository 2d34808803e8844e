"""What a rule is: facts about itself, and one pure function from facts to findings."""

import sys
from collections.abc import Callable, Iterator

from careen.findings import Confidence, Finding, FixKind, Place, Severity, Topic
from careen.text.values import dataclass
from careen.workspace.facts import StackFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """``slug`` is the rule's name in every output, its module's name with hyphens and its page's name.

    ``severity`` and ``confidence`` are those of its findings unless a finding says otherwise;
    ``since`` is the version of careen in which it appeared.
    """

    slug: str
    topic: Topic
    summary: str
    severity: Severity
    confidence: Confidence
    since: str
    check: Callable[["Rule", StackFacts], Iterator[Finding]]

    def finding(
        self,
        place: Place,
        message: str,
        *,
        service: str | None = None,
        bytes: int | None = None,  # noqa: A002 - the field's name in every output
        fix: FixKind | None = None,
    ) -> Finding:
        """A finding with this rule's own severity and confidence; ``dataclasses.replace`` changes either."""
        return Finding(
            rule=self.slug,
            topic=self.topic,
            severity=self.severity,
            confidence=self.confidence,
            place=place,
            message=message,
            service=service,
            bytes=bytes,
            fix=fix,
        )

    @property
    def words(self) -> str:
        """Why it costs and when it does not: what the rule's module says of itself."""
        return (sys.modules[self.check.__module__].__doc__ or "").strip()

    def findings(self, facts: StackFacts) -> Iterator[Finding]:
        return self.check(self, facts)
