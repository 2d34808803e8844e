"""The verb ``prove``: shows that the images of a plan run."""

from dataclasses import replace
from pathlib import Path

from careen.app.building import BuildRequest, Built, build
from careen.app.delivery import write_file
from careen.app.planning import Planned
from careen.app.session import Session
from careen.plan.traces import render_traces
from careen.prove.comparison import ServiceComparison, compare
from careen.prove.evidence import ProofReport, Verdict
from careen.prove.settings import ProveSettings, RunnerName
from careen.prove.stack import prove_stack
from careen.text.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveChoices:
    """What the user may choose; ``runner`` None takes the first that works here. ``trace`` is a file to write;
    ``compare`` a layout with the images as they were.
    """

    runner: RunnerName | None = None
    keep: bool = False
    allow_network: bool = False
    trace: Path | None = None
    chaos: bool = False
    compare: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Proven:
    """``comparison`` is empty unless it was asked for."""

    built: Built
    proof: ProofReport
    comparison: tuple[ServiceComparison, ...] = ()

    @property
    def passed(self) -> bool:
        return self.proof.passed and not any(item.contract.verdict is Verdict.FAIL for item in self.comparison)


def prove(session: Session, request: BuildRequest, choices: ProveChoices) -> Proven:
    """Builds what is not built yet, and runs it. Raises what planning, building and proving raise."""
    built = build(session, request)
    proof = prove_planned(session, built.planned, built.result.layout, choices)
    if choices.compare is None:
        return Proven(built=built, proof=proof)
    before = prove_planned(session, built.planned, choices.compare, replace(choices, trace=None))
    return Proven(built=built, proof=proof, comparison=compare(proof, before))


def prove_planned(session: Session, planned: Planned, layout: Path, choices: ProveChoices) -> ProofReport:
    root = planned.facts.workspace.files.root / planned.plan.root
    settings = ProveSettings(
        state=session.surroundings.cache / "proofs",
        project=root.resolve(),
        smoke=planned.config.smoke,
        smoke_service=planned.config.smoke_service,
        runner=choices.runner,
        keep=choices.keep,
        allow_network=choices.allow_network,
        trace=choices.trace is not None,
        chaos=choices.chaos,
    )
    proof = prove_stack(planned.plan, layout, settings, session.progress)
    if choices.trace is not None:
        write_file(choices.trace, render_traces(proof.traces))
    return proof
