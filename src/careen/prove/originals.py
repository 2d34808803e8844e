"""Images that careen did not make: they start and tell their health by their own configuration and by compose.

careen's images start by themselves, and hold the health check that the plan names.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from careen.oci.config import Healthcheck
from careen.plan.operation import SUPPORT_FOLDER
from careen.plan.target import HealthCheck, ServicePlan
from careen.prove.rootfs import ImageOnDisk
from careen.text.values import dataclass

_NANOSECONDS = 1e9
_DEFAULT_SECONDS = 30.0
_DEFAULT_RETRIES = 3
_SHELL = ("/bin/sh", "-c")
_LAST_OF_TEXT = r"(?:^|[\s;&|])(?:exec\s+)?\S*celery\b[^;&|]*\sworker\b[^;&|]*$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What compose says in place of an image's own words; None where it is silent. ``absent_env_files`` are files with
    variables that it names and that are not there.
    """

    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    working_directory: str | None = None
    health: HealthCheck | None = None
    absent_env_files: tuple[str, ...] = ()


def is_careens(image: ImageOnDisk) -> bool:
    return image.file_system.find(str(SUPPORT_FOLDER / "health.py")) is not None


def started_by(image: ImageOnDisk, given: Given) -> tuple[str, ...]:
    """As engines do it: another entry point makes the image's command void, another command leaves its entry point."""
    run = image.config.run
    if given.entrypoint is not None:
        return given.entrypoint + (given.command or ())
    return run.entrypoint + (given.command if given.command is not None else run.command)


def with_own_health(service: ServicePlan, image: ImageOnDisk, given: Given) -> ServicePlan:
    """With compose's health check, or the image's, in place of careen's, which it does not have."""
    health = service.health
    if health is None or not any(word.startswith(f"{SUPPORT_FOLDER}/") for word in health.argv):
        return service
    own = image.config.run.healthcheck
    return replace(service, health=given.health or (docker_check(own, image.config.run.shell) if own else None))


def docker_check(check: Healthcheck, shell: Sequence[str] = ()) -> HealthCheck | None:
    """None for ``NONE``, and for what is no check."""
    if len(check.test) < 2 or check.test[0] not in {"CMD", "CMD-SHELL"}:
        return None
    argv = check.test[1:] if check.test[0] == "CMD" else (*(shell or _SHELL), check.test[1])
    return HealthCheck(
        argv=argv,
        interval=check.interval / _NANOSECONDS or _DEFAULT_SECONDS,
        timeout=check.timeout / _NANOSECONDS or _DEFAULT_SECONDS,
        start_period=check.start_period / _NANOSECONDS,
        retries=check.retries or _DEFAULT_RETRIES,
    )


def ends_in_worker(text: str) -> bool:
    """Whether a shell's text ends in a Celery worker, so that what is put behind it are the worker's arguments."""
    return re.search(_LAST_OF_TEXT, text) is not None
