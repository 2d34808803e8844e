"""What a compose file says of planned services from now on: limits, power, a way to stop."""

from collections.abc import Mapping

from careen.compose.document import YamlMapping, YamlScalar
from careen.compose.model import ComposeService
from careen.findings import Topic
from careen.plan.roles import Role
from careen.plan.target import ServicePlan
from careen.rewrite.compose.draft import ComposeDraft
from careen.rewrite.yaml_edits import NewEntry, Value

_UNSEEN = "until a proof has measured it"
_ROLES: Mapping[Role, str] = {
    Role.WEB: "a web service",
    Role.WORKER: "a worker",
    Role.BEAT: "a scheduler",
    Role.FLOWER: "Flower",
    Role.OTHER: "a service",
}


def add_settings(draft: ComposeDraft) -> None:
    wanted = {name: _settings(draft, service) for name, service in draft.planned.items()}
    common = draft.tree.common(frozenset(draft.planned)) if draft.planned else None
    if common is not None and len(draft.planned) > 1:
        shared = [new for new in next(iter(wanted.values())) if all(new in settings for settings in wanted.values())]
        draft.editor.append(common, shared)
        wanted = {name: [new for new in settings if new not in shared] for name, settings in wanted.items()}
    for name, settings in wanted.items():
        draft.append(name, settings)


def _settings(draft: ComposeDraft, service: ServicePlan) -> list[NewEntry]:
    described = draft.described(service.name)
    node = draft.node(service.name)
    present = {entry.key.text for entry in node.entries} if node is not None else set()
    settings: list[NewEntry] = []
    if described is None:
        return settings
    if not described.init and "init" not in present:
        settings.append(NewEntry(key="init", value=True))
    if not described.read_only and "read_only" not in present and service.read_only:
        settings.append(NewEntry(key="read_only", value=True))
    if not described.tmpfs and "tmpfs" not in present and service.writable:
        settings.append(NewEntry(key="tmpfs", value=[str(path) for path in service.writable]))
    if described.privileged is not None:
        draft.refuse(
            described.privileged.span,
            f"{service.name} is privileged and stays so: nothing tells what for",
            "take `privileged` out, and give what is needed by cap_add",
        )
    else:
        if not described.cap_drop and "cap_drop" not in present:
            settings.append(NewEntry(key="cap_drop", value=["ALL"]))
        if not described.security_opt and "security_opt" not in present:
            settings.append(NewEntry(key="security_opt", value=["no-new-privileges:true"]))
    if described.stop_grace_seconds is None and "stop_grace_period" not in present:
        draft.tell(Topic.MISSING_GRACE_PERIOD)
        settings.append(NewEntry(key="stop_grace_period", value=f"{service.stop_grace_seconds}s"))
    return [*settings, *_limits(draft, service, described, node)]


def _limits(
    draft: ComposeDraft, service: ServicePlan, described: ComposeService, node: YamlMapping | None
) -> list[NewEntry]:
    if described.limits.memory_bytes is not None:
        return []
    draft.tell(Topic.NO_RESOURCE_LIMITS)
    limits = service.limits
    memory = f"{max(1, round(limits.memory_bytes / 10**6))}M"
    comment = None if limits.observed else f"careen's defaults for {_ROLES[service.role]}, {_UNSEEN}"
    deploy = node.entry("deploy") if node is not None else None
    if _uses_service_keys(draft) or (deploy is not None and deploy.inherited):
        return [
            NewEntry(key="mem_limit", value=memory.lower(), comment=comment),
            *([NewEntry(key="cpus", value=limits.cpus)] if described.limits.cpus is None else []),
            *([NewEntry(key="pids_limit", value=limits.pids)] if described.limits.pids is None else []),
        ]
    values: dict[str, Value] = {}
    if described.limits.cpus is None:
        values["cpus"] = f"{limits.cpus:.1f}"
    values["memory"] = memory
    if described.limits.pids is None:
        values["pids"] = limits.pids
    return _nested(draft, node, ("deploy", "resources", "limits"), values, comment)


def _nested(
    draft: ComposeDraft,
    node: YamlMapping | None,
    path: tuple[str, ...],
    values: Mapping[str, Value],
    comment: str | None,
) -> list[NewEntry]:
    """Values below a path of keys of which some may be there; what is new at the top is given back."""
    for depth, key in enumerate(path):
        entry = node.entry(key) if node is not None else None
        if entry is None or not isinstance(entry.value, YamlMapping):
            inner: Value = dict(values)
            for outer in reversed(path[depth + 1 :]):
                inner = {outer: inner}
            new = NewEntry(key=key, value=inner, comment=comment)
            if depth == 0 or node is None:
                return [new]
            draft.editor.append(node, [new])
            return []
        node = entry.value
    if node is not None:
        draft.editor.append(node, [NewEntry(key=key, value=value) for key, value in values.items()])
    return []


def _uses_service_keys(draft: ComposeDraft) -> bool:
    """Whether the file limits with ``mem_limit``, or is of a version that knows nothing else."""
    version = draft.document.root.get("version")
    if isinstance(version, YamlScalar) and version.text.startswith("2"):
        return True
    return any(
        isinstance(entry.value, YamlMapping) and entry.value.get("mem_limit") is not None
        for entry in draft.tree.services.values()
    )
