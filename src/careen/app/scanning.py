"""The verb ``scan``: what is wrong with a stack, and what a person has chosen not to hear of."""

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from careen.config import Config
from careen.errors import CareenError
from careen.findings import Finding, Place, Topic
from careen.rules.catalogue import RULES
from careen.rules.rule import Rule
from careen.text.source import Source
from careen.text.values import dataclass
from careen.workspace.configuration import configuration_of
from careen.workspace.discover import discover_all
from careen.workspace.facts import Memory, ServiceFacts, StackFacts, derive
from careen.workspace.model import Unreadable
from careen.workspace.remarks import Remark, remarks_of

if TYPE_CHECKING:
    from careen.app.baseline import Baseline


class UnknownRuleError(CareenError):
    """A name that is neither a rule nor a topic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRequest:
    """``select`` and ``ignore`` hold rules or topics; an empty ``select`` means all."""

    root: Path
    compose_files: tuple[PurePosixPath, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    baseline: "Baseline | None" = None


@dataclass(frozen=True, slots=True)
class Silenced:
    """A finding that is not reported, and the reason somebody gave; a baseline gives none but itself."""

    finding: Finding
    reason: str
    from_baseline: bool = False


@dataclass(frozen=True, kw_only=True)
class ScanResult:
    """``stacks`` are the facts of each compose project, Dockerfiles that none builds last.

    ``findings`` are sorted by place; ``unreadable`` by path.
    """

    stacks: tuple[StackFacts, ...]
    config: Config
    findings: tuple[Finding, ...]
    silenced: tuple[Silenced, ...]
    unreadable: tuple[Unreadable, ...]
    notes: tuple[str, ...]

    @property
    def services(self) -> tuple[ServiceFacts, ...]:
        return tuple(service for stack in self.stacks for service in stack.services)

    def text(self, path: PurePosixPath) -> str | None:
        """None when the file cannot be read any more."""
        return self.stacks[0].workspace.files.text_or_none(path)


def scan(request: ScanRequest) -> ScanResult:
    """Raises UnknownRuleError, NothingToReadError, InvalidConfigError, and what a compose file named by hand raises."""
    chosen = selected_rules(request.select, request.ignore)
    workspaces = discover_all(request.root, compose_files=request.compose_files)
    config = configuration_of(workspaces[0])
    _check_names(config.ignored, "[tool.careen] ignore")
    memory = Memory()
    stacks = tuple(derive(workspace, memory) for workspace in workspaces)
    return judge(stacks, config, rules=chosen, baseline=request.baseline)


def judge(
    stacks: tuple[StackFacts, ...],
    config: Config,
    *,
    rules: Iterable[Rule] = RULES,
    baseline: "Baseline | None" = None,
) -> ScanResult:
    """Facts to findings, less those that somebody silenced. One stack at least."""
    workspaces = [stack.workspace for stack in stacks]
    remarks = remarks_of(_judged_sources(stacks))
    known = baseline.matcher(workspaces[0].files.text_or_none) if baseline is not None else None
    kept: list[Finding] = []
    silenced: list[Silenced] = []
    chosen = tuple(rules)
    found = ([finding for rule in chosen for finding in rule.findings(stack)] for stack in stacks)
    for finding in sorted(_once(found), key=_order):
        reason = _reason(finding, config, remarks)
        if reason is not None:
            silenced.append(Silenced(finding, reason))
        elif known is not None and known.takes(finding):
            silenced.append(Silenced(finding, "in the baseline", from_baseline=True))
        else:
            kept.append(finding)
    complaints = [
        Unreadable(remark.path, remark.line, problem)
        for remark in remarks
        if (problem := remark.problem or _unknown_name(remark.names)) is not None
    ]
    return ScanResult(
        stacks=stacks,
        config=config,
        findings=tuple(kept),
        silenced=tuple(silenced),
        unreadable=tuple(sorted({*complaints, *(item for each in workspaces for item in each.unreadable)})),
        notes=tuple(dict.fromkeys(note for each in workspaces for note in each.notes)),
    )


def _once(stacks: Iterable[list[Finding]]) -> Iterator[Finding]:
    """What two stacks share is told of once, in the words of the first."""
    told: set[tuple[str, Place]] = set()
    for findings in stacks:
        yield from (finding for finding in dict.fromkeys(findings) if (finding.rule, finding.place) not in told)
        told.update((finding.rule, finding.place) for finding in findings)


def _order(finding: Finding) -> tuple[object, ...]:
    place = finding.place
    where = (str(place.path), place.line, place.end_line, place.column, place.end_column)
    return (where, finding.rule, finding.service or "", finding.message)


def _reason(finding: Finding, config: Config, remarks: Iterable[Remark]) -> str | None:
    for name in (finding.rule, finding.topic.value):
        if name in config.ignored:
            return config.ignored[name]
    place = finding.place
    for remark in remarks:
        named = finding.rule in remark.names or finding.topic.value in remark.names
        if named and remark.problem is None and remark.covers(place.path, place.line, place.end_line):
            return remark.reason
    return None


def _judged_sources(stacks: Iterable[StackFacts]) -> Iterator[Source]:
    """Each file that a finding may point into, once."""
    sources: dict[PurePosixPath, Source] = {}
    for facts in stacks:
        compose = facts.workspace.compose
        for document in compose.documents if compose is not None else ():
            sources.setdefault(document.source.path, document.source)
        for image in facts.images:
            dockerfile = image.source.dockerfile.source
            sources.setdefault(dockerfile.path, dockerfile)
            ignore = image.source.ignore.source if image.source.ignore is not None else None
            if ignore is not None:
                sources.setdefault(ignore.path, ignore)
    yield from sources.values()


def split_names(values: Iterable[str]) -> tuple[str, ...]:
    """``a,b`` and ``a`` ``b`` alike."""
    return tuple(name for value in values for name in value.replace(",", " ").split())


def selected_rules(select: Iterable[str], ignore: Iterable[str], *, where: str = "--select") -> tuple[Rule, ...]:
    """Raises UnknownRuleError, which names ``where`` the name was given."""
    wanted, unwanted = frozenset(select), frozenset(ignore)
    _check_names(wanted, where)
    _check_names(unwanted, "--ignore")
    return tuple(
        rule
        for rule in RULES
        if (not wanted or wanted & {rule.slug, rule.topic.value}) and not unwanted & {rule.slug, rule.topic.value}
    )


def _names() -> frozenset[str]:
    return frozenset({*(rule.slug for rule in RULES), *(topic.value for topic in Topic)})


def _unknown_name(names: Iterable[str]) -> str | None:
    unknown = sorted(set(names) - _names())
    return f"no such rule: {unknown[0]}" if unknown else None


def _check_names(names: Iterable[str], where: str) -> None:
    known = _names()
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else "`careen scan --explain list` names all rules"
            raise UnknownRuleError(f"{where}: no such rule or topic: {name}", hints=(hint,))
