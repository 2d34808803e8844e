"""Starting services in the order of their dependencies, and telling when they are up."""

import contextlib
import time
from collections.abc import Iterable
from pathlib import Path

from careen.plan.target import HealthCheck, ServicePlan
from careen.process.run import CommandFailedError
from careen.prove.launch import Launch
from careen.prove.patience import patience
from careen.prove.runner import Container, Ground
from careen.text.values import dataclass

_PAUSE_SECONDS = 0.05
_BETWEEN_CHECKS_SECONDS = 0.4
_LOOK_INSIDE_EVERY = 20
"""The kernel walks through all of its connections for a list of a namespace's."""
_SETTLED_SECONDS = 3.0
"""How long a service without a health check must live to count as started."""
_LISTENING_SECONDS = 30.0
"""How long its port is waited for, when it has one."""
_JOB_SECONDS = 120.0
"""How long a job may take to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """``container`` None means that there never was one. ``seconds`` None: not healthy in time; ``said`` says more.
    ``done`` when a job has ended as it should.
    """

    container: Container | None
    seconds: float | None
    said: str = ""
    done: bool = False


def waves(services: Iterable[ServicePlan]) -> tuple[tuple[ServicePlan, ...], ...]:
    """Services that can be started together, after all that they depend on; a circle is started together."""
    remaining = {service.name: service for service in services}
    found: list[tuple[ServicePlan, ...]] = []
    while remaining:
        free = [s for s in remaining.values() if not any(name in remaining and name != s.name for name in s.depends_on)]
        wave = tuple(free or remaining.values())
        found.append(wave)
        for service in wave:
            del remaining[service.name]
    return tuple(found)


def start_limit(service: ServicePlan, chosen: float | None) -> float:
    """After how many seconds docker would call the container unhealthy, unless another limit was chosen; longer on a
    busy machine.
    """
    health = service.health
    if chosen is not None:
        return chosen
    if service.is_job:
        return _JOB_SECONDS * patience()
    if health is not None:
        return (health.start_period + health.retries * health.interval) * patience()
    return _SETTLED_SECONDS * 2 + (_LISTENING_SECONDS if service.container_ports else 0)


def start(ground: Ground, launch: Launch, service: ServicePlan, limit: float) -> Start:
    """Starts a container and waits, ``limit`` seconds at most, until its health check passes, or until a job's end."""
    begun = time.monotonic()
    container = begin(ground, launch)
    return container if isinstance(container, Start) else wait_until_up(ground, container, service, limit, begun)


def begin(ground: Ground, launch: Launch) -> Container | Start:
    """Starts a container and waits for nothing; a failed start when there never was one."""
    if not launch.argv:
        return Start(container=None, seconds=None, said="the image names no program to run")
    try:
        return ground.start(launch)
    except CommandFailedError as error:
        return Start(container=None, seconds=None, said=error.message)


def wait_until_up(ground: Ground, container: Container, service: ServicePlan, limit: float, begun: float) -> Start:
    """Waits until ``limit`` seconds after ``begun`` (of the monotonic clock) at most."""
    health, said, rounds = service.health, "", 0
    while (passed := time.monotonic() - begun) < limit:
        if container.exit_status() is not None:
            status = container.wait(1)
            if service.is_job and status == 0:
                return Start(container=container, seconds=passed, done=True)
            return Start(container=container, seconds=None, said=f"it ended after {passed:.1f} s with status {status}")
        if service.is_job:
            pass
        elif health is None:
            settled = min(_SETTLED_SECONDS, limit / 2)
            if passed >= settled and (_listens_at(ground, service) or passed >= settled + _LISTENING_SECONDS):
                return Start(container=container, seconds=passed)
        elif _may_be_up(ground, container, service, health, look_inside=rounds % _LOOK_INSIDE_EVERY == 0):
            try:
                done = container.execute(health.argv, health.timeout)
            except CommandFailedError as error:
                said = error.message
            else:
                if done.succeeded:
                    return Start(container=container, seconds=time.monotonic() - begun)
                said = done.tail()
            time.sleep(_BETWEEN_CHECKS_SECONDS)
        time.sleep(_PAUSE_SECONDS)
        rounds += 1
    if service.is_job:
        return Start(container=container, seconds=None, said=f"it had not ended after {limit:.0f} s, as a job should")
    if health is None and container.exit_status() is None:
        return Start(container=container, seconds=time.monotonic() - begun)
    return Start(
        container=container, seconds=None, said=f"it was not healthy within {limit:.0f} s: {said}".rstrip(": ")
    )


def _may_be_up(
    ground: Ground, container: Container, service: ServicePlan, health: HealthCheck, *, look_inside: bool
) -> bool:
    """Cheap signs, so that a health check is not started ten times a second on a machine that is busy starting.

    Without a sign for a kind of check it is simply tried, and so it is after a while in any case.
    """
    argv = health.argv
    pid = container.process()
    if "heartbeat" in argv[:-2] and pid is not None:
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/root{argv[argv.index('heartbeat') + 1]}").exists()
    if "http" in argv[:-2] and service.container_ports:
        try:
            ground.dial(service.name, service.container_ports[0], 1).close()
        except OSError:
            # A service that listens on its loopback only shall be told so by another check.
            return look_inside and container.process() is not None and _listens(pid)
    return True


def _listens_at(ground: Ground, service: ServicePlan) -> bool:
    """At its first port; a service without one has nothing to listen at."""
    try:
        if service.container_ports:
            ground.dial(service.name, service.container_ports[0], 1).close()
    except OSError:
        return False
    return True


def _listens(pid: int | None) -> bool:
    """Whether anything in the process's network listens for TCP connections (state 0A, proc(5))."""
    found = ""
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            found += Path(f"/proc/{pid}/net/{table}").read_text()
    return any(line.split()[3] == "0A" for line in found.splitlines() if line.split()[0] != "sl")
