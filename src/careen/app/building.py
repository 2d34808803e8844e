"""The verb ``build``: the images of a stack, from its plan."""

from dataclasses import dataclass
from pathlib import Path

from careen.app.plan_request import PlanRequest
from careen.app.planning import Planned, plan_stack
from careen.app.session import Session
from careen.app.uv import uv_program
from careen.blobs.store import Store
from careen.build.engine import BuildOptions, BuildResult, BuildSources
from careen.build.native import build_stack


@dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """``output`` is the layout's folder, which is made or holds an earlier build."""

    plan: PlanRequest
    output: Path
    options: BuildOptions


@dataclass(frozen=True, kw_only=True)
class Built:
    planned: Planned
    result: BuildResult


def build(session: Session, request: BuildRequest) -> Built:
    """Raises what planning and building raise; ``output`` is as it was before then."""
    planned = plan_stack(session, request.plan)
    return Built(planned=planned, result=build_planned(session, request, planned))


def build_planned(session: Session, request: BuildRequest, planned: Planned) -> BuildResult:
    sources = BuildSources(
        root=request.plan.root / planned.plan.root,
        packages=session.packages,
        debs=session.mirror.debs,
        store=Store(session.store),
        uv=uv_program(),
        environment=session.surroundings.environment,
    )
    return build_stack(planned.plan, sources, output=request.output, options=request.options, progress=session.progress)
