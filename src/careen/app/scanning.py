"""The verb ``scan``: what is wrong with a stack, and what a person has chosen not to hear of."""

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from careen.app.baseline import Baseline
from careen.config import Config
from careen.errors import CareenError
from careen.findings import Finding, Topic
from careen.rules.catalogue import RULES
from careen.rules.rule import Rule
from careen.text.source import Source
from careen.workspace.configuration import configuration_of
from careen.workspace.discover import discover
from careen.workspace.facts import StackFacts, derive
from careen.workspace.model import Unreadable
from careen.workspace.remarks import Remark, remarks_of


class UnknownRuleError(CareenError):
    """A name that is neither a rule nor a topic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRequest:
    """``select`` and ``ignore`` hold rules or topics; an empty ``select`` means all."""

    root: Path
    compose_files: tuple[PurePosixPath, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    baseline: Baseline | None = None


@dataclass(frozen=True, slots=True)
class Silenced:
    """A finding that is not reported, and the reason somebody gave; a baseline gives none but itself."""

    finding: Finding
    reason: str
    from_baseline: bool = False


@dataclass(frozen=True, kw_only=True)
class ScanResult:
    """``findings`` are sorted by place; ``unreadable`` by path."""

    facts: StackFacts
    config: Config
    findings: tuple[Finding, ...]
    silenced: tuple[Silenced, ...]
    unreadable: tuple[Unreadable, ...]
    notes: tuple[str, ...]

    def source(self, path: PurePosixPath) -> Source | None:
        """The text that a finding points into; None when it cannot be read any more."""
        try:
            return self.facts.workspace.files.read(path)
        except CareenError:
            return None


def scan(request: ScanRequest) -> ScanResult:
    """Raises UnknownRuleError, NothingToReadError, InvalidConfigError, and what a compose file named by hand raises."""
    chosen = selected_rules(request.select, request.ignore)
    workspace = discover(request.root, compose_files=request.compose_files)
    config = configuration_of(workspace)
    _check_names(config.ignored, "[tool.careen] ignore")
    facts = derive(workspace)
    return judge(facts, config, rules=chosen, baseline=request.baseline)


def judge(
    facts: StackFacts, config: Config, *, rules: Iterable[Rule] = RULES, baseline: Baseline | None = None
) -> ScanResult:
    """Facts to findings, less those that somebody silenced."""
    workspace = facts.workspace
    remarks = remarks_of(_judged_sources(facts))
    known = baseline.matcher(workspace.files.text_or_none) if baseline is not None else None
    kept: list[Finding] = []
    silenced: list[Silenced] = []
    for finding in sorted((found for rule in rules for found in rule.findings(facts)), key=_order):
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
        facts=facts,
        config=config,
        findings=tuple(kept),
        silenced=tuple(silenced),
        unreadable=tuple(sorted({*workspace.unreadable, *complaints})),
        notes=workspace.notes,
    )


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


def _judged_sources(facts: StackFacts) -> Iterator[Source]:
    """Each file that a finding may point into, once."""
    sources: dict[PurePosixPath, Source] = {}
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
