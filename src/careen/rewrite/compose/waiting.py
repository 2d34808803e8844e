"""Services wait for the health of what they depend on, which gets a check where it has none."""

from collections.abc import Mapping

from careen.compose.document import YamlScalar, YamlSequence
from careen.findings import Topic
from careen.plan.target import ServicePlan
from careen.rewrite.backing import backing_check
from careen.rewrite.compose.draft import ComposeDraft
from careen.rewrite.yaml_edits import Inline, NewEntry, Value
from careen.text.source import Span

_BACKING_HEALTH: Mapping[str, Value] = {"interval": "5s", "timeout": "3s", "retries": 10, "start_period": "5s"}


def wait_for_health(draft: ComposeDraft, service: ServicePlan) -> None:
    node = draft.node(service.name)
    entry = node.entry("depends_on") if node is not None else None
    if node is None or entry is None or not isinstance(entry.value, YamlSequence):
        return
    value = entry.value
    if value.span in draft.edited:
        return
    draft.edited.add(value.span)
    names = [item.text for item in value.items if isinstance(item, YamlScalar)]
    if len(names) != len(value.items) or not any(_will_have_check(draft, name) for name in names):
        return
    indent = draft.editor.column(entry.key.span)
    if value.flow or entry.alias is not None:
        if entry.alias is not None:
            return
        lines = [line for name in names for line in _condition(draft, name, indent + 2)]
        text = "".join(f"{draft.editor.line_end}{line}" for line in lines)
        draft.editor.replace(Span(entry.key.span.end, value.span.end), f":{text}")
        return
    for name, span in zip(names, value.item_spans, strict=True):
        dash = draft.document.source.text.rfind("-", 0, span.start)
        column = draft.editor.column(Span(dash, dash))
        if column == indent:
            # A list may stand at its key's own column, a mapping must not.
            draft.editor.replace(Span(dash, span.end), f"  {name}:")
            column += 2
        else:
            draft.editor.replace(Span(dash, span.end), f"{name}:")
        end = draft.document.source.line_span(draft.document.source.line_of(span.start)).end
        condition = _condition(draft, name, column)[1]
        draft.editor.replace(Span(end, end), f"{draft.editor.line_end}{condition}")


def _condition(draft: ComposeDraft, name: str, indent: int) -> list[str]:
    condition = "service_healthy" if _will_have_check(draft, name) else "service_started"
    return [f"{' ' * indent}{name}:", f"{' ' * (indent + 2)}condition: {condition}"]


def _will_have_check(draft: ComposeDraft, name: str) -> bool:
    for planned in draft.inputs.plan.services:
        if planned.name == name:
            return planned.health is not None
    described = draft.described(name)
    if described is None:
        return False
    if described.health is not None:
        return not described.health.disabled
    return _backing_test(draft, name) is not None


def _backing_test(draft: ComposeDraft, name: str) -> tuple[str, ...] | None:
    described = draft.described(name)
    if described is None or described.image is None or described.build is not None or name not in draft.tree.services:
        return None
    environment = {key: value for key, value in described.environment if value is not None}
    return backing_check(described.image, environment)


def check_backing_services(draft: ComposeDraft) -> None:
    awaited = {
        dependency.service
        for service in draft.planned
        if (described := draft.described(service)) is not None
        for dependency in described.depends_on
    }
    for name in draft.tree.services:
        described = draft.described(name)
        if name not in awaited or described is None or described.health is not None:
            continue
        if name in draft.inputs.targets:
            continue
        test = _backing_test(draft, name)
        node = draft.node(name)
        if test is None or node is None or node.entry("healthcheck") is not None:
            continue
        if all(service.health is not None for service in draft.inputs.plan.services):
            draft.tell(Topic.COMPOSE_MISSING_HEALTHCHECK)  # else a service of the project's own is still without one
        check: dict[str, Value] = {"test": Inline(("CMD", *test)), **_BACKING_HEALTH}
        draft.editor.append(node, [NewEntry(key="healthcheck", value=check)])
