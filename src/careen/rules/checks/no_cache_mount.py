"""An installer downloads everything again whenever its layer is rebuilt.

A cache mount keeps downloads between builds without putting them into the image:
``RUN --mount=type=cache,target=/root/.cache/uv uv sync --locked``.

Where the layer is never rebuilt, or the build machine is new each time and keeps no cache, it gains nothing.
Installing a tool or two is not worth a word.
"""

from collections.abc import Iterator

from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import StackFacts
from careen.workspace.installers import PYTHON_INSTALLERS, is_heavy


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        for run in image.runs:
            if any(mount.kind == "cache" for mount in run.mounts):
                continue
            for install in run.installs():
                offline = {"--no-index", "--offline", "--only-root"} & install.options
                if install.manager in PYTHON_INSTALLERS and is_heavy(install) and not offline:
                    yield rule.finding(
                        run.place_of(install.command),
                        f"{install.manager} downloads every distribution again whenever this layer is rebuilt",
                        fix=FixKind.SAFE,
                    )
                    break


RULE = Rule(
    slug="no-cache-mount",
    topic=Topic.NO_CACHE_MOUNT,
    summary="Dependencies are installed without a cache mount",
    severity=Severity.LOW,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
