"""How an emitted Dockerfile installs what the lock says, by the tool that wrote it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from careen.plan.target import Plan, UnbuiltSource
from careen.rewrite import rendering
from careen.rewrite.bases import Foundation
from careen.rewrite.groups import Grouping

VENV = PurePosixPath("/opt/venv")
"""Where the virtual environment stands, in the stages that fill it and in the images that run it."""

_UV_CACHE = "--mount=type=cache,target=/root/.cache/uv"


@dataclass(frozen=True, slots=True, kw_only=True)
class UvInstalling:
    """``files`` are what ``uv sync`` reads, relative to the context; ``mounts`` the secrets it is given.

    ``frozen`` when the lock cannot be checked without the project's sources (dynamic metadata, workspaces).
    """

    files: tuple[PurePosixPath, ...]
    mounts: tuple[str, ...]
    frozen: bool
    grouping: Grouping

    def sync(self, group: str | None) -> str:
        lock = "--frozen" if self.frozen else "--locked"
        what = f"--only-group {group}" if group is not None else "--no-default-groups --no-install-project"
        return rendering.run(
            (
                _UV_CACHE,
                *(f"--mount=type=bind,source={file},target={file}" for file in self.files),
                *self.mounts,
            ),
            (f"uv sync {lock} {what}",),
        )


def uv_environment(foundation: Foundation) -> Mapping[str, str]:
    return {
        "UV_COMPILE_BYTECODE": "1",
        "UV_LINK_MODE": "copy",
        "UV_PROJECT_ENVIRONMENT": str(VENV),
        "UV_PYTHON": str(foundation.interpreter),
        "UV_PYTHON_DOWNLOADS": "0",
    }


def build_packages(plan: Plan, foundation: Foundation, carried: Sequence[str]) -> tuple[str, ...]:
    """Debian packages for the stage that installs: its Python, and compilers only if something must be compiled."""
    unbuilt = any(isinstance(item.source, UnbuiltSource) for service in plan.services for item in service.distributions)
    return tuple(dict.fromkeys((*foundation.build_packages, *(carried if unbuilt else ()))))
