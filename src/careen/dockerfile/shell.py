"""Commands inside a shell's text, found by tree-sitter's grammar for bash.

Over-approximates: every command that may run is listed, in the order of the text, whatever the condition.
A word that depends on a value nobody knows is kept as it is written and marked.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from careen.dockerfile.command import Command, is_shell, shell_text
from careen.dockerfile.globs import BadSubstitutionError
from careen.dockerfile.lexer import heredoc_mark
from careen.dockerfile.tree import Instruction

__all__ = ["Command", "commands_of", "commands_of_argv", "commands_of_run", "reads_shell", "shell_text"]

_OTHER_INTERPRETERS = ("powershell", "pwsh", "cmd", "python", "perl", "ruby", "node", "php")
_DEEPEST_NESTING = 4
"""``sh -c`` inside ``sh -c``: nobody writes more, and hostile input ends here."""

_REMARK = re.compile(r"(?<![\\'])`[ \t]*#[^`\n]*`(?!')")
"""A remark between the words of a command, as ``apt-get install a `# for b` c`` has them: the grammar would take the
rest of the line for it."""


def commands_of(text: str, variables: Mapping[str, str] | None = None, *, depth: int = 0) -> tuple[Command, ...]:
    """The commands of a shell's text; what the grammar cannot read is passed over."""
    from careen.dockerfile.documents import lift_documents  # noqa: PLC0415 - only texts with a shell pay for it
    from careen.dockerfile.shell_walk import Walk  # noqa: PLC0415

    lifted, documents = lift_documents(_REMARK.sub(lambda remark: " " * len(remark[0]), text))

    def inside(argv: tuple[str, ...], known: Mapping[str, str]) -> tuple[Command, ...] | None:
        """The commands of ``sh -c text`` and ``eval text``; None for any other command."""
        text = " ".join(argv[1:]) if argv[0] == "eval" else shell_text(argv)
        if text is None or depth >= _DEEPEST_NESTING or text.lstrip('"').startswith(("$(", "`")):
            return None  # nobody knows what `bash -c "$(curl ...)"` runs
        return commands_of(text, known, depth=depth + 1)

    found = list(Walk(lifted, variables or {}, inside).commands())
    for document in reversed(documents):
        owner = _reader_of(lifted, document.mark, found)
        if owner is not None and depth < _DEEPEST_NESTING and _reads_commands(found[owner].argv):
            reader = found[owner]
            inner = commands_of(document.text, variables, depth=depth + 1)
            found[owner + 1 : owner + 1] = [replace(each, start=reader.start, end=reader.end) for each in inner]
    return tuple(replace(command, last=index == len(found) - 1) for index, command in enumerate(found))


def commands_of_run(
    instruction: Instruction, variables: Mapping[str, str], *, shell: tuple[str, ...] = ()
) -> tuple[Command, ...]:
    """The commands of RUN, CMD, ENTRYPOINT or HEALTHCHECK, here-documents included; offsets are those of the logical
    line.

    A command from a here-document carries the whole line's offsets. ``shell`` is what SHELL says, if anything: what
    PowerShell or Python reads has no commands that a shell would know.
    """
    is_health = instruction.keyword == "HEALTHCHECK"
    if instruction.json_form:
        argv = instruction.arguments[1:] if is_health else instruction.arguments
        return tuple(commands_of_argv(argv, variables))
    if shell and not reads_shell(shell):
        return ()
    start, end = instruction.arguments_start, len(instruction.line.text)
    if is_health and len(instruction.arguments) > 1:
        start = instruction.line.text.index(instruction.arguments[1], start + len(instruction.arguments[0]))
    elif is_health:
        return ()
    text = instruction.line.text[start:]
    heredocs = instruction.heredocs if instruction.keyword == "RUN" else ()
    if len(heredocs) == 1 and _is_mark(text.strip()):
        script = heredocs[0].text
        found = commands_of(script, variables) if _is_shell_script(script) else ()
        return tuple(replace(command, start=0, end=end) for command in found)
    whole = "".join((text, "\n", *(f"{heredoc.content}{heredoc.name}\n" for heredoc in heredocs)))
    return tuple(
        replace(command, start=command.start + start, end=min(command.end + start, end))
        for command in commands_of(whole, variables)
    )


def commands_of_argv(
    argv: tuple[str, ...], variables: Mapping[str, str] | None = None, *, depth: int = 0
) -> Iterator[Command]:
    """One command, or those of its text when it is ``sh -c "..."``."""
    inner = shell_text(argv)
    if inner is not None and depth < _DEEPEST_NESTING:
        yield from commands_of(inner, variables, depth=depth + 1)
    elif argv:
        yield Command(argv=argv, start=0, end=0, execs=True, last=True)


def reads_shell(shell: tuple[str, ...]) -> bool:
    """Whether SHELL names something that reads a shell's language; ``conda run -n env bash -c`` does."""
    names = [word.rpartition("/")[2].rpartition("\\")[2].lower() for word in shell]
    if any(is_shell(name) for name in names):
        return True
    return not (names and names[0].startswith(_OTHER_INTERPRETERS))


def _reader_of(lifted: str, mark: tuple[int, int], commands: list[Command]) -> int | None:
    """The command that a here-document goes to: the one right behind its mark, else the last one before it."""
    for index, command in enumerate(commands):
        if command.start >= mark[1] and not lifted[mark[1] : command.start].strip():
            return index
    before = [index for index, command in enumerate(commands) if command.start <= mark[0]]
    return before[-1] if before else None


def _reads_commands(argv: tuple[str, ...]) -> bool:
    """Whether a shell is started that takes its commands from standard input."""
    if not argv or not is_shell(argv[0]):
        return False
    words = iter(argv[1:])
    for word in words:
        if not word.startswith(("-", "+")) or "c" in word[1:]:
            return False
        if "s" in word[1:]:
            return True
        if word.endswith(("o", "O")):
            next(words, None)
    return True


def _is_mark(text: str) -> bool:
    try:
        return heredoc_mark(text) is not None
    except BadSubstitutionError:
        return False


def _is_shell_script(text: str) -> bool:
    first_line = text.partition("\n")[0]
    if not first_line.startswith("#!"):
        return True
    return any(is_shell(word) for word in first_line[2:].split())
