"""What builders print, read: how far they are, and which line of the Dockerfile they failed at.

BuildKit's ``--progress=plain`` (util/progress/progressui/printer.go)::

    #7 [builder 2/4] RUN apt-get update        a step begins: stage, its place among what makes layers, text
    #7 0.345 Get:1 bookworm InRelease          what it prints
    #7 DONE 1.2s                               or CACHED, CANCELED
    #7 ERROR: process "/bin/sh -c …" did not complete successfully: exit code: 1

buildah's (imagebuildah/stage_executor.go)::

    [1/3] STEP 2/4: RUN apt-get update
    Error: building at STEP "RUN apt-get update": while running runtime: exit status 1
"""

import re
from collections import deque
from collections.abc import Callable, Iterator

from careen.dockerfile.stages import ImageBase, Stage, StageGraph, stages_of
from careen.dockerfile.tree import Dockerfile, Instruction
from careen.text.values import dataclass

_LINE = re.compile(r"#(\d+) (.*)")
_ENDED = re.compile(r"(?:DONE [\d.]+s|CACHED|CANCELED)\s*$")
_TIMED = re.compile(r"\d+\.\d+ (.*)")
_PLACE = re.compile(r"\[(?:(?P<stage>\S+) +)?(?P<number>\d+)/\d+\] (?P<text>.*)")
_LOADING = re.compile(r"\[(?:internal\] load metadata for|.*\] FROM) (?P<image>[^\s@]+)")
_BUILDAH_STEP = re.compile(r"(?:\[\d+/\d+\] )?STEP \d+/\d+: (?P<text>.*)")
_BUILDAH_ERROR = re.compile(r"(?:Error: )?(?:error )?building at STEP \"(?P<text>.*?)\": (?P<why>.*)")
_MAKE_LAYERS = frozenset({"RUN", "COPY", "ADD", "WORKDIR"})
_KEPT_LINES = 12
_LONGEST_STEP = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """``line`` is None where no instruction is at fault; ``printed`` are the last lines of the step."""

    line: int | None
    step: str
    why: str
    printed: tuple[str, ...]


class BuilderLog:
    """Listens to one build. ``told`` hears each step as it begins."""

    def __init__(self, dockerfile: Dockerfile, told: Callable[[str], None]) -> None:
        self._places = _Places(dockerfile)
        self._told = told
        self._steps: dict[str, str] = {}
        self._printed: dict[str, deque[str]] = {}
        self._running: str | None = None
        self._last: deque[str] = deque(maxlen=_KEPT_LINES)
        self.finished = 0
        self.failure: Failure | None = None

    def hear(self, line: str) -> None:
        numbered = _LINE.match(line)
        if numbered is not None:
            self._hear_buildkit(numbered[1], numbered[2])
        else:
            self._hear_buildah(line)

    def _hear_buildkit(self, number: str, text: str) -> None:
        if text.startswith("["):
            if self._steps.get(number) != text:
                self._steps[number] = text
                self._told(shortened(text))
        elif text.startswith("ERROR"):
            step = self._steps.get(number, "")
            why = text.removeprefix("ERROR").lstrip(": ")
            self.failure = self.failure or self._failed(step, why, self._printed.get(number, ()))
        elif _ENDED.match(text):
            self.finished += 1
        elif (timed := _TIMED.match(text)) is not None:
            self._printed.setdefault(number, deque(maxlen=_KEPT_LINES)).append(timed[1])

    def _hear_buildah(self, line: str) -> None:
        error = _BUILDAH_ERROR.match(line)
        if error is not None:
            text = error["text"].replace('\\"', '"')
            self.failure = Failure(
                line=self._places.line_of_text(text),
                step=shortened(text),
                why=error["why"],
                printed=tuple(self._last),
            )
            return
        step = _BUILDAH_STEP.match(line)
        if step is not None:
            self.finished += self._running is not None
            self._running = step["text"]
            self._last.clear()
            self._told(shortened(step["text"]))
        elif line.strip():
            self._last.append(line)

    def _failed(self, step: str, why: str, printed: "deque[str] | tuple[str, ...]") -> Failure:
        place = _PLACE.match(step)
        line = None
        if place is not None:
            line = self._places.line_of_step(place["stage"], int(place["number"]), place["text"])
        elif (loading := _LOADING.match(step)) is not None:
            line = self._places.line_of_image(loading["image"])
        return Failure(line=line, step=shortened(step), why=why, printed=tuple(printed))


def shortened(step: str) -> str:
    words = " ".join(step.split())
    return words if len(words) <= _LONGEST_STEP else words[: _LONGEST_STEP - 1] + "…"


class _Places:
    def __init__(self, dockerfile: Dockerfile) -> None:
        self._dockerfile = dockerfile
        self._graph: StageGraph = stages_of(dockerfile)

    def line_of_step(self, stage: str | None, number: int, text: str) -> int | None:
        for candidate in self._graph.stages:
            if stage in _names(candidate, len(self._graph.stages)):
                made = list(_steps(candidate))
                alike = [instruction for instruction in made if _says(instruction, text)]
                # The text of COPY has its variables replaced. What is counted has changed with BuildKit's versions, so
                # the word that begins the step has to agree.
                if len(alike) != 1 and number <= len(made) and text.upper().startswith(made[number - 1].keyword):
                    alike = [made[number - 1]]
                if alike:
                    return self._dockerfile.lines_of(alike[0])[0]
        return self.line_of_text(text)

    def line_of_text(self, text: str) -> int | None:
        """The instruction whose words are those of the text, flags or not."""
        for stage in self._graph.stages:
            for instruction in stage.instructions:
                if _says(instruction, text):
                    return self._dockerfile.lines_of(instruction)[0]
        return None

    def line_of_image(self, image: str) -> int | None:
        """Where the image is named, in FROM or in the ARG that FROM takes."""
        name = image.removeprefix("docker.io/").removeprefix("library/")
        for number, line in enumerate(self._dockerfile.source.text.splitlines(), 1):
            if name in line and not line.lstrip().startswith("#"):
                return number
        return None


def _names(stage: Stage, stages: int) -> tuple[str | None, ...]:
    """What BuildKit may call it."""
    if stage.name is not None:
        return (stage.name, stage.name.lower())
    return (f"stage-{stage.index}", *([None] if stages == 1 else []))


def _steps(stage: Stage) -> Iterator[Instruction]:
    """What is numbered: the image that a stage stands on, and what makes layers."""
    if isinstance(stage.base, ImageBase):
        yield stage.start
    yield from (instruction for instruction in stage.instructions[1:] if instruction.keyword in _MAKE_LAYERS)


def _says(instruction: Instruction, text: str) -> bool:
    said = _squeezed(instruction.value)
    return bool(said) and _squeezed(text).endswith(said)


def _squeezed(text: str) -> str:
    return "".join(text.split())
