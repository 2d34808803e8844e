"""What keeps a service from being started as planned, though its size is known."""

from careen.errors import CareenError
from careen.plan.target import ImageBase, Plan


class UnsaidWordError(CareenError):
    """A command holds a variable that nothing in the project says, and an image without a shell never learns."""


class UnseenBaseError(CareenError):
    """The base is known by its kind only, and nothing can be put upon it."""


def refuse_unseen_base(plan: Plan) -> None:
    """Raises UnseenBaseError."""
    base = plan.base
    if isinstance(base, ImageBase) and base.described:
        raise UnseenBaseError(
            f"Debian carries no Python {base.runtime.version}, and {base.label} has not been looked at",
            hints=(
                f"say where it is: --base REGISTRY/library/{base.label}, or --base oci:FOLDER for one on disk",
                "`careen build --engine docker` has docker fetch it; `careen fix` writes a set-up upon it",
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
