"""The verb ``gate``: budgets and findings against their limits, and who is to blame when one breaks."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from careen.app.plan_request import PlanRequest
from careen.app.planning import plan_stack
from careen.app.scanning import ScanRequest, scan
from careen.app.session import Session
from careen.errors import CareenError
from careen.findings import Finding, Severity
from careen.plan.target import Plan, PlannedDistribution, ServicePlan
from careen.process.run import find_program, run
from careen.python.locked import Lock

_GIT_SECONDS = 30.0
_HEAVIEST = 5
_REQUIRED = re.compile(r"required by ([^\[\s]+)(?:\[.*\])?")


class UnknownRevisionError(CareenError):
    """Git does not know the revision, or the lock was not there then."""


@dataclass(frozen=True, kw_only=True)
class GateRequest:
    """``built`` is a layout whose images are weighed in place of the prediction, ``against`` a revision of git that
    the stack is compared with. ``fail_on`` is the lowest severity that a finding may not have.
    """

    plan: PlanRequest
    built: Path | None = None
    against: str | None = None
    fail_on: Severity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A distribution that another lock gives the service, or gives it in another version.

    ``before`` and ``after`` are versions, None where it is absent; ``bytes`` what the service gains, None when
    unknown; ``line`` where the lock speaks of it now, None for one that is gone. ``brought_by`` names another change
    without which nothing would ask for this one.
    """

    name: str
    before: str | None
    after: str | None
    bytes: int | None
    reason: str
    line: int | None
    brought_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A change with those that it brought along, heaviest first; ``bytes`` is what they gain together."""

    change: Change
    brought: tuple[Change, ...]
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceGate:
    """``heaviest`` are the service's largest distributions; ``changes`` the ones against the other revision."""

    name: str
    bytes: int | None
    budget_bytes: int
    bytes_before: int | None
    heaviest: tuple[PlannedDistribution, ...]
    changes: tuple[Change, ...]

    @property
    def passes(self) -> bool | None:
        """None when the size is not known."""
        return None if self.bytes is None else self.bytes <= self.budget_bytes

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The changes by what they rest on, the one that gains most first."""
        by_name = {change.name: change for change in self.changes}
        brought: dict[str, list[Change]] = {}
        for change in self.changes:
            root, seen = change, {change.name}
            while root.brought_by in by_name and root.brought_by not in seen:
                root = by_name[root.brought_by]
                seen.add(root.name)
            if root.brought_by in seen:  # those that require each other count once
                root = by_name[min(seen)]
            brought.setdefault(root.name, [])
            if root is not change:
                brought[root.name].append(change)
        found = [
            Cause(
                change=by_name[name],
                brought=tuple(others),
                bytes=sum(change.bytes or 0 for change in (by_name[name], *others)),
            )
            for name, others in brought.items()
        ]
        return tuple(sorted(found, key=lambda cause: (-cause.bytes, cause.change.name)))

    @property
    def guilty(self) -> Change | None:
        """The change that brought most of the growth."""
        return next((cause.change for cause in self.causes if cause.bytes > 0), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """``measured`` is "predicted" or "built"; ``lock`` the file that changes are told of."""

    stack: str
    measured: str
    against: str | None
    lock: PurePosixPath
    services: tuple[ServiceGate, ...]
    findings: tuple[Finding, ...]
    fail_on: Severity | None
    notes: tuple[str, ...]

    @property
    def passes(self) -> bool:
        return not self.findings and all(service.passes is not False for service in self.services)


def gate(session: Session, request: GateRequest) -> GateResult:
    """Raises UnknownRevisionError, and what planning, scanning and reading a layout raise."""
    planned = plan_stack(session, request.plan)
    lock = planned.lock.path
    earlier = _earlier(session, request, lock) if request.against is not None else None
    sizes = _built_sizes(session, request.built, planned.plan) if request.built is not None else None
    services = tuple(_service(service, sizes, earlier, planned.lock) for service in planned.plan.services)
    fail_on = request.fail_on or planned.config.fail_on
    scanned = scan(ScanRequest(root=request.plan.root, compose_files=request.plan.compose_files))
    findings = (
        tuple(finding for finding in scanned.findings if finding.severity.rank >= fail_on.rank)
        if fail_on is not None
        else ()
    )
    return GateResult(
        stack=planned.plan.stack,
        measured="predicted" if sizes is None else "built",
        against=request.against,
        lock=lock,
        services=services,
        findings=findings,
        fail_on=fail_on,
        notes=planned.plan.notes,
    )


def _earlier(session: Session, request: GateRequest, lock: PurePosixPath) -> Plan:
    """The plan that the same sources would have with the lock of the other revision."""
    revision = request.against or ""
    git = find_program("git", package="git")
    # `./` makes the path relative to the folder, wherever the repository's root is.
    argv: list[str | Path] = [git, "-C", request.plan.root, "show", "--end-of-options", f"{revision}:./{lock}"]
    shown = run(argv, timeout=_GIT_SECONDS)
    if not shown.succeeded:
        raise UnknownRevisionError(
            f"git has no {lock} at {revision!r}",
            hints=(shown.tail().splitlines()[-1] if shown.tail() else "name a commit, a branch or a tag",),
        )
    text = shown.stdout.decode("utf-8", "replace")
    return plan_stack(session, replace(request.plan, lock_text=text)).plan


def _service(service: ServicePlan, sizes: Mapping[str, int] | None, earlier: Plan | None, lock: Lock) -> ServiceGate:
    before = next((s for s in earlier.services if s.name == service.name), None) if earlier is not None else None
    heaviest = sorted(service.distributions, key=lambda item: (-(item.installed_bytes or 0), item.name))
    return ServiceGate(
        name=service.name,
        bytes=service.predicted_bytes if sizes is None else sizes.get(service.name),
        budget_bytes=service.budget_bytes,
        bytes_before=before.predicted_bytes if before is not None else None,
        heaviest=tuple(heaviest[:_HEAVIEST]),
        changes=_changes(before, service, lock) if before is not None else (),
    )


def _changes(before: ServicePlan, after: ServicePlan, lock: Lock) -> tuple[Change, ...]:
    old = {item.name: item for item in before.distributions}
    new = {item.name: item for item in after.distributions}
    found: list[Change] = []
    fresh = {str(name) for name, item in new.items() if name not in old or old[name].version != item.version}
    for name in sorted({*old, *new}):
        was, now = old.get(name), new.get(name)
        if was is not None and now is not None and was.version == now.version:
            continue
        weight_before, weight_after = (0 if item is None else item.installed_bytes for item in (was, now))
        gained = None if weight_before is None or weight_after is None else weight_after - weight_before
        reasons = [reason for item in (now, was) if item is not None for reason in item.reasons]
        lines = [package.line for package in lock.by_name.get(name, ())]
        found.append(
            Change(
                name=name,
                before=was.version if was is not None else None,
                after=now.version if now is not None else None,
                bytes=gained,
                reason=reasons[0] if reasons else "",
                line=lines[0] if lines and now is not None else None,
                brought_by=_requirer(now, fresh) if was is None and now is not None else None,
            )
        )
    return tuple(sorted(found, key=lambda change: (-(change.bytes or 0), change.name)))


def _requirer(item: PlannedDistribution, fresh: set[str]) -> str | None:
    """Of a new distribution that only other changes require, the first of those."""
    names = [_REQUIRED.fullmatch(reason) for reason in item.reasons]
    requirers = [match[1] for match in names if match is not None]
    return requirers[0] if len(requirers) == len(names) and requirers and fresh >= set(requirers) else None


def _built_sizes(session: Session, layout: Path, plan: Plan) -> Mapping[str, int]:
    """What ``docker images`` would say of each service's image in the layout. Raises what reading a layout raises."""
    from careen.app.sizing import SizeRequest, measure  # noqa: PLC0415 - most gates judge the prediction
    from careen.build.configuration import references  # noqa: PLC0415

    names = references(plan.services)
    return {
        service: measure(session, SizeRequest(image=f"{layout}:{reference}")).visible_bytes
        for service, reference in names.items()
    }
