"""What a proof decides without running anything."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import cast

import pytest

from careen.oci.config import Healthcheck
from careen.plan.target import NumericUser, ServicePlan
from careen.process.spawn import Ear
from careen.prove.checks import memory, number_of_processes
from careen.prove.checks.memory import proposed_limit
from careen.prove.evidence import CheckResult, Evidence, ProofReport, ServiceProof, Verdict
from careen.prove.groups import read_hierarchies
from careen.prove.in_flight.requests import Answer, read_answer
from careen.prove.instruments import Instruments, read_untrusted, read_untrusted_object, with_include
from careen.prove.launch import Launch
from careen.prove.network import Tables
from careen.prove.originals import docker_check
from careen.prove.patience import factor
from careen.prove.processes import handles
from careen.prove.rootfs import ImageOnDisk
from careen.prove.runner import Property, Use
from careen.prove.runners.native import uncounted
from careen.prove.servers import kind_of
from careen.prove.starting import waves
from careen.prove.stopping import Stop
from careen.prove.subjects import FinishedSubject
from fakes.tiny_images import Tiny, service_plan


def named(name: str, *depends_on: str) -> ServicePlan:
    return replace(service_plan(Tiny(name=name)), depends_on=depends_on)


def test_services_start_after_what_they_depend_on() -> None:
    services = [named("flower", "worker"), named("worker", "redis", "api"), named("api", "redis"), named("beat")]
    assert [{service.name for service in wave} for wave in waves(services)] == [{"api", "beat"}, {"worker"}, {"flower"}]


def test_a_circle_is_started_together() -> None:
    assert [{service.name for service in wave} for wave in waves([named("a", "b"), named("b", "a")])] == [{"a", "b"}]


def report(*verdicts: Verdict, starts: Verdict = Verdict.PASS) -> ProofReport:
    evidence = Evidence(summary="seen")
    checks = (CheckResult("starts", starts, evidence), *(CheckResult("other", v, evidence) for v in verdicts))
    return ProofReport(runner="runc", services=(ServiceProof(name="web", checks=checks),), stack=())


def test_a_skipped_check_is_no_failure_but_a_skipped_start_is_no_pass() -> None:
    assert report(Verdict.PASS, Verdict.SKIPPED).passed
    assert not report(Verdict.PASS, Verdict.FAIL).passed
    assert not report(Verdict.PASS, starts=Verdict.SKIPPED).passed


def test_a_failure_of_the_stack_fails_the_proof() -> None:
    failure = CheckResult("smoke", Verdict.FAIL, Evidence(summary="seen"))
    assert not replace(report(Verdict.PASS), stack=(failure,)).passed


@pytest.mark.parametrize(
    ("status", "complaint"),
    [(0, ""), (143, ""), (1, "ended with status 1"), (137, "ended with status 137"), (None, "had to be killed")],
)
def test_what_ending_well_is(status: int | None, complaint: str) -> None:
    complaints = " ".join(Stop(status=status, seconds=1, grace=10).complaints)
    assert complaint in complaints
    assert bool(complaints) == bool(complaint)


@pytest.mark.parametrize(
    ("argv", "with_probe"),
    [
        ("celery -A a worker", "celery -A a worker --include probe"),
        ("celery -A a worker --include beat", "celery -A a worker --include beat,probe"),
        ("celery -A a worker -I beat -Q q", "celery -A a worker -I beat,probe -Q q"),
        ("celery -A a worker --include=beat", "celery -A a worker --include=beat,probe"),
        ("celery worker -I a --include beat", "celery worker -I a --include beat,probe"),
        # Python's own -I, before the word, is another one.
        ("python -I -m celery worker", "python -I -m celery worker --include probe"),
    ],
)
def test_the_probe_joins_what_a_worker_includes(argv: str, with_probe: str) -> None:
    assert " ".join(with_include(tuple(argv.split()), "probe")) == with_probe


def test_what_a_container_wrote_is_read_without_following_links(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("{}")
    (tmp_path / "mark").symlink_to(secret)
    assert read_untrusted(tmp_path / "mark") is None
    assert read_untrusted(tmp_path) is None
    assert read_untrusted(secret) == "{}"


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000])
def test_what_is_no_object_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "answer").write_text(text)
    assert read_untrusted_object(tmp_path / "answer") is None


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Answer(200)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", Answer(None, "2 of 3 bytes of the answer came")),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
            Answer(None, "the answer's last chunk did not come"),
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n", Answer(204)),
        (b"HTTP/1.1 200 O", Answer(None, "the answer is cut short")),
        (b"", Answer(None, "the connection was closed before an answer")),
    ],
)
def test_only_a_whole_answer_counts(data: bytes, answer: Answer) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            theirs.sendall(data)
        assert read_answer(ours, 1) == answer


_HYBRID = """\
25 24 0:22 / /sys/fs/cgroup rw - tmpfs tmpfs rw
26 25 0:23 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
27 25 0:24 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
28 25 0:25 / {unified} rw - cgroup2 cgroup2 rw
"""


@pytest.mark.parametrize(
    ("argv", "last"),
    [
        (("celery", "-A", "x", "worker"), "--include probe"),
        (("celery", "-A", "x", "worker", "-I", "mine"), "-I mine,probe"),
        (("sh", "-c", "cd /app && celery -A x worker -Q heavy"), "worker -Q heavy --include probe"),
        (("sh", "-c", "celery -A x worker; echo done"), "--include probe"),  # nowhere to put it; the shell ignores it
    ],
)
def test_a_probe_is_put_where_the_worker_reads_it(argv: tuple[str, ...], last: str) -> None:
    words = with_include(argv, "probe")
    assert " ".join(words).endswith(last)
    assert len(words) == len(argv) + (last == "--include probe") * 2


def _launch(argv: tuple[str, ...]) -> Launch:
    return Launch(
        name="api",
        image=cast("ImageOnDisk", None),
        argv=argv,
        environment=(),
        working_directory=PurePosixPath("/"),
        user=NumericUser(1, 1),
        limits=service_plan(Tiny()).limits,
    )


def test_the_application_is_held_up_in_a_shells_text_too(tmp_path: Path) -> None:
    launch = _launch(("sh", "-c", "cd /app && exec uvicorn shelf.api:make --factory --host 0.0.0.0"))
    held = Instruments(tmp_path / "proof").held(launch)
    assert held is not None
    assert held.argv[2] == "cd /app && exec uvicorn careen_held:factory --factory --host 0.0.0.0"
    assert dict(held.environment)["CAREEN_PROOF_APPLICATION"] == "shelf.api:make"
    assert Instruments(tmp_path / "other").held(replace(launch, argv=("serve", "0.0.0.0:80", "http://a:b"))) is None


@pytest.mark.parametrize(
    ("load", "processors", "times"), [(0.1, 2, 1.0), (2.0, 2, 1.0), (5.0, 2, 2.5), (200.0, 2, 4.0), (5.0, 64, 1.0)]
)
def test_a_busy_machine_gets_more_time_but_not_for_ever(load: float, processors: int, times: float) -> None:
    assert factor(load, processors) == times


@pytest.mark.parametrize(
    ("check", "argv"),
    [
        (Healthcheck(test=("CMD", "/check", "-q")), ("/check", "-q")),
        (Healthcheck(test=("CMD-SHELL", "/check || exit 1")), ("/bin/sh", "-c", "/check || exit 1")),
        (Healthcheck(test=("NONE",)), None),
        (Healthcheck(test=()), None),
    ],
)
def test_an_image_tells_its_own_health(check: Healthcheck, argv: tuple[str, ...] | None) -> None:
    found = docker_check(check)
    assert (found.argv if found is not None else None) == argv
    assert found is None or (found.interval, found.retries) == (30, 3)


def test_hybrid_control_groups_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("memory pids\n")
    found = read_hierarchies(_HYBRID.format(unified=tmp_path))
    assert found.root_of("memory") == Path("/sys/fs/cgroup/memory")
    assert found.root_of("pids") == tmp_path
    assert found.root_of("cpu") == Path("/sys/fs/cgroup/cpu")
    assert set(found.all_roots) == {Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup/memory"), tmp_path}


def test_missing_controllers_are_missing() -> None:
    assert read_hierarchies("25 24 0:22 / / rw - ext4 /dev/vda rw\n").root_of("memory") is None


_READ_ONLY = """\
27 25 0:24 / /sys/fs/cgroup/memory ro,nosuid - cgroup cgroup rw,memory
28 25 0:25 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
"""


def test_no_limit_is_set_in_a_control_group_that_is_mounted_read_only() -> None:
    found = read_hierarchies(_READ_ONLY)
    assert (found.root_of("memory"), found.swap) == (None, False)
    assert found.all_roots == (Path("/sys/fs/cgroup/pids"),)
    assert found.closed == (Path("/sys/fs/cgroup/memory"),)


def test_of_two_mounts_at_one_place_the_later_counts() -> None:
    above = "29 27 0:24 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    assert read_hierarchies(_READ_ONLY + above).root_of("memory") == Path("/sys/fs/cgroup/memory")
    assert read_hierarchies(_READ_ONLY + above).closed == ()


def test_a_controller_that_is_not_handed_down_is_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory\n")
    at = read_hierarchies(f"28 25 0:25 / {tmp_path} rw - cgroup2 cgroup2 rw\n")
    assert uncounted(None, at) == {Property.PROCESSES: "this machine lets nobody make a control group for pids"}


@pytest.mark.parametrize(
    ("judge", "wanted"), [(memory.check, Property.MEMORY), (number_of_processes.check, Property.PROCESSES)]
)
def test_a_limit_that_nobody_counts_is_skipped_and_no_pass(
    judge: Callable[[FinishedSubject], CheckResult], wanted: Property, tmp_path: Path
) -> None:
    # The image is not looked at.
    subject = FinishedSubject(
        service=service_plan(Tiny()),
        image=cast("ImageOnDisk", None),
        lacks=uncounted(None, read_hierarchies("")),
        use=Use(peak_bytes=1, out_of_memory=0, refused_processes=0),
        imports=tmp_path,
    )
    result = judge(subject)
    assert (result.verdict, result.evidence.summary) == (Verdict.SKIPPED, subject.lacks[wanted])


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        ("redis:7", "redis"),
        ("valkey/valkey:8-alpine", "redis"),
        ("rabbitmq:3-management", "rabbitmq"),
        ("registry.example:5000/pgvector/pgvector:pg16", "postgres"),
        ("mariadb:11", "mariadb"),
        ("library/mysql:8.4", "mariadb"),
        ("prometheuscommunity/postgres-exporter", None),
        ("rediscommander/redis-commander", None),
        ("minio/minio", None),
        ("registry.example/redis-tools/other", None),
    ],
)
def test_which_server_an_image_means(image: str, kind: str | None) -> None:
    assert kind_of(image) == kind


def test_a_flood_is_heard_at_both_ends() -> None:
    ear = Ear(keep=10)
    for number in range(1000):
        ear.hear(b"%04d" % number)
    heard = ear.heard()
    assert (heard.head, heard.tail, heard.total) == (b"0000000100", b"9709980999", 4000)
    assert "3980 bytes left out" in heard.text


@pytest.mark.parametrize(("peak", "limit"), [(1, 64_000_000), (60_000_000, 96_000_000), (100_000_000, 160_000_000)])
def test_the_proposed_limit_leaves_room(peak: int, limit: int) -> None:
    assert proposed_limit(peak) == limit


def test_a_settings_module_is_not_the_application(tmp_path: Path) -> None:
    argv = ("python", "-m", "gunicorn", "-c", "python:config.gunicorn", "shop.app:create_app()")
    held = Instruments(tmp_path / "proof").held(_launch(argv))
    assert held is not None
    assert held.argv == (*argv[:-1], "careen_held:app")
    assert dict(held.environment)["CAREEN_PROOF_APPLICATION"] == "shop.app:create_app()"


def test_services_are_found_by_their_other_names(tmp_path: Path) -> None:
    tables = Tables(tmp_path / "network", ["db", "web"], "10.1.1")
    tables.call([("postgres", "db"), ("web", "db"), ("localhost", "db"), ("x", "elsewhere")])
    lines = tables.hosts.read_text().splitlines()
    assert lines[2:] == ["10.1.1.16 db", "10.1.1.17 web", "10.1.1.16 postgres"]


@pytest.mark.parametrize("name", ["made", "make()", "holder.made"])
def test_the_door_stands_before_the_application_however_it_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "shop.py").write_text(
        "def made(environ, start_response):\n    return [b'of the shop']\n\n"
        "def make():\n    return made\n\n"
        "class holder:\n    made = staticmethod(made)\n"
    )
    source = (resources.files("careen.prove") / "injected" / "careen_held.py").read_text()
    (tmp_path / "careen_held.py").write_text(source)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "CAREEN_PROOF_MARKS": str(tmp_path)}
    environment["CAREEN_PROOF_APPLICATION"] = f"shop:{name}"
    program = "import careen_held; print(careen_held.app({}, None))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30, env=environment
    )
    assert done.stdout == "[b'of the shop']\n"


def test_a_process_tells_which_signals_it_handles() -> None:
    program = "import signal; signal.signal(signal.SIGUSR1, print); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = [handles(process.pid, number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)]
        process.communicate(b"\n")
    assert found == [True, False, True]


def test_a_service_that_does_not_hear_the_signal_is_told_so() -> None:
    deaf = Stop(status=None, seconds=10, grace=10, deaf="SIGTERM")
    assert "no handler for SIGTERM, and the kernel keeps such from PID 1" in deaf.complaints[0]
    assert "stop_signal: SIGINT" in deaf.hints[0]
    assert Stop(status=0, seconds=1, grace=10, deaf="SIGTERM").hints == ()
    assert "handler" not in Stop(status=None, seconds=10, grace=10).complaints[0]
