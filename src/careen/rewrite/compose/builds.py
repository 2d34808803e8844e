"""Which stage of the one Dockerfile a service of the compose file is built from."""

import os.path
from collections.abc import Mapping

from careen.compose.document import YamlEntry, YamlMapping, YamlScalar
from careen.compose.model import ComposeService
from careen.findings import Topic
from careen.plan.target import ServicePlan
from careen.rewrite.compose.draft import ComposeDraft
from careen.rewrite.yaml_edits import NewEntry, Value, Verbatim
from careen.text.source import Span
from careen.workspace.files import normal_path


def name_target(draft: ComposeDraft, service: ServicePlan) -> None:
    described = draft.described(service.name)
    if described is None or described.build is None:
        return
    node = draft.node(service.name)
    target = draft.inputs.targets[service.name]
    wanted = _wanted_build(draft, described)
    if node is None:
        draft.append(service.name, [NewEntry(key="build", value={**wanted, "target": target})])
        return
    entry = node.entry("build")
    if entry is None:
        draft.editor.append(node, [NewEntry(key="build", value={**wanted, "target": target})])
        draft.tell(Topic.SHARED_IMAGE, Topic.NO_MULTI_STAGE)
        return
    if isinstance(entry.value, YamlMapping) and entry.value.get("dockerfile_inline") is not None:
        draft.refuse(entry.span, "an inline Dockerfile is not recast", "put it into a file", stops=True)
        return
    if described.build.target == target and not wanted:
        return
    draft.tell(Topic.SHARED_IMAGE, Topic.NO_MULTI_STAGE)
    if entry.inherited:
        _inherited_build(draft, node, entry, {**wanted, "target": target})
    elif entry.alias is not None or not isinstance(entry.value, YamlMapping):
        _written_out(draft, entry, described, {**wanted, "target": target})
    else:
        _set(draft, entry.value, {**wanted, "target": target})


def _wanted_build(draft: ComposeDraft, described: ComposeService) -> dict[str, Value]:
    """Context and Dockerfile where they are others than today's."""
    wanted: dict[str, Value] = {}
    folder, build = draft.inputs.compose.folder, described.build
    if build is None:
        return wanted
    context = normal_path(folder / build.context)
    if context != normal_path(draft.inputs.plan.root):
        wanted["context"] = os.path.relpath(draft.inputs.plan.root, folder)
    if normal_path(context / (build.dockerfile or "Dockerfile")) != draft.inputs.dockerfile or wanted:
        wanted["dockerfile"] = os.path.relpath(draft.inputs.dockerfile, draft.inputs.plan.root)
    return wanted


def _set(draft: ComposeDraft, mapping: YamlMapping, values: Mapping[str, Value]) -> None:
    missing: list[NewEntry] = []
    for key, value in values.items():
        entry = mapping.entry(key)
        if entry is None or entry.inherited:
            missing.append(NewEntry(key=key, value=value))
        elif isinstance(entry.value, YamlScalar) and entry.value.text != value:
            draft.editor.replace(entry.value.span, str(value))
    if missing:
        draft.editor.append(mapping, missing)


def _written_out(draft: ComposeDraft, entry: YamlEntry, described: ComposeService, values: Mapping[str, Value]) -> None:
    """``build: .`` or ``build: *name`` as a block with the target in it."""
    indent = draft.editor.column(entry.key.span) + 2
    whole: dict[str, str] = {}
    if entry.alias is not None and isinstance(entry.value, YamlMapping):
        whole["<<"] = draft.document.source.slice(entry.alias)
    elif "context" not in values and described.build is not None:
        whole["context"] = described.build.context
    whole |= {key: str(value) for key, value in values.items()}
    end = entry.alias.end if entry.alias is not None else entry.value.span.end
    lines = "".join(f"{draft.editor.line_end}{' ' * indent}{key}: {value}" for key, value in whole.items())
    draft.editor.replace(Span(entry.key.span.end, end), f":{lines}")


def _inherited_build(draft: ComposeDraft, node: YamlMapping, entry: YamlEntry, values: Mapping[str, Value]) -> None:
    owner = draft.tree.owner(node, "build")
    whole: dict[str, Value] = {}
    if owner is not None and isinstance(entry.value, YamlMapping):
        foreign = draft.tree.users(owner) - draft.inputs.targets.keys()
        if foreign:
            draft.refuse(
                entry.key.span,
                f"{', '.join(sorted(foreign))} build the same image and are not planned",
                "give them a build of their own",
                stops=True,
            )
            return
        whole["<<"] = Verbatim(f"*{_anchor(draft, owner, entry)}")
        beyond = {key: value for key, value in values.items() if key != "target"}
        if beyond and entry.value.span not in draft.edited:
            draft.edited.add(entry.value.span)
            _set(draft, entry.value, beyond)
        values = {"target": values["target"]}
    elif isinstance(entry.value, YamlScalar) and "context" not in values:
        whole["context"] = entry.value.text
    draft.editor.insert_after(node, node.merges[-1], NewEntry(key="build", value={**whole, **values}))


def _anchor(draft: ComposeDraft, owner: YamlMapping, entry: YamlEntry) -> str:
    """The name of a build section's anchor; it gets one if it has none."""
    source = draft.document.source
    written = source.slice(entry.value.span)
    if isinstance(entry.value, YamlMapping) and entry.value.anchored and written.startswith("&"):
        return written[1:].split(maxsplit=1)[0]
    above = source.slice(owner.span)
    base = above[1:].split(maxsplit=1)[0] if owner.anchored and above.startswith("&") else "app"
    name = f"{base}-build"
    while f"&{name}" in source.text:
        name += "-2"
    colon = source.text.index(":", entry.key.span.end) + 1
    if entry.key.span not in draft.edited:
        draft.edited.add(entry.key.span)
        draft.editor.replace(Span(colon, colon), f" &{name}")
    return name
