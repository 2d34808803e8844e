"""Commands inside a shell's text, found by tree-sitter's grammar for bash.

Over-approximates: every command that may run is listed, in the order of the text, whatever the condition.
A word that depends on a value nobody knows is kept as it is written and marked.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from careen.dockerfile.tree import Instruction
from careen.dockerfile.words import expand

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh"})
_CONDITIONAL = frozenset({"if_statement", "while_statement", "for_statement", "case_statement", "function_definition"})
_DEEPEST_NESTING = 4
"""``sh -c`` inside ``sh -c``: nobody writes more, and hostile input ends here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """``argv`` has quotes removed and known variables replaced. ``start`` and ``end`` are offsets in the text read.

    ``execs`` when ``exec`` was in front; ``last`` when no other command of the same text follows it.
    ``redirects`` are the files written to; ``unknown`` the words that hold an unknown value.
    """

    argv: tuple[str, ...]
    start: int
    end: int
    execs: bool = False
    background: bool = False
    piped: bool = False
    conditional: bool = False
    last: bool = False
    assignments: tuple[tuple[str, str], ...] = ()
    redirects: tuple[str, ...] = ()
    unknown: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The program's name without its folder."""
        return self.argv[0].rpartition("/")[2] if self.argv else ""


@lru_cache(maxsize=1)
def _parser() -> "Parser":
    import tree_sitter  # noqa: PLC0415 - only texts with a shell in them pay for it
    import tree_sitter_bash  # noqa: PLC0415

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


def commands_of(text: str, variables: Mapping[str, str] | None = None) -> tuple[Command, ...]:
    """The commands of a shell's text; what the grammar cannot read is passed over."""
    found = list(_Walk(text, dict(variables or {})).commands())
    return tuple(_with(command, last=index == len(found) - 1) for index, command in enumerate(found))


def commands_of_run(instruction: Instruction, variables: Mapping[str, str]) -> tuple[Command, ...]:
    """The commands of RUN, CMD or ENTRYPOINT, here-documents included; offsets are those of the logical line.

    A command from a here-document carries the instruction's own offsets.
    """
    if instruction.heredocs and instruction.keyword == "RUN":
        end = len(instruction.line.text)
        return tuple(
            _with(command, start=0, end=end)
            for heredoc in instruction.heredocs
            for command in commands_of(heredoc.content, variables)
        )
    if instruction.json_form:
        argv = instruction.arguments[1:] if instruction.keyword == "HEALTHCHECK" else instruction.arguments
        return tuple(commands_of_argv(argv, variables))
    start = instruction.arguments_start
    shell_text = instruction.line.text[start:]
    return tuple(
        _with(command, start=command.start + start, end=command.end + start)
        for command in commands_of(shell_text, variables)
    )


def commands_of_argv(
    argv: tuple[str, ...], variables: Mapping[str, str] | None = None, *, depth: int = 0
) -> Iterator[Command]:
    """One command, or those of its text when it is ``sh -c "..."``."""
    inner = shell_text(argv)
    if inner is not None and depth < _DEEPEST_NESTING:
        yield from commands_of(inner, variables)
    elif argv:
        yield Command(argv=argv, start=0, end=0, execs=True, last=True)


def shell_text(argv: tuple[str, ...]) -> str | None:
    """The text behind ``-c`` when ``argv`` starts a shell with one; None otherwise."""
    if not argv or argv[0].rpartition("/")[2] not in _SHELLS:
        return None
    for index, word in enumerate(argv[1:], 1):
        if not word.startswith("-"):
            return None
        if not word.startswith("--") and "c" in word[1:]:
            return argv[index + 1] if index + 1 < len(argv) else None
    return None


def _with(command: Command, *, start: int | None = None, end: int | None = None, last: bool | None = None) -> Command:
    return Command(
        argv=command.argv,
        start=command.start if start is None else start,
        end=command.end if end is None else end,
        execs=command.execs,
        background=command.background,
        piped=command.piped,
        conditional=command.conditional,
        last=command.last if last is None else last,
        assignments=command.assignments,
        redirects=command.redirects,
        unknown=command.unknown,
    )


@dataclass(frozen=True, slots=True)
class _Context:
    background: bool = False
    piped: bool = False
    conditional: bool = False


class _Walk:
    """Visits a syntax tree in the order of the text, remembering assignments with known values."""

    def __init__(self, text: str, variables: dict[str, str], depth: int = 0) -> None:
        self._bytes = text.encode("utf-8", "replace")
        self._text = text
        self._variables = variables
        self._depth = depth
        self._ascii = text.isascii()

    def commands(self) -> Iterator[Command]:
        yield from self._visit(_parser().parse(self._bytes).root_node, _Context())

    def _slice(self, node: "Node") -> str:
        return self._bytes[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def _offset(self, byte: int) -> int:
        return byte if self._ascii else len(self._bytes[:byte].decode("utf-8", "replace"))

    def _visit(self, root: "Node", context: _Context) -> Iterator[Command]:
        # An explicit stack: hostile text nests deeper than Python's own.
        stack: list[tuple[Node, _Context]] = [(root, context)]
        while stack:
            node, current = stack.pop()
            if node.type == "command":
                yield from self._command(node, current, ())
                continue
            if node.type == "redirected_statement":
                body = node.child_by_field_name("body")
                if body is not None and body.type == "command":
                    yield from self._command(body, current, self._redirects(node))
                    continue
            if node.type == "variable_assignment":
                self._assign(node)
                continue
            if node.type == "pipeline":
                current = _Context(current.background, piped=True, conditional=current.conditional)
            elif node.type in _CONDITIONAL:
                current = _Context(current.background, current.piped, conditional=True)
            children = list(node.children)
            visits: list[tuple[Node, _Context]] = []
            for index, child in enumerate(children):
                follower = children[index + 1] if index + 1 < len(children) else None
                detached = follower is not None and follower.type == "&"
                here = _Context(current.background or detached, current.piped, current.conditional)
                if child.is_named or child.type in {"list", "pipeline"}:
                    visits.append((child, here))
            stack += reversed(visits)

    def _redirects(self, node: "Node") -> tuple[str, ...]:
        targets = []
        for child in node.children:
            if child.type == "file_redirect" and not self._slice(child).lstrip("0123456789").startswith("<"):
                target = child.child_by_field_name("destination")
                if target is not None:
                    targets.append(self._word(target)[0])
        return tuple(targets)

    def _assign(self, node: "Node") -> tuple[str, str] | None:
        name = node.child_by_field_name("name")
        value = node.child_by_field_name("value")
        if name is None:
            return None
        text, unknown = self._word(value) if value is not None else ("", frozenset[str]())
        if unknown:
            self._variables.pop(self._slice(name), None)
        else:
            self._variables[self._slice(name)] = text
        return self._slice(name), text

    def _word(self, node: "Node") -> tuple[str, frozenset[str]]:
        written = self._slice(node)
        if node.type == "raw_string":
            return written[1:-1], frozenset()
        if "$(" in written or "`" in written:
            return written, frozenset({written})
        expanded = expand(written, self._variables)
        if expanded.unknown:
            return written.strip("\"'"), expanded.unknown
        return expanded.text, frozenset()

    def _command(self, node: "Node", context: _Context, redirects: tuple[str, ...]) -> Iterator[Command]:
        argv: list[str] = []
        unknown: set[str] = set()
        assignments: list[tuple[str, str]] = []
        for child in node.children:
            if child.type == "variable_assignment":
                name = child.child_by_field_name("name")
                value = child.child_by_field_name("value")
                if name is not None:
                    assignments.append((self._slice(name), self._word(value)[0] if value is not None else ""))
            elif child.type in {"file_redirect", "herestring_redirect", "heredoc_redirect"}:
                continue
            elif child.is_named:
                text, missing = self._word(child)
                unknown |= missing
                argv += text.split() if missing and not text.startswith(("$(", "`")) else [text]
        execs = False
        while argv and argv[0] in {"exec", "sudo", "command", "time"}:
            execs = execs or argv[0] == "exec"
            argv = argv[1:]
            while execs and argv and argv[0] in {"-a", "-c", "-l"}:
                argv = argv[2:] if argv[0] == "-a" else argv[1:]
        if not argv:
            return
        inner = shell_text(tuple(argv))
        start, end = self._offset(node.start_byte), self._offset(node.end_byte)
        if inner is not None and self._depth < _DEEPEST_NESTING:
            for command in _Walk(inner, dict(self._variables), self._depth + 1).commands():
                yield _with(command, start=start, end=end)
            return
        yield Command(
            argv=tuple(argv),
            start=start,
            end=end,
            execs=execs,
            background=context.background,
            piped=context.piped,
            conditional=context.conditional,
            assignments=tuple(assignments),
            redirects=redirects,
            unknown=frozenset(unknown),
        )
