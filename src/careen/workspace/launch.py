"""What a service starts, and whether a stop signal reaches it.

PID 1 is what Docker signals. A shell in front does not pass SIGTERM on. Which shells give way by themselves was
tried out: dash, the /bin/sh of Debian images, stays in front even of a single command; bash and busybox's ash put
the last simple command of a ``-c`` text in their place; no shell does so at the end of a script.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from careen.dockerfile.dispatch import dispatched
from careen.dockerfile.shell import Command, commands_of, shell_text
from careen.dockerfile.stages import EffectiveValue
from careen.findings import Place
from careen.text.values import dataclass
from careen.workspace.earlier_steps import EarlierStep, earlier_step, is_own_start, own_steps, stops_at_failure

_SHELL_NAMES = frozenset({"sh", "bash", "ash", "dash", "zsh"})
_DEEPEST_SCRIPT = 4
_GIVE_WAY = frozenset({"bash", "ash", "zsh"})
_INIT_PROGRAMS = frozenset({"tini", "tini-static", "dumb-init", "docker-init", "catatonit"})
_WAITERS = frozenset({"wait-for-it", "wait-for-it.sh", "wait-for", "wait-for.sh", "wait_for_it.sh", "wait_for.sh"})
"""Scripts that wait for a port and then exec what stands behind ``--``; ``watchmedo`` starts it again and again."""
_DOCKERIZE_FLAGS = frozenset({"-no-overwrite", "-version", "-skip-tls-verify", "-poll"})
_SWITCHERS = {"gosu": 1, "su-exec": 1, "s6-setuidgid": 1, "chpst": 1, "runuser": 0, "su": 0, "setpriv": 0}
"""Programs that change the user and exec what follows, and how many operands name the user."""
_USER_OPTIONS = {
    "runuser": ("-u", "--user"),
    "chpst": ("-u",),
    "setpriv": ("--reuid",),
    "sudo": ("-u", "--user"),
    "celery": ("--uid",),
    "gunicorn": ("-u", "--user"),
    "uwsgi": ("--uid", "-u"),
}

ReadScript = Callable[[str], tuple[PurePosixPath, str] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """``argv`` is the long-running command, shells and scripts seen through; ``prelude`` what runs before it.

    ``shell_in_front`` when PID 1 is a shell that neither execs nor forwards: that of ``script``, if it runs one.
    ``place`` is where it is written.
    ``user`` is who a start script or the program itself becomes, None when nobody says so. ``unknown`` are variables of
    the command that nothing says; ``unknown_at`` is the line of the script that holds them.
    """

    argv: tuple[str, ...]
    prelude: tuple[EarlierStep, ...]
    shell_in_front: bool
    init_in_front: bool
    script: PurePosixPath | None
    working_directory: PurePosixPath | None
    place: Place
    from_compose: bool
    unknown: frozenset[str] = frozenset()
    unknown_at: tuple[PurePosixPath, int] | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchInput:
    """The pieces that Docker joins: exec-form words, or a shell's text. ``place`` is that of the deciding piece.

    ``sh_gives_way`` when the image's /bin/sh is a bash or an ash.
    """

    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    place: Place
    from_compose: bool
    sh_gives_way: bool = False


def docker_words(value: EffectiveValue | None, shell: tuple[str, ...] = ("/bin/sh", "-c")) -> tuple[str, ...]:
    """ENTRYPOINT or CMD as Docker runs it: the shell form becomes ``/bin/sh -c text``, or what SHELL says."""
    if value is None:
        return ()
    if value.instruction.json_form:
        return value.arguments
    return (*shell, value.arguments[0]) if value.arguments else ()


def resolve_launch(given: LaunchInput, environment: Mapping[str, str], read_script: ReadScript) -> Launch | None:
    """None when nothing is started. ``read_script`` finds a script of the repository by its path in the image."""
    argv = (*given.entrypoint, *given.command)
    if len(given.entrypoint) == 3 and shell_text(given.entrypoint) is not None:
        argv = given.entrypoint  # Docker appends the command as $0, $1, ...; the text does not see it
    if not argv:
        return None
    follower = _Follower(environment, read_script, sh_gives_way=given.sh_gives_way)
    follower.follow(argv, positional=given.command)
    return Launch(
        argv=follower.argv,
        prelude=tuple(follower.prelude),
        shell_in_front=follower.shell_in_front and not follower.group_signalled,
        init_in_front=follower.init_in_front,
        script=follower.script,
        working_directory=follower.working_directory,
        place=given.place,
        from_compose=given.from_compose,
        unknown=follower.unknown,
        unknown_at=follower.unknown_at,
        user=follower.user or _own_user(follower.argv),
    )


def _own_user(argv: Sequence[str]) -> str | None:
    """The user that a server changes to by itself, as ``gunicorn --user app``."""
    for index, word in enumerate(argv):
        options = _USER_OPTIONS.get(PurePosixPath(word).name, ())
        if options:
            return _option(argv[index + 1 :], options)
    return None


def _option(words: Sequence[str], names: Sequence[str]) -> str | None:
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in names:
            return value if equals else words[index + 1] if index + 1 < len(words) else None
    return None


class _Follower:
    def __init__(self, environment: Mapping[str, str], read_script: ReadScript, *, sh_gives_way: bool) -> None:
        self._environment = environment
        self._read_script = read_script
        self._sh_gives_way = sh_gives_way
        self.argv: tuple[str, ...] = ()
        self.prelude: list[EarlierStep] = []
        self.shell_in_front = False
        self.init_in_front = False
        self.group_signalled = False
        self.script: PurePosixPath | None = None
        self.working_directory: PurePosixPath | None = None
        self.unknown: frozenset[str] = frozenset()
        self.unknown_at: tuple[PurePosixPath, int] | None = None
        self.user: str | None = None

    def follow(self, argv: tuple[str, ...], *, positional: Sequence[str], depth: int = 0) -> None:
        argv = self._behind_wrappers(argv)
        self.argv = argv
        if not argv or depth > _DEEPEST_SCRIPT:
            return
        shell = PurePosixPath(argv[0]).name
        text = shell_text(argv)
        if text is not None:
            gives_way = shell in _GIVE_WAY or (shell == "sh" and self._sh_gives_way)
            self._text(text, self._arguments_of_text(argv), depth, gives_way=gives_way)
            return
        script = argv[0]
        arguments = argv[1:]
        if shell in _SHELL_NAMES and len(argv) > 1:
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
        self._text(text, tuple(arguments) or tuple(positional), depth, gives_way=False, script=path)

    def _arguments_of_text(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        """``sh -c 'exec "$@"' name first second``: what comes behind the name."""
        for index, word in enumerate(argv[1:], 1):
            if word.startswith("-") and not word.startswith("--") and "c" in word:
                return argv[index + 3 :]
        return ()

    def _behind_wrappers(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        while argv:
            name = PurePosixPath(argv[0]).name
            if name in _INIT_PROGRAMS:
                argv = self._behind_init(name, argv[1:])
            elif is_own_start(argv):
                before, argv = own_steps(argv[2:])
                self.prelude += before
            elif (name in _WAITERS or (name == "watchmedo" and "auto-restart" in argv[1:2])) and "--" in argv[:-1]:
                position = argv.index("--")
                if name in _WAITERS:
                    self.prelude.append(EarlierStep(argv=argv[:position], awaited=True))
                argv = argv[position + 1 :]
            elif name == "dockerize" and (behind := _behind_dockerize(argv[1:])):
                self.group_signalled = True  # it forwards signals
                argv = behind
            elif name in _SWITCHERS and len(argv) > 2:
                argv = self._behind_switch(name, argv[1:])
            else:
                break
        return argv

    def _behind_init(self, name: str, words: tuple[str, ...]) -> tuple[str, ...]:
        self.init_in_front = True
        options: list[str] = []
        while words and words[0].startswith("-"):
            options.append(words[0])
            words = words[1:]
            if options[-1] == "--":
                break
            if options[-1] in {"-e", "-p", "-r", "--rewrite"}:
                words = words[1:]
        # dumb-init signals the whole session unless told otherwise; the others only when asked to.
        if name == "dumb-init":
            self.group_signalled = not {"-c", "--single-child"} & set(options)
        else:
            self.group_signalled = any(option[:2] in {"-g", "-v"} and "g" in option for option in options)
        return words

    def _behind_switch(self, name: str, words: tuple[str, ...]) -> tuple[str, ...]:
        named = _option(words, _USER_OPTIONS.get(name, ()))
        rest = list(words)
        if name == "su":
            operands = [word for word in words if not word.startswith("-")]
            self.user = operands[0] if operands else "root"
            text = _option(words, ("-c", "--command"))
            self.shell_in_front = True  # su forks and stays
            return ("sh", "-c", text) if text is not None else ()
        if named is None and _SWITCHERS[name] and rest:
            named = rest.pop(0)
        while rest and rest[0].startswith("-"):
            option = rest.pop(0)
            if option == "--":
                break
            if "=" not in option and option in {*_USER_OPTIONS.get(name, ()), "-g", "--regid", "--group"} and rest:
                rest.pop(0)
        self.user = named
        return tuple(rest)

    def _text(
        self,
        text: str,
        arguments: tuple[str, ...],
        depth: int,
        *,
        gives_way: bool,
        script: PurePosixPath | None = None,
    ) -> None:
        run = dispatched(text, arguments, self._environment)
        arguments = run.arguments
        commands = [command for command in commands_of(run.text, self._environment) if command.argv]
        main = _long_running(commands)
        if main is None:
            return
        careful = False
        for index, command in enumerate(commands):
            if command is main:
                break
            careful = careful or (command.name == "set" and not command.conditional and stops_at_failure(command.argv))
            if command.name == "cd" and len(command.argv) > 1 and not command.unknown:
                self.working_directory = PurePosixPath(command.argv[1])
            elif command.name not in {"set", "export", "cd", "umask", "ulimit", "source", ".", "echo", ":"}:
                step = earlier_step(run.text, command, commands[index + 1], careful=careful)
                place = _place_in(script, text, run.text[command.start : command.end])
                self.prelude.append(replace(step, place=place))
        self.unknown = main.unknown - {"@", "*"}  # what was given to the script is known, and put in place below
        self.unknown_at = _place_in(script, text, run.text[main.start : main.end])
        if not main.execs and not _replaced(main, gives_way=gives_way) and not _forwards(commands, main):
            self.shell_in_front = True
            self.script = script or self.script
        argv = main.argv
        if argv[0] in {"$@", "${@}"} or argv == ("$*",):
            if arguments:
                self.follow(arguments, positional=(), depth=depth + 1)
            return
        if "$@" in argv:
            index = argv.index("$@")
            argv = (*argv[:index], *arguments, *argv[index + 1 :])
        self.follow(argv, positional=arguments, depth=depth + 1)


def _place_in(script: PurePosixPath | None, text: str, command: str) -> tuple[PurePosixPath, int] | None:
    return (script, text[: max(text.find(command), 0)].count("\n") + 1) if script is not None else None


def _replaced(main: Command, *, gives_way: bool) -> bool:
    """Whether a shell that gives way puts ``main`` in its own place: only a last, plain command."""
    plain = not (main.redirects or main.background or main.piped or main.conditional)
    return gives_way and main.last and plain


def _behind_dockerize(words: tuple[str, ...]) -> tuple[str, ...]:
    while words and words[0].startswith("-"):
        has_value = words[0] not in _DOCKERIZE_FLAGS and "=" not in words[0] and words[0] != "--"
        words = words[2:] if has_value else words[1:]
    return words


def _forwards(commands: Sequence[Command], main: Command) -> bool:
    """Whether a trap takes care of the stop signal: a shell runs it only while it waits for nothing in front."""
    waits = main.background or any(command.name == "wait" for command in commands)
    return waits and any(
        command.name == "trap"
        and any(word.upper().removeprefix("SIG") in {"TERM", "EXIT", "15"} for word in command.argv)
        for command in commands
    )


_SMALL_CHANGE = (
    "echo cd set export true false exit test [ [[ trap wait sleep mkdir chown chmod source . read rm cp mv ls cat "
    "printf local return shift unset umask ulimit id whoami date env touch ln tail kill declare : grep sed awk cut head"
)
_SHORT = frozenset(_SMALL_CHANGE.split())
_SERVERS = frozenset({"gunicorn", "uvicorn", "hypercorn", "daphne", "granian", "uwsgi", "waitress-serve"})
"""Programs that run on: what execs before them does so in another branch."""
_SETS_UP = frozenset({"upgrade", "migrate", "collectstatic", "init", "stamp", "compilemessages", "loaddata", "check"})
"""Words of commands that prepare and end, such as ``alembic upgrade head``."""


def _serves(command: Command) -> bool:
    if command.name == "celery":
        return not {"worker", "beat", "flower"}.isdisjoint(command.argv)
    return command.name in _SERVERS


def _long_running(commands: list[Command]) -> Command | None:
    """The command that a shell's text is for: the exec'ed one, else the last that is not a shell's small change."""
    for command in reversed(commands):
        if _serves(command) and not command.execs and not command.background:
            return command
        if command.execs and not command.background and command.name not in {"true", "false"}:
            return command
    for command in reversed(commands):
        if command.name not in _SHORT and not _SETS_UP.intersection(command.argv[1:3]):
            return command
    return None
