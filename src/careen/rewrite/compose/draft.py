"""One compose file while it is rewritten: what is read of it, what is changed so far, and what is refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from careen.compose.document import ComposeDocument, YamlMapping
from careen.compose.model import ComposeProject, ComposeService
from careen.findings import Topic
from careen.plan.target import Plan, ServicePlan
from careen.rewrite.compose.tree import ComposeTree
from careen.rewrite.patchset import Refusal
from careen.rewrite.yaml_edits import NewEntry, YamlEditor
from careen.text.source import Span


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


@dataclass
class ComposeDraft:
    """``done`` are the planned services that an earlier file of the project describes; ``edited`` the texts that
    must not be changed twice.
    """

    inputs: ComposeInputs
    document: ComposeDocument
    done: frozenset[str]
    refusals: list[Refusal] = field(default_factory=list)
    topics: dict[Topic, None] = field(default_factory=dict)
    edited: set[Span] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.tree = ComposeTree(self.document)
        self.editor = YamlEditor(self.document)
        plan = self.inputs.plan
        here = {service.name: service for service in plan.services if service.name in self.tree.services}
        self.planned: Mapping[str, ServicePlan] = {
            name: service for name, service in here.items() if name not in self.done
        }
        self.overridden: Mapping[str, ServicePlan] = {
            name: service for name, service in here.items() if name in self.done
        }

    def described(self, name: str) -> ComposeService | None:
        return self.inputs.compose.service(name)

    def node(self, name: str) -> YamlMapping | None:
        return self.tree.mapping_of(name)

    def refuse(self, span: Span, reason: str, hint: str, *, stops: bool = False) -> None:
        source = self.document.source
        refusal = Refusal(path=source.path, line=source.line_of(span.start), reason=reason, hint=hint, stops=stops)
        if refusal not in self.refusals:
            self.refusals.append(refusal)

    def tell(self, *topics: Topic) -> None:
        """What the change repairs."""
        self.topics.update(dict.fromkeys(topics))

    def append(self, name: str, settings: list[NewEntry]) -> None:
        node = self.node(name)
        if node is not None:
            self.editor.append(node, settings)
        else:
            self.editor.give_block(self.tree.services[name].key, settings)
