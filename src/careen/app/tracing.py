"""Images that hold what a proof touched: built whole and proven under watch, cut down, and proven once more.

What does not pass as the whole images did is never handed on: then the whole ones stay, and the reason is told.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from careen.build.engine import BuildOptions, BuildResult
from careen.errors import CareenError
from careen.prove.evidence import CheckResult, ProofReport, Verdict
from careen.python.trimming import TrimmingPolicy
from careen.text.values import dataclass

_STACK = "the stack"
_MOST_NAMED = 4


class UnsteadyBuildError(CareenError):
    """What was built twice from the same plan is not the same."""


Build = Callable[[BuildOptions, Path], BuildResult]
"""Builds into a layout."""

Prove = Callable[[Path, bool], ProofReport]
"""Proves what is in a layout; with True, the report has the traces of all services."""


@dataclass(frozen=True, kw_only=True)
class Traced:
    """``whole`` is what was built before anything untouched went; ``refused`` says why that is what stayed, and is
    empty where the cut images did. ``lost`` are the bytes that a host no longer holds.
    """

    whole: BuildResult
    build: BuildResult
    proof: ProofReport
    watched: ProofReport
    refused: str = ""

    @property
    def lost(self) -> int:
        return self.whole.unique_bytes - self.build.unique_bytes


def build_traced(build: Build, prove: Prove, options: BuildOptions, layout: Path) -> Traced:
    """``layout`` holds the cut images, or the whole ones where those would not pass.

    Raises what building and proving raise; a proof that fails is in the result.
    """
    whole = build(replace(options, trimming=TrimmingPolicy.LEAN, traces=()), layout)
    watched = prove(layout, True)
    if not watched.passed:
        # Being watched costs time, which some checks count: what decides is a proof like any other.
        refused = f"the whole images did not pass while they were watched: {_list(_failures(watched))}"
        return Traced(whole=whole, build=whole, proof=prove(layout, False), watched=watched, refused=refused)
    traced = replace(options, trimming=TrimmingPolicy.TRACED, traces=watched.traces)
    with _beside(layout) as trial:
        cut = build(traced, trial)
        proof = prove(trial, False)
    worse = lost_verdicts(watched, proof)
    if worse:
        refused = f"the cut images do not pass what the whole ones passed: {_list(worse)}"
        return Traced(whole=whole, build=whole, proof=prove(layout, False), watched=watched, refused=refused)
    final = build(traced, layout)
    if [image.digest for image in final.images] != [image.digest for image in cut.images]:
        raise UnsteadyBuildError(
            "what was built after the proof is not what was proven",
            hints=("leave the project's files alone while careen works",),
        )
    return Traced(whole=whole, build=final, proof=proof, watched=watched)


def lost_verdicts(before: ProofReport, after: ProofReport) -> tuple[str, ...]:
    """Checks that passed before and do not pass now, and whatever fails now: sentences, each with its service."""
    others = {(name, result.check) for name, result in _results(before) if result.verdict is not Verdict.PASS}
    passed = {(name, result.check) for name, result in _results(before)} - others
    judged = {(name, result.check) for name, result in _results(after)}
    worse = [
        f"{name}: {result.check}: {result.evidence.summary}"
        for name, result in _results(after)
        if result.verdict is Verdict.FAIL or (result.verdict is not Verdict.PASS and (name, result.check) in passed)
    ]
    return tuple(worse + [f"{name}: {check} was not judged" for name, check in sorted(passed - judged)])


def _failures(proof: ProofReport) -> list[str]:
    failed = [
        f"{name}: {result.check}: {result.evidence.summary}"
        for name, result in _results(proof)
        if result.verdict is Verdict.FAIL
    ]
    return failed or ["a service was not seen to start"]


def _results(proof: ProofReport) -> Iterator[tuple[str, CheckResult]]:
    for service in proof.services:
        yield from ((service.name, result) for result in service.checks)
    yield from ((_STACK, result) for result in proof.stack)


def _list(sentences: list[str] | tuple[str, ...]) -> str:
    more = len(sentences) - _MOST_NAMED
    return "; ".join(sentences[:_MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")


@contextmanager
def _beside(layout: Path) -> Iterator[Path]:
    """Where blobs can be linked instead of copied. What it holds is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f".{layout.name}-", dir=layout.parent))
    try:
        yield folder / layout.name
    finally:
        shutil.rmtree(folder, ignore_errors=True)
