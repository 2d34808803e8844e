"""The option that leaves development dependencies out, in the words of the installer."""

import re
from collections.abc import Iterator

from careen.findings import Finding, FixKind, Topic
from careen.rewrite.mends.mend import Mend, Outcome, Topical, command_span, refusal, run_at, source_of
from careen.text.edits import Edit
from careen.workspace.facts import StackFacts


def without_development(manager: str, written: str) -> str | None:
    """A command as it is written, without development dependencies; None when that takes a person."""
    match manager:
        case "uv":
            text = re.sub(r"\s--(?:all-groups|dev)(?=\s|$)", "", written)
            if re.search(r"\suv(\s+-\S+)*\s+run\b", f" {text}"):
                return None
            return re.sub(r"(\bsync\b)", r"\1 --no-dev", text, count=1) if re.search(r"\bsync\b", text) else None
        case "poetry":
            if re.search(r"--(?:with|without|only)\b", written):
                return None
            return re.sub(r"(\b(?:install|sync)\b)", r"\1 --only main", written, count=1)
        case "pdm":
            text = re.sub(r"\s(?:--dev|-d)(?=\s|$)", "", written)
            return re.sub(r"(\b(?:install|sync)\b)", r"\1 --prod", text, count=1)
        case "pipenv":
            text = re.sub(r"\s(?:--dev|-d)(?=\s|$)", "", written)
            return text if text != written else None
        case _:
            return None


def mend(finding: Finding, facts: StackFacts) -> Iterator[Outcome]:
    found = run_at(facts, finding)
    if found is None:
        return
    image, run = found
    source = source_of(image)
    for install in run.installs():
        span = command_span(run.instruction, install.command)
        if span is None or not (install.development and install.whole_project):
            continue
        written = source.slice(span)
        text = without_development(install.manager, written)
        if text is not None and text != written:
            yield Mend(
                finding=finding,
                path=source.path,
                line=run.place.line,
                edits=(Edit(span, text),),
                disposition=FixKind.SAFE,
                why="what only developers need stays out of the image",
            )
            return
    yield refusal(
        finding, "which dependencies are for developers cannot be told here", "name the groups that are to be installed"
    )


MENDER = Topical(Topic.DEV_DEPENDENCIES, mend)
