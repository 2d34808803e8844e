"""What keeps a service from being started as planned, though its size is known."""

from careen.errors import CareenError
from careen.plan.target import Plan


class UnsaidWordError(CareenError):
    """A command holds a variable that nothing in the project says, and an image without a shell never learns."""


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
