"""A claim about a set-up, with its place, its weight and what can be done."""

from enum import StrEnum
from pathlib import PurePosixPath

from careen.text.values import dataclass


class Severity(StrEnum):
    """What a user would feel: an outage or breach, a cost, or a risk."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        return {Severity.LOW: 0, Severity.MEDIUM: 1, Severity.HIGH: 2}[self]


class Confidence(StrEnum):
    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"


class FixKind(StrEnum):
    """Whether a fix can be taken unread (``safe``) or needs a person (``review``)."""

    SAFE = "safe"
    REVIEW = "review"


class Topic(StrEnum):
    """What a finding is about; the first eighteen stand in the order of the document careen began with."""

    OVERSIZED_BASE = "oversized-base"
    NO_MULTI_STAGE = "no-multi-stage"
    BUILD_TOOLS_IN_FINAL = "build-tools-in-final"
    NO_CACHE_MOUNT = "no-cache-mount"
    DEV_DEPENDENCIES = "dev-dependencies"
    NO_DEPENDENCY_LAYER = "no-dependency-layer"
    WHOLE_TREE_COPY = "whole-tree-copy"
    WEAK_DOCKERIGNORE = "weak-dockerignore"
    UNNEEDED_CONTEXT_FILES = "unneeded-context-files"
    RUNS_AS_ROOT = "runs-as-root"
    MISSING_HEALTHCHECK = "missing-healthcheck"
    BAD_SIGNAL_HANDLING = "bad-signal-handling"
    SHARED_IMAGE = "shared-image"
    UNNEEDED_DEPENDENCIES = "unneeded-dependencies"
    REDUNDANT_VOLUME = "redundant-volume"
    NO_RESOURCE_LIMITS = "no-resource-limits"
    COMPOSE_MISSING_HEALTHCHECK = "compose-missing-healthcheck"
    MISSING_GRACE_PERIOD = "missing-grace-period"
    UNREACHABLE_GPU_BUILD = "unreachable-gpu-build"
    DUPLICATED_LAYER = "duplicated-layer"
    VENV_IN_CONTEXT = "venv-in-context"
    INSTALLER_LEFT_IN = "installer-left-in"
    INEFFECTIVE_CACHE_MOUNT = "ineffective-cache-mount"
    INEFFECTIVE_IGNORE_PATTERN = "ineffective-ignore-pattern"
    BROKEN_VENV = "broken-venv"
    UNPINNED_BASE = "unpinned-base"
    STALE_BASE = "stale-base"
    REMOVED_BASE = "removed-base"
    SECRET_IN_IMAGE = "secret-in-image"  # noqa: S105 - the topic's name
    PRIVILEGED_SERVICE = "privileged-service"
    SPLIT_COMMAND = "split-command"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Lines of a file, 1-based and inclusive; ``path`` is relative to the folder that was asked about.

    ``column`` is where the guilty text begins in the first line and ``end_column`` where it has ended in the last,
    both from 1; 0 when whole lines are meant.
    """

    path: PurePosixPath
    line: int
    end_line: int
    column: int = 0
    end_column: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.line <= self.end_line:
            raise ValueError(f"not a place: {self.path}:{self.line}-{self.end_line}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """``message`` is one sentence without a final period that says what a user would feel.

    ``service`` is None when the finding concerns the stack or a file that no service is known to use;
    ``bytes`` is what it costs in the image or the context, None when that cannot be known.
    """

    rule: str
    topic: Topic
    severity: Severity
    confidence: Confidence
    place: Place
    message: str
    service: str | None = None
    bytes: int | None = None
    fix: FixKind | None = None
