"""PID 1 is the service itself, so that a signal to the container is a signal to the service."""

from pathlib import PurePosixPath

from careen.prove.evidence import CheckResult, Evidence, failed, passed, skipped
from careen.prove.processes import command_line, executable
from careen.prove.subjects import RunningSubject

SLUG = "process-one"
SHELLS = frozenset(["sh", "ash", "bash", "dash", "zsh", "ksh", "mksh", "fish", "busybox", "toybox"])
_FORWARDERS = frozenset({"tini", "tini-static", "dumb-init", "catatonit", "docker-init", "s6-svscan"})


def check(subject: RunningSubject) -> CheckResult:
    pid = subject.container.process()
    if pid is None:
        return skipped(SLUG, "the service had ended")
    words, program = command_line(pid), executable(pid)
    evidence = Evidence(
        summary=f"PID 1 is {' '.join(words)[:200]}", command=subject.launch.argv, output=f"{program}: {' '.join(words)}"
    )
    name = program.name
    if name in SHELLS or (words and PurePosixPath(words[0]).name in SHELLS):
        return failed(SLUG, _because(evidence, f"PID 1 is a shell, {program}, which keeps signals to itself"))
    if name in _FORWARDERS:
        return passed(SLUG, _because(evidence, f"PID 1 is {name}, which hands signals on"))
    if not _same(words, subject.launch.argv):
        # Some services write their own title over their arguments; that the program is the right one still counts.
        expected = PurePosixPath(subject.launch.argv[0]).name
        if not (name.startswith("python") or name == expected):
            return failed(SLUG, _because(evidence, f"PID 1 is {program}, not {subject.launch.argv[0]}"))
    return passed(SLUG, evidence)


def _same(words: tuple[str, ...], argv: tuple[str, ...]) -> bool:
    """A script's interpreter stands before it, with the script's path in place of its name."""
    if words == argv:
        return True
    rest = len(argv) - 1
    script = words[len(words) - rest - 1 : len(words) - rest] if rest < len(words) else ()
    same_rest = words[len(words) - rest :] == argv[1:] if rest else True
    return bool(script) and same_rest and PurePosixPath(script[0]).name == PurePosixPath(argv[0]).name


def _because(evidence: Evidence, summary: str) -> Evidence:
    return Evidence(summary=summary, command=evidence.command, output=evidence.output)
