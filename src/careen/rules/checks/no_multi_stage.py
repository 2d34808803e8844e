"""Dependencies are installed in the very stage that is shipped.

What installing needs stays in the image: the installer, its cache, headers, compilers. A stage that only
inherits the installing one does not help; copying from it does.
"""

from collections.abc import Iterator

from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import StackFacts

_PYTHON_MANAGERS = frozenset({"pip", "uv", "poetry", "pdm", "pipenv", "conda"})


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        for run, install in image.installs:
            if run.in_image and install.manager in _PYTHON_MANAGERS:
                yield rule.finding(
                    image.base_place,
                    f"{install.manager} installs into the stage that is shipped (line {run.place.line}), "
                    "so everything that installing needs is shipped too",
                    fix=FixKind.REVIEW,
                )
                break


RULE = Rule(
    slug="no-multi-stage",
    topic=Topic.NO_MULTI_STAGE,
    summary="Installing and shipping happen in one stage",
    severity=Severity.MEDIUM,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
