"""The compose file of a recast stack: targets instead of commands, limits, health, a way to stop, less power.

What all planned services need goes into the mapping that only they share, where there is one; the rest into the
services. Nothing else of the file changes.
"""

import os.path
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from careen.compose.document import ComposeDocument, YamlEntry, YamlMapping, YamlScalar, YamlSequence
from careen.compose.model import ComposeProject, ComposeService, Mount
from careen.findings import FixKind, Topic
from careen.plan.roles import Role
from careen.plan.target import Plan, ServicePlan
from careen.rewrite.backing import backing_check
from careen.rewrite.compose_tree import ComposeTree
from careen.rewrite.patchset import FileChange, Refusal
from careen.rewrite.yaml_edits import Inline, NewEntry, Value, Verbatim, YamlEditor, own_entries
from careen.text.edits import apply_edits
from careen.text.source import Span
from careen.workspace.files import normal_path

_BACKING_HEALTH: Mapping[str, Value] = {"interval": "5s", "timeout": "3s", "retries": 10, "start_period": "5s"}
_SEARCH_PATH_VARIABLES = frozenset({"PYTHONPATH", "PATH", "PYTHONHOME"})
_MISSING_PROGRAMS = frozenset({"curl", "wget", "nc", "bash", "sh", "pgrep", "ps", "celery"})
"""Programs that an image has no longer, and Celery, which imports the whole application to answer one question."""
_SHELLS = frozenset({"sh", "bash", "ash", "dash"})
_UNSEEN = "until a proof has measured it"
_ROLES: Mapping[Role, str] = {
    Role.WEB: "a web service",
    Role.WORKER: "a worker",
    Role.BEAT: "a scheduler",
    Role.FLOWER: "Flower",
    Role.OTHER: "a service",
}
_NOTHING = Verbatim("[]")


@dataclass(frozen=True, kw_only=True)
class ComposeInputs:
    """``targets`` are the stages of the services, ``health`` whether the image of a service carries a check.

    ``removable`` are the mounts that cover what the image holds, by service and target.
    """

    plan: Plan
    compose: ComposeProject
    dockerfile: PurePosixPath
    targets: Mapping[str, str]
    removable: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeResult:
    changes: tuple[FileChange, ...]
    refusals: tuple[Refusal, ...]


def rewrite_compose(inputs: ComposeInputs) -> ComposeResult:
    changes: list[FileChange] = []
    refusals: list[Refusal] = []
    done: set[str] = set()
    for document in inputs.compose.documents:
        rewriter = _Rewriter(inputs, document, frozenset(done))
        change = rewriter.change()
        done |= rewriter.planned.keys()
        refusals += rewriter.refusals
        if change is not None:
            changes.append(change)
    return ComposeResult(changes=tuple(changes), refusals=tuple(refusals))


@dataclass
class _Rewriter:
    inputs: ComposeInputs
    document: ComposeDocument
    done: frozenset[str]
    refusals: list[Refusal] = field(default_factory=list)
    topics: dict[Topic, None] = field(default_factory=dict)
    _edited: set[Span] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.tree = ComposeTree(self.document)
        self.editor = YamlEditor(self.document)
        plan = self.inputs.plan
        here = {service.name: service for service in plan.services if service.name in self.tree.services}
        self.planned = {name: service for name, service in here.items() if name not in self.done}
        self.overridden = {name: service for name, service in here.items() if name in self.done}

    def change(self) -> FileChange | None:
        for service in self.overridden.values():
            self._override(service)
        for service in self.planned.values():
            self._removals(service)
        self._additions()
        for service in self.planned.values():
            self._build(service)
            self._dependencies(service)
        self._backing()
        edits = self.editor.finish()
        after = apply_edits(self.document.source, edits).text if edits else self.document.source.text
        if after == self.document.source.text:
            return None
        return FileChange(
            path=self.document.source.path,
            before=self.document.source.text,
            after=after,
            disposition=FixKind.REVIEW,
            topics=tuple(self.topics),
            why=("limits and grace periods are defaults by role where nobody has measured",),
        )

    # Reading

    def _compose(self, name: str) -> ComposeService | None:
        return self.inputs.compose.service(name)

    def _node(self, name: str) -> YamlMapping | None:
        return self.tree.mapping_of(name)

    def _refuse(self, span: Span, reason: str, hint: str, *, stops: bool = False) -> None:
        source = self.document.source
        refusal = Refusal(path=source.path, line=source.line_of(span.start), reason=reason, hint=hint, stops=stops)
        if refusal not in self.refusals:
            self.refusals.append(refusal)

    # What the image has now

    def _override(self, service: ServicePlan) -> None:
        """A second file's command would be appended to the image's entry point: it becomes one itself."""
        node = self._node(service.name)
        entry = node.entry("command") if node is not None else None
        described = self._compose(service.name)
        if entry is None or node is None or described is None or node.entry("entrypoint") is not None:
            return
        if entry.inherited or described.command is None or not described.command.argv:
            return
        self.editor.replace(entry.key.span, "entrypoint")
        program = described.command.argv[0].rpartition("/")[2]
        if program in _SHELLS:
            self._refuse(
                entry.span,
                f"{service.name} is started here through {program}, which a distroless image has not",
                "start the program itself, or build a -debug target for development",
            )

    def _removals(self, service: ServicePlan) -> None:
        node = self._node(service.name)
        if node is None:
            return
        for key in ("command", "entrypoint"):
            self._drop(service, node, key, _NOTHING)
        described = self._compose(service.name)
        if described is None:
            return
        read = {document.source.path for document in self.inputs.compose.documents}
        for key, words in (("entrypoint", described.entrypoint), ("command", described.command)):
            if words is not None and words.place.path not in read and node.entry(key) is None:
                # It comes from a file that `extends` names; an empty list gives the image's own back.
                self.editor.append(node, [NewEntry(key=key, value=_NOTHING if key == "command" else Verbatim("null"))])
        if described.user is not None and described.user.partition(":")[0] in {"root", "0"}:
            self._drop(service, node, "user", None)
        self._drop(service, node, "working_dir", None)
        self._environment(node)
        self._mounts(service, node, described)
        self._health(service, node, described)

    def _drop(self, service: ServicePlan, node: YamlMapping, key: str, instead: Verbatim | None) -> None:
        """Removes a key where it is written, unless others than planned services use that text."""
        entry = node.entry(key)
        owner = self.tree.owner(node, key)
        if entry is None or owner is None:
            return
        text = next(own for own in own_entries(owner) if own.key.text == key)
        foreign = self.tree.users(owner) - self.inputs.targets.keys() if owner is not node else frozenset()
        if not foreign and not (text.alias is None and self.tree.is_shared(text.value)):
            self.editor.remove_entry(text)
            if key in {"command", "entrypoint"}:
                self.topics[Topic.BAD_SIGNAL_HANDLING] = None
        elif instead is not None:
            self.editor.append(node, [NewEntry(key=key, value=instead)])
        else:
            names = ", ".join(sorted(foreign)) or "an alias"
            self._refuse(
                entry.key.span, f"`{key}` of {service.name} is shared with {names} and stays", f"take `{key}` apart"
            )

    def _environment(self, node: YamlMapping) -> None:
        """A search path from outside would hide the image's own."""
        entry = node.entry("environment")
        value = entry.value if entry is not None else None
        if isinstance(value, YamlMapping):
            for inner in own_entries(value):
                if inner.key.text in _SEARCH_PATH_VARIABLES:
                    self._refuse_or_remove(value, inner, inner.key.text)
        elif isinstance(value, YamlSequence):
            named = [
                index
                for index, item in enumerate(value.items)
                if isinstance(item, YamlScalar) and item.text.partition("=")[0] in _SEARCH_PATH_VARIABLES
            ]
            if named and len(named) < len(value.items):
                if value.span not in self._edited:
                    self._edited.add(value.span)
                    self.editor.remove_items(value, named)
            elif named and entry is not None and not entry.inherited:
                self.editor.remove_entry(entry)

    def _refuse_or_remove(self, mapping: YamlMapping, inner: YamlEntry, name: str) -> None:
        if len(own_entries(mapping)) > 1 and not mapping.flow:
            self.editor.remove_entry(inner)
        else:
            self._refuse(inner.key.span, f"{name} set here hides the image's own", f"take {name} out", stops=True)

    def _mounts(self, service: ServicePlan, node: YamlMapping, described: ComposeService) -> None:
        entry = node.entry("volumes")
        owner = self.tree.owner(node, "volumes")
        if entry is None or owner is None or not isinstance(entry.value, YamlSequence):
            return
        value = entry.value
        here = [mount for mount in described.mounts if mount.place.path == self.document.source.path]
        gone = [
            index
            for index, item in enumerate(value.items)
            if any(mount.place.span == item.span and self._is_removable(service, mount) for mount in here)
        ]
        if not gone or value.span in self._edited:
            return
        if self.tree.users(owner) - self.inputs.targets.keys() or self.tree.is_shared(value):
            self._refuse(entry.key.span, f"mounts of {service.name} are shared and stay", "take them apart")
            return
        self._edited.add(value.span)
        self.topics[Topic.REDUNDANT_VOLUME] = None
        if len(gone) == len(value.items):
            self.editor.remove_entry(next(own for own in own_entries(owner) if own.key.text == "volumes"))
        else:
            self.editor.remove_items(value, gone)

    def _is_removable(self, service: ServicePlan, mount: Mount) -> bool:
        return (service.name, mount.target) in self.inputs.removable

    def _health(self, service: ServicePlan, node: YamlMapping, described: ComposeService) -> None:
        """A check that needs a program which the image has no longer gives way to the image's own."""
        check = described.health
        if check is None or check.disabled or not check.test:
            return
        program = check.test[0].rpartition("/")[2].split(" ")[0]
        if not check.shell and program not in _MISSING_PROGRAMS:
            return
        if service.health is not None:
            self._drop(service, node, "healthcheck", None)
        elif check.shell:
            entry = node.entry("healthcheck")
            span = entry.key.span if entry is not None else node.span
            self._refuse(
                span,
                f"the check of {service.name} needs a shell, which its image may not have",
                f"name a check without one: health = {{ command = [...] }} in [tool.careen.services.{service.name}]",
            )

    # What compose says from now on

    def _additions(self) -> None:
        wanted = {name: self._settings(service) for name, service in self.planned.items()}
        common = self.tree.common(frozenset(self.planned)) if self.planned else None
        if common is not None and len(self.planned) > 1:
            shared = [
                new for new in next(iter(wanted.values())) if all(new in settings for settings in wanted.values())
            ]
            self.editor.append(common, shared)
            wanted = {name: [new for new in settings if new not in shared] for name, settings in wanted.items()}
        for name, settings in wanted.items():
            self._append(name, settings)

    def _append(self, name: str, settings: list[NewEntry]) -> None:
        node = self._node(name)
        if node is not None:
            self.editor.append(node, settings)
        else:
            self.editor.give_block(self.tree.services[name].key, settings)

    def _settings(self, service: ServicePlan) -> list[NewEntry]:
        described = self._compose(service.name)
        node = self._node(service.name)
        present = {entry.key.text for entry in node.entries} if node is not None else set()
        settings: list[NewEntry] = []
        if described is None:
            return settings
        if not described.init and "init" not in present:
            settings.append(NewEntry(key="init", value=True))
        if not described.read_only and "read_only" not in present:
            settings.append(NewEntry(key="read_only", value=True))
        if not described.tmpfs and "tmpfs" not in present and service.writable:
            settings.append(NewEntry(key="tmpfs", value=[str(path) for path in service.writable]))
        if described.privileged is not None:
            self._refuse(
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
            self.topics[Topic.MISSING_GRACE_PERIOD] = None
            settings.append(NewEntry(key="stop_grace_period", value=f"{service.stop_grace_seconds}s"))
        return [*settings, *self._limits(service, described, node)]

    def _limits(self, service: ServicePlan, described: ComposeService, node: YamlMapping | None) -> list[NewEntry]:
        if described.limits.memory_bytes is not None:
            return []
        self.topics[Topic.NO_RESOURCE_LIMITS] = None
        limits = service.limits
        memory = f"{max(1, round(limits.memory_bytes / 10**6))}M"
        comment = None if limits.observed else f"careen's defaults for {_ROLES[service.role]}, {_UNSEEN}"
        deploy = node.entry("deploy") if node is not None else None
        if self._uses_service_keys or (deploy is not None and deploy.inherited):
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
        return self._nested(node, ("deploy", "resources", "limits"), values, comment)

    def _nested(
        self, node: YamlMapping | None, path: tuple[str, ...], values: Mapping[str, Value], comment: str | None
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
                self.editor.append(node, [new])
                return []
            node = entry.value
        if node is not None:
            self.editor.append(node, [NewEntry(key=key, value=value) for key, value in values.items()])
        return []

    @property
    def _uses_service_keys(self) -> bool:
        """Whether the file limits with ``mem_limit``, or is of a version that knows nothing else."""
        version = self.document.root.get("version")
        if isinstance(version, YamlScalar) and version.text.startswith("2"):
            return True
        return any(
            isinstance(entry.value, YamlMapping) and entry.value.get("mem_limit") is not None
            for entry in self.tree.services.values()
        )

    # Which image

    def _build(self, service: ServicePlan) -> None:
        described = self._compose(service.name)
        if described is None or described.build is None:
            return
        node = self._node(service.name)
        target = self.inputs.targets[service.name]
        wanted = self._wanted_build(described)
        if node is None:
            self._append(service.name, [NewEntry(key="build", value={**wanted, "target": target})])
            return
        entry = node.entry("build")
        if entry is None:
            self.editor.append(node, [NewEntry(key="build", value={**wanted, "target": target})])
            self._told(Topic.SHARED_IMAGE, Topic.NO_MULTI_STAGE)
            return
        if isinstance(entry.value, YamlMapping) and entry.value.get("dockerfile_inline") is not None:
            self._refuse(entry.span, "an inline Dockerfile is not recast", "put it into a file", stops=True)
            return
        if described.build.target == target and not wanted:
            return
        self._told(Topic.SHARED_IMAGE, Topic.NO_MULTI_STAGE)
        if entry.inherited:
            self._inherited_build(node, entry, {**wanted, "target": target})
        elif entry.alias is not None or not isinstance(entry.value, YamlMapping):
            self._written_out(entry, described, {**wanted, "target": target})
        else:
            self._set(entry.value, {**wanted, "target": target})

    def _told(self, *topics: Topic) -> None:
        self.topics.update(dict.fromkeys(topics))

    def _wanted_build(self, described: ComposeService) -> dict[str, Value]:
        """Context and Dockerfile where they are others than today's."""
        wanted: dict[str, Value] = {}
        folder, build = self.inputs.compose.folder, described.build
        if build is None:
            return wanted
        context = normal_path(folder / build.context)
        if context != normal_path(self.inputs.plan.root):
            wanted["context"] = os.path.relpath(self.inputs.plan.root, folder)
        if normal_path(context / (build.dockerfile or "Dockerfile")) != self.inputs.dockerfile or wanted:
            wanted["dockerfile"] = os.path.relpath(self.inputs.dockerfile, self.inputs.plan.root)
        return wanted

    def _set(self, mapping: YamlMapping, values: Mapping[str, Value]) -> None:
        missing: list[NewEntry] = []
        for key, value in values.items():
            entry = mapping.entry(key)
            if entry is None or entry.inherited:
                missing.append(NewEntry(key=key, value=value))
            elif isinstance(entry.value, YamlScalar) and entry.value.text != value:
                self.editor.replace(entry.value.span, str(value))
        if missing:
            self.editor.append(mapping, missing)

    def _written_out(self, entry: YamlEntry, described: ComposeService, values: Mapping[str, Value]) -> None:
        """``build: .`` or ``build: *name`` as a block with the target in it."""
        indent = self.editor.column(entry.key.span) + 2
        whole: dict[str, str] = {}
        if entry.alias is not None and isinstance(entry.value, YamlMapping):
            whole["<<"] = self.document.source.slice(entry.alias)
        elif "context" not in values and described.build is not None:
            whole["context"] = described.build.context
        whole |= {key: str(value) for key, value in values.items()}
        end = entry.alias.end if entry.alias is not None else entry.value.span.end
        lines = "".join(f"{self.editor.line_end}{' ' * indent}{key}: {value}" for key, value in whole.items())
        self.editor.replace(Span(entry.key.span.end, end), f":{lines}")

    def _inherited_build(self, node: YamlMapping, entry: YamlEntry, values: Mapping[str, Value]) -> None:
        owner = self.tree.owner(node, "build")
        whole: dict[str, Value] = {}
        if owner is not None and isinstance(entry.value, YamlMapping):
            foreign = self.tree.users(owner) - self.inputs.targets.keys()
            if foreign:
                self._refuse(
                    entry.key.span,
                    f"{', '.join(sorted(foreign))} build the same image and are not planned",
                    "give them a build of their own",
                    stops=True,
                )
                return
            whole["<<"] = Verbatim(f"*{self._anchor(owner, entry)}")
            beyond = {key: value for key, value in values.items() if key != "target"}
            if beyond and entry.value.span not in self._edited:
                self._edited.add(entry.value.span)
                self._set(entry.value, beyond)
            values = {"target": values["target"]}
        elif isinstance(entry.value, YamlScalar) and "context" not in values:
            whole["context"] = entry.value.text
        self.editor.insert_after(node, node.merges[-1], NewEntry(key="build", value={**whole, **values}))

    def _anchor(self, owner: YamlMapping, entry: YamlEntry) -> str:
        """The name of a build section's anchor; it gets one if it has none."""
        source = self.document.source
        written = source.slice(entry.value.span)
        if isinstance(entry.value, YamlMapping) and entry.value.anchored and written.startswith("&"):
            return written[1:].split(maxsplit=1)[0]
        above = source.slice(owner.span)
        base = above[1:].split(maxsplit=1)[0] if owner.anchored and above.startswith("&") else "app"
        name = f"{base}-build"
        while f"&{name}" in source.text:
            name += "-2"
        colon = source.text.index(":", entry.key.span.end) + 1
        if entry.key.span not in self._edited:
            self._edited.add(entry.key.span)
            self.editor.replace(Span(colon, colon), f" &{name}")
        return name

    # Waiting for each other

    def _dependencies(self, service: ServicePlan) -> None:
        node = self._node(service.name)
        entry = node.entry("depends_on") if node is not None else None
        if node is None or entry is None or not isinstance(entry.value, YamlSequence):
            return
        value = entry.value
        if value.span in self._edited:
            return
        self._edited.add(value.span)
        names = [item.text for item in value.items if isinstance(item, YamlScalar)]
        if len(names) != len(value.items) or not any(self._will_have_check(name) for name in names):
            return
        indent = self.editor.column(entry.key.span)
        if value.flow or entry.alias is not None:
            if entry.alias is not None:
                return
            lines = [line for name in names for line in self._condition(name, indent + 2)]
            text = "".join(f"{self.editor.line_end}{line}" for line in lines)
            self.editor.replace(Span(entry.key.span.end, value.span.end), f":{text}")
            return
        for name, span in zip(names, value.item_spans, strict=True):
            dash = self.document.source.text.rfind("-", 0, span.start)
            column = self.editor.column(Span(dash, dash))
            if column == indent:
                # A list may stand at its key's own column, a mapping must not.
                self.editor.replace(Span(dash, span.end), f"  {name}:")
                column += 2
            else:
                self.editor.replace(Span(dash, span.end), f"{name}:")
            end = self.document.source.line_span(self.document.source.line_of(span.start)).end
            condition = self._condition(name, column)[1]
            self.editor.replace(Span(end, end), f"{self.editor.line_end}{condition}")

    def _condition(self, name: str, indent: int) -> list[str]:
        condition = "service_healthy" if self._will_have_check(name) else "service_started"
        return [f"{' ' * indent}{name}:", f"{' ' * (indent + 2)}condition: {condition}"]

    def _will_have_check(self, name: str) -> bool:
        for planned in self.inputs.plan.services:
            if planned.name == name:
                return planned.health is not None
        described = self._compose(name)
        if described is None:
            return False
        if described.health is not None:
            return not described.health.disabled
        return self._backing_test(name) is not None

    def _backing_test(self, name: str) -> tuple[str, ...] | None:
        described = self._compose(name)
        if (
            described is None
            or described.image is None
            or described.build is not None
            or name not in self.tree.services
        ):
            return None
        environment = {key: value for key, value in described.environment if value is not None}
        return backing_check(described.image, environment)

    def _backing(self) -> None:
        awaited = {
            dependency.service
            for service in self.planned
            if (described := self._compose(service)) is not None
            for dependency in described.depends_on
        }
        for name in self.tree.services:
            described = self._compose(name)
            if name not in awaited or described is None or described.health is not None:
                continue
            if name in self.inputs.targets:
                continue
            test = self._backing_test(name)
            node = self._node(name)
            if test is None or node is None or node.entry("healthcheck") is not None:
                continue
            self._told(Topic.COMPOSE_MISSING_HEALTHCHECK)
            check: dict[str, Value] = {"test": Inline(("CMD", *test)), **_BACKING_HEALTH}
            self.editor.append(node, [NewEntry(key="healthcheck", value=check)])
