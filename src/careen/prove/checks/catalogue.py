"""The one list of checks, in the order in which they are told."""

from collections.abc import Callable

from careen.prove.checks import (
    bill_of_materials,
    certificates,
    distributions,
    file_modes,
    health,
    health_honest,
    memory,
    modules,
    no_tools,
    number_of_processes,
    privileges,
    process_one,
    reachable,
    read_only_root,
    secrets,
    shared_libraries,
    shared_memory,
    size,
    user,
)
from careen.prove.evidence import CheckResult
from careen.prove.subjects import FinishedSubject, ImageSubject, RunningSubject

IMAGE_CHECKS: tuple[tuple[str, Callable[[ImageSubject], CheckResult]], ...] = (
    (size.SLUG, size.check),
    (distributions.SLUG, distributions.check),
    (bill_of_materials.SLUG, bill_of_materials.check),
    (shared_libraries.SLUG, shared_libraries.check),
    (no_tools.SLUG, no_tools.check),
    (file_modes.SLUG, file_modes.check),
    (secrets.SLUG, secrets.check),
)
"""Told from the image alone."""

HEALTH_CHECKS: tuple[tuple[str, Callable[[RunningSubject], CheckResult]], ...] = (
    (health.SLUG, health.check),
    (health_honest.SLUG, health_honest.check),
)
"""For services that have a health check."""

REACHABLE: tuple[str, Callable[[RunningSubject], CheckResult]] = (reachable.SLUG, reachable.check)
"""For services that listen."""

RUNNING_CHECKS: tuple[tuple[str, Callable[[RunningSubject], CheckResult]], ...] = (
    (process_one.SLUG, process_one.check),
    (user.SLUG, user.check),
    (privileges.SLUG, privileges.check),
    (read_only_root.SLUG, read_only_root.check),
    (shared_memory.SLUG, shared_memory.check),
    (certificates.SLUG, certificates.check),
)
"""While the service runs."""

LATE_CHECKS: tuple[tuple[str, Callable[[FinishedSubject], CheckResult]], ...] = (
    (memory.SLUG, memory.check),
    (number_of_processes.SLUG, number_of_processes.check),
    (modules.SLUG, modules.check),
)
"""When all that was asked of the service is done, and it is stopped."""
