"""What a service starts, and whether a stop signal reaches it.

PID 1 is what Docker signals. A shell in front does not pass SIGTERM on: dash, the /bin/sh of Debian images,
stays in front even of a single command; only ``exec`` puts the program in its place.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from careen.dockerfile.shell import Command, commands_of, shell_text
from careen.dockerfile.stages import EffectiveValue
from careen.findings import Place

_INIT_PROGRAMS = frozenset({"tini", "dumb-init", "docker-init", "s6-svscan", "supervisord", "catatonit"})
_SHELL_NAMES = frozenset({"sh", "bash", "ash", "dash"})
_DEEPEST_SCRIPT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """``argv`` is the long-running command, shells and scripts seen through; ``prelude`` what runs before it.

    ``shell_in_front`` when PID 1 is a shell that neither execs nor forwards. ``place`` is where it is written.
    """

    argv: tuple[str, ...]
    prelude: tuple[tuple[str, ...], ...]
    shell_in_front: bool
    init_in_front: bool
    script: PurePosixPath | None
    working_directory: PurePosixPath | None
    place: Place
    from_compose: bool
    unknown: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchInput:
    """The pieces that Docker joins: exec-form words, or a shell's text. ``place`` is that of the deciding piece."""

    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    place: Place
    from_compose: bool


def docker_words(value: EffectiveValue | None) -> tuple[str, ...]:
    """ENTRYPOINT or CMD as Docker runs it: the shell form becomes ``/bin/sh -c text``."""
    if value is None:
        return ()
    if value.instruction.json_form:
        return value.arguments
    return ("/bin/sh", "-c", value.arguments[0]) if value.arguments else ()


def resolve_launch(
    given: LaunchInput, environment: Mapping[str, str], read_script: Callable[[str], tuple[PurePosixPath, str] | None]
) -> Launch | None:
    """None when nothing is started. ``read_script`` finds a script of the repository by its path in the image."""
    argv = (*given.entrypoint, *given.command)
    if len(given.entrypoint) == 3 and shell_text(given.entrypoint) is not None:
        argv = given.entrypoint  # Docker appends the command as $0, $1, ...; the text does not see it
    if not argv:
        return None
    follower = _Follower(environment, read_script)
    follower.follow(argv, positional=given.command)
    return Launch(
        argv=follower.argv,
        prelude=tuple(follower.prelude),
        shell_in_front=follower.shell_in_front,
        init_in_front=follower.init_in_front,
        script=follower.script,
        working_directory=follower.working_directory,
        place=given.place,
        from_compose=given.from_compose,
        unknown=follower.unknown,
    )


class _Follower:
    def __init__(
        self, environment: Mapping[str, str], read_script: Callable[[str], tuple[PurePosixPath, str] | None]
    ) -> None:
        self._environment = environment
        self._read_script = read_script
        self.argv: tuple[str, ...] = ()
        self.prelude: list[tuple[str, ...]] = []
        self.shell_in_front = False
        self.init_in_front = False
        self.script: PurePosixPath | None = None
        self.working_directory: PurePosixPath | None = None
        self.unknown: frozenset[str] = frozenset()

    def follow(self, argv: tuple[str, ...], *, positional: Sequence[str], depth: int = 0) -> None:
        self.argv = argv
        argv = self._behind_init(argv)
        self.argv = argv
        if not argv or depth > _DEEPEST_SCRIPT:
            return
        text = shell_text(argv)
        if text is not None:
            self._text(text, (), depth)
            return
        script = argv[0]
        arguments = argv[1:]
        if PurePosixPath(script).name in _SHELL_NAMES and len(argv) > 1:
            operands = [word for word in argv[1:] if not word.startswith("-")]
            if not operands:
                return
            script, arguments = operands[0], tuple(operands[1:])
        elif script.endswith(".py"):
            return
        found = self._read_script(script)
        if found is None:
            return
        path, text = found
        first_line = text.partition("\n")[0]
        if first_line.startswith("#!") and not any(name in first_line for name in _SHELL_NAMES):
            return
        self.script = path
        self._text(text, tuple(arguments) or tuple(positional), depth)

    def _behind_init(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        if argv and PurePosixPath(argv[0]).name in _INIT_PROGRAMS - {"supervisord", "s6-svscan"}:
            self.init_in_front = True
            words = list(argv[1:])
            while words and words[0].startswith("-"):
                end = words.pop(0) == "--"
                if end:
                    break
            return tuple(words)
        return argv

    def _text(self, text: str, arguments: tuple[str, ...], depth: int) -> None:
        commands = [command for command in commands_of(text, self._environment) if command.argv]
        main = _long_running(commands)
        if main is None:
            self.shell_in_front = True
            return
        for command in commands:
            if command is main:
                break
            if command.name == "cd" and len(command.argv) > 1 and not command.unknown:
                self.working_directory = PurePosixPath(command.argv[1])
            elif command.name not in {"set", "export", "cd", "umask", "ulimit", "source", ".", "echo", ":"}:
                self.prelude.append(command.argv)
        self.unknown = main.unknown
        argv = main.argv
        if argv[0] in {"$@", "${@}"} or argv == ("$*",):
            if not main.execs:
                self.shell_in_front = True
            if arguments:
                self.follow(arguments, positional=(), depth=depth + 1)
            return
        if "$@" in argv:
            index = argv.index("$@")
            argv = (*argv[:index], *arguments, *argv[index + 1 :])
        if not main.execs:
            self.shell_in_front = True
        self.follow(argv, positional=arguments, depth=depth + 1)


_SHORT = frozenset(
    {
        "echo",
        "cd",
        "set",
        "export",
        "true",
        "exit",
        "test",
        "[",
        "[[",
        "trap",
        "wait",
        "sleep",
        "mkdir",
        "chown",
        "chmod",
        "source",
        ".",
        "read",
        "rm",
        "cp",
        "mv",
        "ls",
        "cat",
        "printf",
        "local",
        "return",
        "shift",
        "unset",
        "umask",
    }
)


def _long_running(commands: list[Command]) -> Command | None:
    """The command that a shell's text is for: the exec'ed one, else the last that is not a shell's small change."""
    for command in reversed(commands):
        if command.execs and not command.background:
            return command
    for command in reversed(commands):
        if command.name not in _SHORT:
            return command
    return None
