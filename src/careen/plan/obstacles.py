"""What keeps a service from being started as planned, though its size is known."""

from collections.abc import Iterable, Iterator

from careen.errors import CareenError
from careen.plan.target import ImageBase, Plan, ServicePlan


class UnsaidWordError(CareenError):
    """A command holds a variable that nothing in the project says, and an image without a shell never learns."""


class UnfitBaseError(CareenError):
    """Something that a service needs cannot be had upon the base."""


class UnseenBaseError(CareenError):
    """The base is known by its kind only, and nothing can be put upon it."""


def refuse_unseen_base(plan: Plan) -> None:
    """Raises UnseenBaseError."""
    base = plan.base
    if isinstance(base, ImageBase) and base.described:
        why = "" if base.c_library.is_musl else f"Debian carries no Python {base.runtime.version}, and "
        raise UnseenBaseError(
            f"{why}{base.label} has not been looked at",
            hints=(
                f"say where it is: --base REGISTRY/library/{base.label}, or --base oci:FOLDER for one on disk",
                "`careen build --engine docker` has docker fetch it; `careen fix` writes a set-up upon it",
            ),
        )


def unfit_sentences(services: Iterable[ServicePlan]) -> Iterator[str]:
    """What cannot be had upon the base, each once, with the services that need it."""
    found: dict[str, list[str]] = {}
    for service in services:
        for sentence in service.unfit:
            found.setdefault(sentence, []).append(service.name)
    return (f"{sentence} ({', '.join(names)})" for sentence, names in found.items())


def refuse_unfit_base(plan: Plan) -> None:
    """Raises UnfitBaseError with all that cannot be had."""
    found = list(unfit_sentences(plan.services))
    if not found:
        return
    raise UnfitBaseError(
        f"the stack cannot stand on {plan.base.label}: {'; '.join(found)}",
        hints=(
            "take an image with glibc: `careen fix --runtime slim`, or leave out --base for `build`",
            "or have the set-up compile it: `careen fix --runtime alpine --accept`",
        ),
    )


def refuse_obstacles(plan: Plan) -> None:
    """Raises UnsaidWordError for the first service whose command is not known to the end."""
    for service in plan.services:
        if service.obstacle is not None:
            raise UnsaidWordError(
                service.obstacle,
                hints=(
                    "say it in `environment:` or an env file of compose, or in ENV of the Dockerfile",
                    f"or write the command out: `entrypoint = [...]` in [tool.careen.services.{service.name}]",
                ),
            )
