"""An ignore file that keeps the usual ballast out of the context, for a project that has none."""

from collections.abc import Iterator

from careen.findings import Finding, FixKind, Topic
from careen.rewrite.mends.mend import Mend, Outcome, Topical, refusal
from careen.workspace.facts import StackFacts

_BALLAST = (
    "# Version control, environments, caches and secrets are no business of an image.\n"
    ".git\n"
    "**/.venv\n"
    "**/venv\n"
    "**/__pycache__\n"
    "**/*.pyc\n"
    "**/.mypy_cache\n"
    "**/.pytest_cache\n"
    "**/.ruff_cache\n"
    "**/node_modules\n"
    "**/.env\n"
    "**/.env.*\n"
    "**/*.ipynb\n"
)


def mend(finding: Finding, facts: StackFacts) -> Iterator[Outcome]:
    for context in facts.contexts:
        if finding.place.path not in {context.place.path, context.ignore_path}:
            continue
        if context.has_ignore:
            yield refusal(finding, "the ignore file is yours", "add the patterns that the finding names")
        else:
            yield Mend(
                finding=finding,
                path=context.ignore_path,
                line=1,
                new_file=_BALLAST,
                disposition=FixKind.SAFE,
                why="nothing of this is needed by a build",
            )
        return


MENDER = Topical(Topic.WEAK_DOCKERIGNORE, mend)
