"""Where words go: data to stdout, everything else to stderr, a moving line only on a terminal."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from careen.cli.options import Output
from careen.progress import Progress, Step, unheard

if TYPE_CHECKING:
    from rich.console import Console

_BETWEEN_FRAMES = 0.08
"""Seconds; a terminal needs no more."""


def wants_colour(output: Output, *, stream_is_terminal: bool) -> bool:
    if output.colour is not None:
        return output.colour
    return stream_is_terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def stdout_console(output: Output) -> "Console":
    """For data that people read; width is fixed where there is no terminal, so that output does not change."""
    from rich.console import Console  # noqa: PLC0415 - verbs that print no table do not pay for it

    terminal = sys.stdout.isatty()
    colour = wants_colour(output, stream_is_terminal=terminal)
    return Console(
        file=sys.stdout,
        no_color=not colour,
        force_terminal=colour or None,
        color_system="auto" if colour else None,
        width=None if terminal else 110,
        highlight=False,
        soft_wrap=False,
    )


def say(output: Output, text: str = "") -> None:
    """A line on stderr, unless the user wants quiet."""
    if not output.quiet:
        print(text, file=sys.stderr)  # noqa: T201 - this is where words leave


@contextmanager
def progress(output: Output) -> Iterator[Progress]:
    """Shows the steps of long work: a moving line on a terminal, one line a phase elsewhere, nothing when quiet."""
    if output.quiet:
        yield unheard
    elif sys.stderr.isatty():
        line = _MovingLine()
        try:
            yield line.show
        finally:
            line.clear()
    else:
        yield _PhaseLines().show


class _MovingLine:
    """Rewrites one line with carriage returns; a phase that ends leaves its line behind."""

    def __init__(self) -> None:
        self._phase = ""
        self._started = time.monotonic()
        self._drawn = 0.0

    def show(self, step: Step) -> None:
        now = time.monotonic()
        if step.phase != self._phase:
            self._leave(now)
            self._phase, self._started = step.phase, now
        elif now - self._drawn < _BETWEEN_FRAMES:
            return
        self._drawn = now
        self._draw(step)

    def _draw(self, step: Step) -> None:
        try:
            width = os.get_terminal_size(sys.stderr.fileno()).columns
        except OSError:
            width = 80
        count = f" {step.done}/{step.total}" if step.total else ""
        text = f"  {step.phase}{count}  {step.detail}"
        sys.stderr.write(f"\r\033[K{text[: width - 1]}")
        sys.stderr.flush()

    def _leave(self, now: float) -> None:
        if self._phase:
            sys.stderr.write(f"\r\033[K  {self._phase}  {now - self._started:.1f} s\n")
            sys.stderr.flush()

    def clear(self) -> None:
        self._leave(time.monotonic())
        self._phase = ""


class _PhaseLines:
    def __init__(self) -> None:
        self._phase = ""

    def show(self, step: Step) -> None:
        if step.phase != self._phase:
            self._phase = step.phase
            print(f"  {step.phase}", file=sys.stderr, flush=True)  # noqa: T201 - this is where words leave
