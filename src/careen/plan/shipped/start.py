"""The steps before a service, and then the service in this process's place, so that signals reach it.

    python start.py STEP --then STEP --anyway COMMAND

STEP and COMMAND are argument lists, no shell reads them. Behind ``--then`` things happen only if the step before went
well; else this ends with its status. Behind ``--anyway`` they happen whatever it did. ``NAME=value`` words in front of
a step are its variables. ``wait-for HOST:PORT`` is a step of its own: it lasts until something listens there, and
``$NAME`` in it is the variable of the container; where that is empty there is nothing to wait for.
"""
# ruff: noqa: INP001, PLC0415, S606, T201 - no package; runs in an image, with the interpreter's own modules alone

import os
import re
import signal
import sys
import time

_PAUSE_SECONDS = 0.2
_PATIENCE_SECONDS = 2
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_MARKS = ("--then", "--anyway")


def steps(words: "list[str]") -> "list[tuple[list[str], str]]":
    """Argument lists, each with the mark behind it; the last one, which is the service, with none."""
    found: list[tuple[list[str], str]] = []
    step: list[str] = []
    for word in words:
        if word in _MARKS:
            found.append((step, word))
            step = []
        else:
            step.append(word)
    return [*found, (step, "")]


def run(step: "list[str]") -> int:
    """The status as a shell tells it. A signal to stop goes to the step, and no other begins."""
    child = 0

    def stop(number: int, _: object) -> None:
        if not child:
            sys.exit(128 + number)
        os.kill(child, number)
        os.waitpid(child, 0)
        os._exit(128 + number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        if step[0] == "wait-for":
            for address in step[1:]:
                wait_for(address)
            return 0
        words, variables = with_variables(step)
        # A signal that comes before the step's number is known would find nobody to hand it to.
        signal.pthread_sigmask(signal.SIG_BLOCK, before)
        child = os.posix_spawnp(words[0], words, variables, setsigdef=list(before), setsigmask=[])
        signal.pthread_sigmask(signal.SIG_UNBLOCK, before)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def with_variables(step: "list[str]") -> "tuple[list[str], dict[str, str]]":
    words, variables = list(step), dict(os.environ)
    while len(words) > 1 and (match := _ASSIGNMENT.fullmatch(words[0])):
        variables[match[1]] = match[2]
        del words[0]
    return words, variables


def wait_for(address: str) -> None:
    import socket

    told = _VARIABLE.sub(lambda match: os.environ.get(match[1] or match[3]) or match[2] or "", address)
    host, _, port = told.rpartition(":")
    if not host or not port.isdigit():
        return
    said = False
    while True:
        try:
            socket.create_connection((host, int(port)), _PATIENCE_SECONDS).close()
        except OSError as error:
            if not said:
                print(f"waiting for {told}: {error}", file=sys.stderr, flush=True)
            said = True
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def main(words: "list[str]") -> int:
    for step, mark in steps(words):
        if not mark:
            words, variables = with_variables(step)
            os.execvpe(words[0], words, variables)
        status = run(step)
        if status and mark == "--then":
            print(f"`{' '.join(step)}` ended with {status}: the service is not started", file=sys.stderr)
            return status if status > 0 else 128 - status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
