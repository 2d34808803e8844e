"""What the image says from now on is taken out of the compose file: commands, mounts, search paths, checks."""

from careen.compose.document import YamlEntry, YamlMapping, YamlScalar, YamlSequence
from careen.compose.model import ComposeService, Mount
from careen.findings import Topic
from careen.plan.target import ServicePlan
from careen.rewrite.compose.draft import ComposeDraft
from careen.rewrite.compose.tree import merged_into
from careen.rewrite.yaml_edits import NewEntry, Verbatim, own_entries

_SEARCH_PATH_VARIABLES = frozenset({"PYTHONPATH", "PATH", "PYTHONHOME"})
_MISSING_PROGRAMS = frozenset({"curl", "wget", "nc", "bash", "sh", "pgrep", "ps", "celery"})
"""Programs that an image has no longer, and Celery, which imports the whole application to answer one question."""
_SHELLS = frozenset({"sh", "bash", "ash", "dash"})
_NOTHING = Verbatim("[]")


def override(draft: ComposeDraft, service: ServicePlan) -> None:
    """A second file's command would be appended to the image's entry point: it becomes one itself."""
    node = draft.node(service.name)
    entry = node.entry("command") if node is not None else None
    described = draft.described(service.name)
    if entry is None or node is None or described is None or node.entry("entrypoint") is not None:
        return
    if entry.inherited or described.command is None or not described.command.argv:
        return
    draft.editor.replace(entry.key.span, "entrypoint")
    program = described.command.argv[0].rpartition("/")[2]
    if program in _SHELLS:
        draft.refuse(
            entry.span,
            f"{service.name} is started here through {program}, which a distroless image has not",
            "start the program itself, or build a -debug target for development",
        )


def remove_what_the_image_has(draft: ComposeDraft, service: ServicePlan) -> None:
    node = draft.node(service.name)
    if node is None:
        return
    for key in ("command", "entrypoint"):
        _drop(draft, service, node, key, _NOTHING)
    described = draft.described(service.name)
    if described is None:
        return
    read = {document.source.path for document in draft.inputs.compose.documents}
    for key, words in (("entrypoint", described.entrypoint), ("command", described.command)):
        if words is not None and words.place.path not in read and node.entry(key) is None:
            # It comes from a file that `extends` names; an empty list gives the image's own back.
            draft.editor.append(node, [NewEntry(key=key, value=_NOTHING if key == "command" else Verbatim("null"))])
    if described.user is not None and described.user.partition(":")[0] in {"root", "0"}:
        _drop(draft, service, node, "user", None)
    _drop(draft, service, node, "working_dir", None)
    _environment(draft, service, node)
    _mounts(draft, service, node, described)
    _health(draft, service, node, described)


def _drop(draft: ComposeDraft, service: ServicePlan, node: YamlMapping, key: str, instead: Verbatim | None) -> None:
    """Removes a key where it is written, unless others than planned services use that text."""
    entry = node.entry(key)
    owner = draft.tree.owner(node, key)
    if entry is None or owner is None:
        return
    text = next(own for own in own_entries(owner) if own.key.text == key)
    foreign = draft.tree.users(owner) - draft.inputs.targets.keys() if owner is not node else frozenset()
    if not foreign and not (text.alias is None and draft.tree.is_shared(text.value)):
        draft.editor.remove_entry(text)
        if key in {"command", "entrypoint"}:
            draft.tell(Topic.BAD_SIGNAL_HANDLING)
    elif instead is not None:
        draft.editor.append(node, [NewEntry(key=key, value=instead)])
    else:
        names = ", ".join(sorted(foreign)) or "an alias"
        draft.refuse(
            entry.key.span, f"`{key}` of {service.name} is shared with {names} and stays", f"take `{key}` apart"
        )


def _environment(draft: ComposeDraft, service: ServicePlan, node: YamlMapping) -> None:
    """A search path from outside would hide the image's own."""
    entry = node.entry("environment")
    value = entry.value if entry is not None else None
    if isinstance(value, YamlMapping):
        merged = {inner.key.text for each in merged_into(value) for inner in each.entries} & _SEARCH_PATH_VARIABLES
        _say_against(draft, service, value, merged)
        for inner in own_entries(value):
            if inner.key.text in _SEARCH_PATH_VARIABLES - merged:
                _refuse_or_remove(draft, value, inner, inner.key.text)
    elif isinstance(value, YamlSequence):
        named = [
            index
            for index, item in enumerate(value.items)
            if isinstance(item, YamlScalar) and item.text.partition("=")[0] in _SEARCH_PATH_VARIABLES
        ]
        if named and len(named) < len(value.items):
            if value.span not in draft.edited:
                draft.edited.add(value.span)
                draft.editor.remove_items(value, named)
        elif named and entry is not None and not entry.inherited:
            draft.editor.remove_entry(entry)


def _say_against(draft: ComposeDraft, service: ServicePlan, mapping: YamlMapping, merged: set[str]) -> None:
    """What others share is left to them: the image's own value goes before it."""
    own = {inner.key.text: inner for inner in own_entries(mapping)}
    values = dict(service.environment)
    for name in sorted(merged):
        if name == "PYTHONPATH" and name in values and name not in own and not mapping.flow:
            draft.editor.append(mapping, [NewEntry(key=name, value=values[name])])
        elif name != "PYTHONPATH" or name not in values or _text_of(own.get(name)) != values[name]:
            span = own[name].key.span if name in own else mapping.span
            draft.refuse(span, f"{name} set here hides the image's own", f"take {name} out", stops=True)


def _text_of(entry: YamlEntry | None) -> str | None:
    return entry.value.text if entry is not None and isinstance(entry.value, YamlScalar) else None


def _refuse_or_remove(draft: ComposeDraft, mapping: YamlMapping, inner: YamlEntry, name: str) -> None:
    if len(own_entries(mapping)) > 1 and not mapping.flow:
        draft.editor.remove_entry(inner)
    else:
        draft.refuse(inner.key.span, f"{name} set here hides the image's own", f"take {name} out", stops=True)


def _mounts(draft: ComposeDraft, service: ServicePlan, node: YamlMapping, described: ComposeService) -> None:
    entry = node.entry("volumes")
    owner = draft.tree.owner(node, "volumes")
    if entry is None or owner is None or not isinstance(entry.value, YamlSequence):
        return
    value = entry.value
    here = [mount for mount in described.mounts if mount.place.path == draft.document.source.path]
    gone = [
        index
        for index, item in enumerate(value.items)
        if any(mount.place.span == item.span and _is_removable(draft, service, mount) for mount in here)
    ]
    if not gone or value.span in draft.edited:
        return
    if draft.tree.users(owner) - draft.inputs.targets.keys() or draft.tree.is_shared(value):
        draft.refuse(entry.key.span, f"mounts of {service.name} are shared and stay", "take them apart")
        return
    draft.edited.add(value.span)
    draft.tell(Topic.REDUNDANT_VOLUME)
    if len(gone) == len(value.items):
        draft.editor.remove_entry(next(own for own in own_entries(owner) if own.key.text == "volumes"))
    else:
        draft.editor.remove_items(value, gone)


def _is_removable(draft: ComposeDraft, service: ServicePlan, mount: Mount) -> bool:
    return (service.name, mount.target) in draft.inputs.removable


def _health(draft: ComposeDraft, service: ServicePlan, node: YamlMapping, described: ComposeService) -> None:
    """A check that needs a program which the image has no longer gives way to the image's own."""
    check = described.health
    if check is None or check.disabled or not check.test:
        return
    program = check.test[0].rpartition("/")[2].split(" ")[0]
    if not check.shell and program not in _MISSING_PROGRAMS:
        return
    if service.health is not None:
        _drop(draft, service, node, "healthcheck", None)
    elif check.shell:
        entry = node.entry("healthcheck")
        span = entry.key.span if entry is not None else node.span
        draft.refuse(
            span,
            f"the check of {service.name} needs a shell, which its image may not have",
            f"name a check without one: health = {{ command = [...] }} in [tool.careen.services.{service.name}]",
        )
