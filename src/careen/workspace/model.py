"""The six languages joined: who builds what, from which files, and who runs it."""

from collections.abc import Mapping
from dataclasses import field
from pathlib import PurePosixPath

from careen.compose.model import ComposeProject, ComposeService
from careen.dockerfile.stages import Stage, StageGraph
from careen.dockerfile.tree import Dockerfile
from careen.ignorefile.patterns import IgnoreFile
from careen.python.pyproject import Pyproject
from careen.text.values import dataclass
from careen.workspace.files import ProjectFiles


@dataclass(frozen=True, slots=True, order=True)
class Unreadable:
    """A file that was passed over, and why."""

    path: PurePosixPath
    line: int
    message: str


@dataclass(frozen=True, kw_only=True)
class ImageSource:
    """What one image is built from; paths are relative to the folder that was asked about.

    ``shipped`` is the stage that compose targets, or the last. ``ignore_path`` is where the ignore file that
    counts is, or would be.
    """

    dockerfile_path: PurePosixPath
    dockerfile: Dockerfile
    stages: StageGraph
    shipped: Stage
    target: str | None
    context: PurePosixPath
    ignore_path: PurePosixPath
    ignore: IgnoreFile | None


@dataclass(frozen=True, kw_only=True)
class PythonProject:
    """``lock_path`` is None when there is no lock that careen reads."""

    folder: PurePosixPath
    pyproject: Pyproject
    lock_path: PurePosixPath | None


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service of the stack. ``compose`` is None for a Dockerfile that no compose file speaks of."""

    name: str
    compose: ComposeService | None
    image: ImageSource | None
    project: PythonProject | None


@dataclass(frozen=True, kw_only=True)
class Workspace:
    files: ProjectFiles
    compose: ComposeProject | None
    services: tuple[Service, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    unreadable: tuple[Unreadable, ...] = ()
    notes: tuple[str, ...] = ()
