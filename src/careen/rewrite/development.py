"""A set-up that an override file turns into one for development is not rewritten for production."""

from careen.errors import CareenError
from careen.plan.target import Plan
from careen.workspace.alone import is_file_for_development
from careen.workspace.facts import StackFacts


class DevelopmentError(CareenError):
    """What compose starts by default here is built for developers."""


def refuse_development(plan: Plan, facts: StackFacts) -> None:
    """Raises DevelopmentError for a planned service whose Dockerfile is one for development, if there is an override
    file that may have named it: the files without it may tell of another.
    """
    compose = facts.workspace.compose
    documents = compose.documents if compose is not None else ()
    main = [document.source.path for document in documents if "override" not in document.source.path.name]
    if len(main) == len(documents):
        return
    planned = {service.name for service in plan.services}
    for service in facts.built:
        image = service.image
        if service.name in planned and image is not None and is_file_for_development(image.source.dockerfile_path):
            raise DevelopmentError(
                f"{image.source.dockerfile_path}, which {service.name} is built from, is for development, and an "
                "override file of compose is read",
                hints=(f"name the files of production: {' '.join(f'-f {path}' for path in main)}",),
            )
