"""What a proof may be told."""

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from pathlib import Path

from careen.prove.originals import Given
from careen.text.values import dataclass


class RunnerName(StrEnum):
    RUNC = "runc"
    DOCKER = "docker"
    PODMAN = "podman"
    BWRAP = "bwrap"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveSettings:
    """``state`` is a folder of careen's own, for what a run unpacks and notes; ``project`` the project's folder.

    ``smoke`` is the user's own test of the running stack, its paths relative to ``project``; it runs in the image of
    ``smoke_service``. ``runner`` None takes the first that works here. ``keep`` leaves what the
    run wrote. Times in seconds: ``start_timeout`` None takes what the health check grants itself, ``grace`` None the
    plan's; ``request_hold`` and ``task_length`` are how long work in flight lasts. ``in_flight`` False leaves the
    second round out. ``allow_network`` gives services a way out, which they have not otherwise.
    ``given`` is what compose says of each service, most of it for images that careen did not make. ``environment`` are
    variables for every service, over all others.
    ``chaos`` kills workers at work and restarts their broker. ``trace`` records the files that each service touches.
    """

    state: Path
    project: Path | None = None
    smoke: tuple[str, ...] = ()
    smoke_service: str | None = None
    runner: RunnerName | None = None
    keep: bool = False
    start_timeout: float | None = None
    grace: float | None = None
    smoke_timeout: float = 180.0
    request_hold: float = 1.0
    task_length: float = 1.0
    in_flight: bool = True
    allow_network: bool = False
    trace: bool = False
    chaos: bool = False
    given: Mapping[str, Given] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
