"""The first round on containers that follow a script: what counts as started, and what is told of those that do not."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import cast

import pytest

from careen.blobs.digest import Descriptor, Digest
from careen.oci.config import ImageConfig
from careen.oci.filesystem import FileSystem
from careen.oci.manifest import ImagePlatform
from careen.plan.roles import Role
from careen.plan.target import HealthCheck, Limits, NumericUser, ServicePlan
from careen.progress import unheard
from careen.prove.evidence import CheckResult, Verdict
from careen.prove.first_round import FirstRound
from careen.prove.instruments import Instruments
from careen.prove.launch import Launch
from careen.prove.originals import Given
from careen.prove.rootfs import ImageOnDisk
from careen.prove.runner import Property, Runner
from careen.prove.settings import ProveSettings
from careen.prove.starting import start, start_limit
from careen.prove.trial import Trial
from fakes.containers import Script, ScriptedGround
from fakes.tiny_images import Tiny, plan_of, service_plan


class _Runner:
    name = "scripted"
    lacks: Mapping[Property, str] = dict.fromkeys(Property, "it is a script")


def silent(name: str, **changes: object) -> ServicePlan:
    """A service without a port or a health check."""
    plain = replace(service_plan(Tiny(name=name)), role=Role.OTHER, health=None, container_ports=())
    return replace(plain, **changes)  # type: ignore[arg-type]


def _image(folder: Path) -> ImageOnDisk:
    """An empty one."""
    return ImageOnDisk(
        name="empty",
        layout=folder,
        manifest=Descriptor(media_type="", digest=Digest.of(b""), size=0),
        config=ImageConfig(platform=ImagePlatform(operating_system="linux", architecture="amd64"), diff_ids=()),
        file_system=FileSystem(),
        root=folder,
    )


def launch(name: str) -> Launch:
    return Launch(
        name=name,
        image=cast("ImageOnDisk", None),
        argv=("python", "-m", name),
        environment=(),
        working_directory=PurePosixPath("/app"),
        user=NumericUser(1, 1),
        limits=Limits(memory_bytes=1, cpus=1),
    )


def results(
    folder: Path, service: ServicePlan, script: Script, *, limit: float = 0.3, given: Given | None = None
) -> Mapping[str, CheckResult]:
    settings = ProveSettings(state=folder, start_timeout=limit, given={service.name: given or Given()})
    instruments = Instruments(folder / "instruments")
    first = FirstRound(plan_of([service]), settings, instruments, cast("Runner", _Runner()), unheard)
    trial = Trial(service, _image(folder), launch(service.name))

    def pause() -> None:
        if trial.container is not None and script.lives is not None:
            trial.container.wait(script.lives + 1)

    first.run(ScriptedGround({service.name: script}), [trial], pause)
    return {result.check: result for result in trial.results}


def test_a_job_is_started_when_it_has_ended_well(tmp_path: Path) -> None:
    found = results(tmp_path, silent("migrate", is_job=True), Script(lives=0.1), limit=5)
    assert found["starts"].verdict is Verdict.PASS
    assert found["starts"].evidence.summary.startswith("it did its work and ended, as a job does, after 0.")
    assert found["stops"].verdict is Verdict.SKIPPED
    assert {result.verdict for name, result in found.items() if name != "starts"} == {Verdict.SKIPPED}


def test_a_job_that_fails_or_does_not_end_is_a_failure(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    failing = results(tmp_path / "a", silent("migrate", is_job=True), Script(lives=0.0, status=3), limit=5)
    assert failing["starts"].evidence.summary == "it ended after 0.0 s with status 3"
    lasting = results(tmp_path / "b", silent("migrate", is_job=True), Script(), limit=0.2)
    assert lasting["starts"].evidence.summary == "it had not ended after 0 s, as a job should"


@pytest.mark.parametrize("status", [0, 1])
def test_a_service_that_ends_by_itself_later_on_was_not_started(tmp_path: Path, status: int) -> None:
    found = results(tmp_path, silent("beat"), Script(lives=0.6, status=status, words="no such table: crontab\n"))
    assert found["starts"].verdict is Verdict.FAIL
    assert found["starts"].evidence.summary == (
        f"it ended by itself, with status {status}: its database has no table crontab"
    )
    assert any("condition: service_completed_successfully" in hint for hint in found["starts"].evidence.hints) == (
        status == 0
    )
    assert found["stops"].verdict is Verdict.FAIL


def test_a_service_that_stays_is_started_and_stopped(tmp_path: Path) -> None:
    found = results(tmp_path, silent("bot"), Script())
    assert (found["starts"].verdict, found["stops"].verdict) == (Verdict.PASS, Verdict.PASS)


def test_why_a_service_does_not_start_is_said_with_what_helps(tmp_path: Path) -> None:
    words = "Traceback (most recent call last):\n  File 'a.py'\nRuntimeError: API_KEY is not set\n"
    found = results(
        tmp_path,
        silent("bot"),
        Script(lives=0.0, status=1, words=words),
        limit=5,
        given=Given(absent_env_files=(".env",)),
    )
    evidence = found["starts"].evidence
    assert evidence.summary == "it ended after 0.0 s with status 1: the variable API_KEY is not set"
    assert evidence.hints[0].startswith(".env, which compose names for bot, is not here")
    assert found["stops"].verdict is Verdict.SKIPPED


def test_what_an_unhealthy_service_complains_of_is_said(tmp_path: Path) -> None:
    web = replace(service_plan(Tiny(name="web")), health=HealthCheck(argv=("check",)))
    found = results(tmp_path, web, Script(healthy=False, words="waiting for db:5432: [Errno -2] not known"), limit=0.8)
    assert found["starts"].evidence.summary == "it was not healthy within 1 s: unwell: there is no host db"


def test_a_service_that_ends_in_the_moment_before_it_would_count_has_not_started() -> None:
    service = silent("bot")
    begun = start(ScriptedGround({"bot": Script(lives=0.0)}), launch("bot"), service, 0.0)
    assert begun.seconds is None


def test_a_job_is_given_time() -> None:
    assert start_limit(silent("migrate", is_job=True), None) >= 120
    assert start_limit(silent("migrate", is_job=True), 7) == 7


def test_a_log_that_is_kept_in_a_file_is_read_in_a_second_start(tmp_path: Path) -> None:
    settings = ProveSettings(state=tmp_path, start_timeout=5)
    worker = silent("worker")
    ground = ScriptedGround({"worker": Script(lives=0.0, status=1, words="no such table: jobs")})
    argv = ("python", "-m", "celery", "worker", "--logfile=a.log")
    trial = Trial(worker, _image(tmp_path), replace(launch("worker"), argv=argv))
    first = FirstRound(
        plan_of([worker]), settings, Instruments(tmp_path / "instruments"), cast("Runner", _Runner()), unheard
    )
    first.run(ground, [trial], lambda: None)
    assert [launched.argv for launched in ground.launched] == [argv, argv[:-1]]
    starts = next(result for result in trial.results if result.check == "starts")
    assert starts.evidence.summary == (
        "it ended after 0.0 s with status 1, with its log in a.log: its database has no table jobs"
    )
