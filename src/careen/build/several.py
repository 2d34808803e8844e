"""The targets of a Dockerfile built at the same time; when one fails, the others are stopped."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from careen.build.builder_log import BuilderLog, Failure
from careen.build.recipe_file import LONGEST_BUILD_SECONDS, BuilderFailedError, RecipeFile, Target
from careen.process.lines import run_lines
from careen.process.run import Completed
from careen.progress import Progress, Step

Command = Callable[[Target], Sequence[str | Path]]


class _StoppedError(Exception):
    """Another target failed first."""


class SeveralBuilds:
    """``name`` is the builder's, for people; ``environment`` replaces the whole environment of its program."""

    def __init__(self, name: str, recipe: RecipeFile, environment: Mapping[str, str], progress: Progress) -> None:
        self._name = name
        self._recipe = recipe
        self._environment = environment
        self._progress = progress
        self._done = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def run(self, targets: Sequence[Target], command: Command, *, at_once: int) -> None:
        """Raises BuilderFailedError for the target that failed first, or what starting a program raises."""
        errors: list[Exception] = []

        def build(target: Target) -> None:
            try:
                self._build(target, command(target))
            except _StoppedError:
                return
            except Exception as error:  # noqa: BLE001 - raised again below, when the others have stopped
                with self._lock:
                    errors.append(error)
                self._stop.set()

        with ThreadPoolExecutor(max(1, min(at_once, len(targets)))) as builders:
            list(builders.map(build, targets))
        if errors:
            raise errors[0]

    def _build(self, target: Target, words: Sequence[str | Path]) -> None:
        log = BuilderLog(self._recipe.dockerfile, lambda step: self._tell(f"{target.service}: {step}"))

        def hear(line: str) -> None:
            if self._stop.is_set():
                raise _StoppedError
            log.hear(line)

        if self._stop.is_set():
            raise _StoppedError
        done = run_lines(words, hear, timeout=LONGEST_BUILD_SECONDS, environment=self._environment)
        if not done.succeeded:
            raise self._error(target, log.failure, done)
        with self._lock:
            self._done += 1
        self._tell(target.service)

    def _tell(self, detail: str) -> None:
        with self._lock:
            self._progress(Step(f"building with {self._name}", self._done, len(self._recipe.targets), detail))

    def _error(self, target: Target, failure: Failure | None, done: Completed) -> BuilderFailedError:
        path = self._recipe.dockerfile.source.path
        if failure is None:
            return BuilderFailedError(f"{self._name} did not build {target.service} of {path}: {done.tail()}")
        place = f"{path}:{failure.line}" if failure.line is not None else str(path)
        printed = "".join(f"\n  {line}" for line in failure.printed)
        return BuilderFailedError(
            f"{place}: {self._name} failed for {target.service} at {failure.step or 'no step'}: {failure.why}{printed}"
        )
