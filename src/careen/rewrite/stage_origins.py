"""Which files of the build context lie behind a path of another stage, as its COPY instructions put them there."""

from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

from careen.dockerfile.stages import Stage
from careen.workspace.steps import CopyStep

_ROOT = PurePosixPath("/")


def context_paths(
    path: str, stages: Iterable[Stage], copies: Iterable[CopyStep], is_file: Callable[[str], bool]
) -> tuple[str, ...]:
    """Paths of the context, as COPY spells them, that make up ``path`` in a stage; none for what the stage made itself.

    ``stages`` are the stage and those it builds upon; ``is_file`` is asked of a path of the context.
    """
    wanted = _ROOT / path
    indices = {stage.index for stage in stages}
    mine = [copy for copy in copies if copy.stage.index in indices and copy.origin is None]
    found = [_behind(wanted, source, copy, is_file) for copy in mine for source in copy.sources]
    return tuple(dict.fromkeys(origin for origin in found if origin is not None))


def _behind(wanted: PurePosixPath, source: str, copy: CopyStep, is_file: Callable[[str], bool]) -> str | None:
    into_folder = copy.destination.endswith("/") or len(copy.sources) > 1
    place = copy.target / PurePosixPath(source).name if into_folder and is_file(source) else copy.target
    if place.is_relative_to(wanted):
        return source
    if not wanted.is_relative_to(place) or "*" in source:
        return None
    return str(PurePosixPath(source) / wanted.relative_to(place))
