"""What today's start script does before a service starts: what the new image does too, and what would be lost."""

from collections.abc import Iterator

from careen.plan.target import ServicePlan
from careen.rewrite.patchset import Refusal
from careen.workspace.earlier_steps import EarlierStep
from careen.workspace.launch import Launch

_WITHOUT_EFFECT = frozenset(
    {"exit", "true", "false", "date", "printf", "test", "[", "[[", "sleep", "whoami", "id", "pwd"}
)
"""Commands whose only effect is on the script they stand in, or on its output."""

_OF_THE_SHELL = frozenset({"mkdir", "cp", "mv", "ln", "chmod", "chown", "touch", "sed"})


def lost_at_start(service: ServicePlan, launch: Launch) -> Iterator[Refusal]:
    variables = sorted(word for word in service.entry_point if "$" in word and not _is_awaited(service, word))
    if variables:
        yield Refusal(
            path=launch.place.path,
            line=launch.place.line,
            reason=f"{service.name} starts with {', '.join(variables)}, which only a shell replaces",
            hint=f"write the value out: entrypoint = [...] in [tool.careen.services.{service.name}]",
        )
    for step in launch.prelude:
        if step.argv in service.before or _has_no_effect(step.argv):
            continue
        path, line = step.place or (launch.place.path, launch.place.line)
        yield Refusal(
            path=path,
            line=line,
            reason=f"`{' '.join(step.argv)[:60]}` runs before {service.name} today; the new image does not",
            hint=_hint(service, step),
        )


def kept_at_start(service: ServicePlan, launch: Launch) -> Iterator[str]:
    for step in launch.prelude:
        if step.argv in service.before:
            path, line = step.place or (launch.place.path, launch.place.line)
            command = " ".join(step.argv)[:60]
            yield f"{path}:{line}: {service.name} still begins with `{command}`, which start.py runs"


def _is_awaited(service: ServicePlan, word: str) -> bool:
    words = service.entry_point
    return "wait-for" in words and any(
        word in words[index + 1 : index + 9] for index, each in enumerate(words) if each == "wait-for"
    )


def _hint(service: ServicePlan, step: EarlierStep) -> str:
    if step.argv[0] in _OF_THE_SHELL:
        return "do it while the image is built, or in a folder that the service may write to"
    if step.certain and any(word in step.argv for word in ("collectstatic", "compilemessages", "compress")):
        return (
            "it writes files, and the root is read-only: do it while the image is built, or name the folder: "
            f"writable = [...] in [tool.careen.services.{service.name}]"
        )
    if not step.certain:
        return "a condition decides whether it runs: write it without one, or as a service that depends_on waits for"
    return "run it as a step of its own, for example a service that depends_on waits for"


def _has_no_effect(argv: tuple[str, ...]) -> bool:
    """Steps of a start script that a new container does not need: it has no file of a run before it."""
    name, words = argv[0], argv[1:]
    if name == "rm":
        return all(word.startswith("-") or word.endswith((".pid", ".sock")) for word in words)
    return name in _WITHOUT_EFFECT
