"""Images that are cut to what a proof touched, only where they are as good as the whole ones."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pytest

from careen.app.tracing import Traced, build_traced, lost_verdicts
from careen.build.engine import BuildOptions, BuildResult
from careen.build.native import build_stack
from careen.oci.layout import Layout
from careen.oci.unpack import image_files
from careen.plan.traces import ServiceTrace, parse_traces, render_traces
from careen.prove.evidence import CheckResult, Evidence, ProofReport, ServiceProof, Verdict
from careen.report.traced import traced_document, traced_sentence
from fakes.stacks import SITE, FakeStack, write_stack

DATA = f"{SITE}/lone/data.bin"
STARTS = CheckResult("starts", Verdict.PASS, Evidence(summary="it starts"))


@dataclass
class Prover:
    """Starts what is in a layout where every file that it wants is there; ``tells`` is what a watched one admits."""

    wants: str
    tells: Iterable[str] = ()
    slow: bool = False
    seen: list[tuple[Path, bool, Verdict]] = field(default_factory=list)

    def __call__(self, place: Path, watched: bool) -> ProofReport:
        layout = Layout.open(place)
        files = {file.path for file in image_files(layout, layout.manifest(layout.image("stack_worker")))}
        verdict = Verdict.PASS if self.wants in files and not (self.slow and watched) else Verdict.FAIL
        self.seen.append((place, watched, verdict))
        checks = (STARTS, CheckResult("health", verdict, Evidence(summary=f"{self.wants}: {verdict}")))
        paths = {"web": frozenset[PurePosixPath](), "worker": frozenset(PurePosixPath("/", one) for one in self.tells)}
        return ProofReport(
            runner="none",
            services=tuple(ServiceProof(name=name, checks=checks) for name in paths),
            stack=(),
            traces=_as_written(ServiceTrace(service=n, paths=p) for n, p in paths.items()) if watched else (),
        )


def _as_written(traces: Iterable[ServiceTrace]) -> tuple[ServiceTrace, ...]:
    return parse_traces(render_traces(traces))


@pytest.fixture
def stack(tmp_path: Path) -> FakeStack:
    return write_stack(tmp_path)


def run(stack: FakeStack, prover: Prover, layout: Path) -> Traced:
    def build(options: BuildOptions, place: Path) -> BuildResult:
        return build_stack(stack.plan, stack.sources, output=place, options=options)

    return build_traced(build, prover, BuildOptions(bytecode=False), layout)


def held(layout: Path) -> set[str]:
    found = Layout.open(layout)
    return {file.path for file in image_files(found, found.manifest(found.image("stack_worker")))}


def test_what_was_touched_stays_and_the_rest_goes_once_that_is_proven(stack: FakeStack, tmp_path: Path) -> None:
    prover = Prover(DATA, tells=[DATA])
    done = run(stack, prover, tmp_path / "out/images")
    assert not done.refused
    assert DATA in held(tmp_path / "out/images")
    assert f"{SITE}/crate/unused.py" not in held(tmp_path / "out/images")
    assert done.lost == done.whole.unique_bytes - done.build.unique_bytes > 0
    assert [(watched, verdict) for _, watched, verdict in prover.seen] == [(True, Verdict.PASS), (False, Verdict.PASS)]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["images"]


def test_what_fails_without_the_untouched_files_is_never_handed_on(stack: FakeStack, tmp_path: Path) -> None:
    """Here the file is read in a way that no trace tells of."""
    done = run(stack, Prover(DATA), tmp_path / "out/images")
    named = "; ".join(f"{service}: health: {DATA}: fail" for service in ("web", "worker"))
    assert done.refused == f"the cut images do not pass what the whole ones passed: {named}"
    assert DATA in held(tmp_path / "out/images")
    assert done.proof.passed
    assert done.build == done.whole
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["images"]
    assert traced_sentence(done).startswith("Files that the proof did not touch stay: the cut images do not pass")
    assert traced_document(done)["kept"] is False


def test_services_too_slow_to_be_watched_stay_whole_and_proven(stack: FakeStack, tmp_path: Path) -> None:
    done = run(stack, Prover(DATA, slow=True), tmp_path / "images")
    assert done.refused.startswith("the whole images did not pass while they were watched: web: health")
    assert done.proof.passed
    assert DATA in held(tmp_path / "images")


def test_a_failure_of_the_whole_images_is_told_as_theirs(stack: FakeStack, tmp_path: Path) -> None:
    done = run(stack, Prover("nowhere"), tmp_path / "images")
    assert done.refused
    assert not done.proof.passed


def report(*checks: CheckResult) -> ProofReport:
    return ProofReport(runner="none", services=(ServiceProof(name="web", checks=(STARTS, *checks)),), stack=())


def result(check: str, verdict: Verdict) -> CheckResult:
    return CheckResult(check, verdict, Evidence(summary="as it is"))


def test_a_check_that_is_skipped_or_missing_where_it_passed_is_lost() -> None:
    before = report(result("smoke", Verdict.PASS), result("memory", Verdict.PASS), result("budget", Verdict.SKIPPED))
    after = report(result("smoke", Verdict.SKIPPED), result("budget", Verdict.SKIPPED))
    assert lost_verdicts(before, after) == ("web: smoke: as it is", "web: memory was not judged")
    assert lost_verdicts(before, before) == ()
