"""Images of a stack that were pushed before, by careen or by whoever else, taken from their registry into a layout."""

from collections.abc import Mapping
from pathlib import Path

from careen.app.session import Session
from careen.blobs.digest import Descriptor
from careen.build.configuration import references
from careen.oci.layout import LayoutWriter
from careen.oci.reference import ImageReference, InvalidReferenceError
from careen.oci.transfer import pull_image
from careen.plan.target import Plan, ServicePlan
from careen.text.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """``prefix`` is what stands before the names of images, as for a push; ``tag`` replaces those that names have."""

    prefix: str
    tag: str | None = None

    def references(self, services: tuple[ServicePlan, ...]) -> Mapping[str, ImageReference]:
        """Where the images are, by their names in a layout. Raises InvalidReferenceError."""
        found = {}
        for name in dict.fromkeys(references(services).values()):
            local = ImageReference.parse(name)
            tag = self.tag or local.tag or "latest"
            place = f"{self.prefix.rstrip('/')}/{local.repository.removeprefix('library/')}:{tag}"
            found[name] = ImageReference.parse(place)
            if not found[name].registry:
                raise InvalidReferenceError(
                    f"{self.prefix!r} names no registry", hints=("write its host first: registry.example/team",)
                )
        return found


def pull_images(session: Session, pushed: Pushed, plan: Plan, output: Path) -> None:
    """The layout holds these images alone afterwards, each for the plan's platform.

    Raises InvalidReferenceError, LayoutError, and what the registry raises; ``output`` is then as it was before.
    """
    places = pushed.references(plan.services)
    with LayoutWriter(output) as writer:
        found: dict[str, Descriptor] = {}
        for name, reference in places.items():
            repository = session.registries.repository(reference)
            found[name] = pull_image(repository, writer, plan.platform, progress=session.progress)
        writer.finish(found)
