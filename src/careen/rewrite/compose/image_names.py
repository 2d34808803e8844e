"""Services that had one image get one each, and each its own name: one name for two builds would be the last one's."""

import os.path
import re

from careen.compose.document import YamlMapping, YamlScalar
from careen.compose.model import ComposeService
from careen.plan.target import ServicePlan
from careen.rewrite.compose.draft import ComposeDraft
from careen.rewrite.yaml_edits import NewEntry

_VARIABLE = re.compile(r"\$\{[^}]*\}|\$\w+")


def give_own_image(draft: ComposeDraft, service: ServicePlan) -> None:
    described = draft.described(service.name)
    node = draft.node(service.name)
    entry = node.entry("image") if node is not None else None
    if described is None or described.image is None or node is None or entry is None:
        return
    sharing = [other for other in _sharing(draft, described) if _is_another_image(draft, service.name, other.name)]
    if not sharing:
        return
    names = ", ".join(sorted(other.name for other in sharing))
    written = entry.value.text if isinstance(entry.value, YamlScalar) else "$"
    own = _named(written, service.name)
    if own is None:
        draft.refuse(
            entry.key.span,
            f"{service.name} and {names} run one image, whose name a variable says: each has its own from now on",
            "give each service an `image` of its own, or none",
            stops=True,
        )
        return
    if entry.inherited or entry.alias is not None:
        if entry.inherited:
            draft.append(service.name, [NewEntry(key="image", value=own)])
        else:
            draft.editor.replace(entry.alias or entry.value.span, own)
    else:
        draft.editor.replace(entry.value.span, own)
    if described.build is None:
        _build(draft, service, node)


def _sharing(draft: ComposeDraft, described: ComposeService) -> list[ComposeService]:
    """Others of that image, when one of them all builds it: else it comes from a registry."""
    services = draft.inputs.compose.services
    same = [other for other in services if other.image == described.image]
    return [other for other in same if other.name != described.name] if any(one.build for one in same) else []


def _is_another_image(draft: ComposeDraft, name: str, other: str) -> bool:
    """Whether the other one keeps today's image, or gets another than this one."""
    targets = draft.inputs.targets
    return targets.get(other) != targets[name]


def _named(image: str, service: str) -> str | None:
    """``shop:${TAG:-1}`` as ``shop-api:${TAG:-1}``; None where a variable may hold name and tag, or a digest stands."""
    outline = _VARIABLE.sub(lambda variable: "$" * len(variable[0]), image)
    colon = outline.find(":", outline.rfind("/") + 1)
    end = colon if colon >= 0 else len(outline)
    if "@" in outline or outline[:end].endswith("$"):
        return None
    return f"{image[:end]}-{service}{image[end:]}"


def _build(draft: ComposeDraft, service: ServicePlan, node: YamlMapping) -> None:
    """For a service that ran what another one had built."""
    inputs = draft.inputs
    value = {
        "context": os.path.relpath(inputs.plan.root, inputs.compose.folder),
        "target": inputs.targets[service.name],
    }
    dockerfile = os.path.relpath(inputs.dockerfile, inputs.plan.root)
    if dockerfile != "Dockerfile":
        value["dockerfile"] = dockerfile
    draft.editor.append(node, [NewEntry(key="build", value=value)])
