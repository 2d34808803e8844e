"""A Dockerfile that nobody says anything about: which folder it is built from, and which of its stages is shipped."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from careen.dockerfile.mounts import mounts_of
from careen.dockerfile.stages import Stage, StageGraph
from careen.workspace.files import ProjectFiles, normal_path

_NOT_SHIPPED_NAMES = (
    "dev devel development test tests testing tester unittest unittests debug local lint linting ci e2e"
)
_NOT_SHIPPED = frozenset(_NOT_SHIPPED_NAMES.split())
_NOT_PATHS = ("://", "<<", "git@", "$", "*", "?")


def is_for_development(stage: Stage) -> bool:
    """Whether a stage says by its name that it is not what production gets."""
    return sounds_like_development(stage.name or "")


def is_file_for_development(path: PurePosixPath) -> bool:
    """``Dockerfile.dev`` and ``compose/local/django/Dockerfile`` are."""
    return sounds_like_development(path.name) or not _NOT_SHIPPED.isdisjoint(path.parts[:-1])


def sounds_like_development(name: str) -> bool:
    """``test_image`` and ``Dockerfile.dev`` do."""
    words = name.lower().replace("_", "-").replace(".", "-").split("-")
    return not _NOT_SHIPPED.isdisjoint(words)


def likely_shipped(graph: StageGraph) -> Stage | None:
    """The last stage, as Docker has it; behind it stand tests and tools for developers often enough.

    Then it is the last stage before them that starts something; one that is called ``production`` goes before all.
    """
    named = graph.find("production") or graph.find("prod")
    if named is not None:
        return named
    last = graph.shipped(None)
    if last is None or not is_for_development(last):
        return last
    starting = [
        stage
        for stage in graph.stages
        if not any(map(is_for_development, graph.ancestry(stage)))
        and (graph.effective(stage, "CMD") is not None or graph.effective(stage, "ENTRYPOINT") is not None)
    ]
    return starting[-1] if starting else last


def likely_context(files: ProjectFiles, path: PurePosixPath, graph: StageGraph) -> PurePosixPath:
    """The nearest folder above the Dockerfile that has the most of what its instructions take.

    Where that tells nothing, a plain ``Dockerfile`` is taken to be built from its own folder, every other from the
    root.
    """
    own = path.name == "Dockerfile" and path.parent.name != "docker"
    usual = path.parent if own else PurePosixPath()
    sources = tuple(dict.fromkeys(_sources(graph)))
    best, most = usual, _count(files, usual, sources)
    for folder in path.parents:
        count = _count(files, folder, sources)
        if count > most:
            best, most = folder, count
    return best


def _sources(graph: StageGraph) -> Iterator[str]:
    """Single files and folders of the context, as they are written."""
    for stage in graph.stages:
        for instruction in stage.instructions:
            words: tuple[str, ...] = ()
            if instruction.keyword in {"COPY", "ADD"} and instruction.flag("from") is None:
                words = instruction.arguments[:-1]
            elif instruction.keyword == "RUN":
                mounts = mounts_of(instruction)
                words = tuple(
                    mount.source for mount in mounts if mount.kind == "bind" and not mount.source_stage and mount.source
                )
            for word in words:
                inside = word.strip("/").removeprefix("./")
                if inside not in {"", "."} and not any(mark in inside for mark in _NOT_PATHS):
                    yield inside


def _count(files: ProjectFiles, folder: PurePosixPath, sources: tuple[str, ...]) -> int:
    paths = [normal_path(folder / source) for source in sources]
    return sum(files.exists(path) or files.is_folder(path) for path in paths)
