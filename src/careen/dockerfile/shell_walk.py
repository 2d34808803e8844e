"""A walk over tree-sitter's tree of a shell's text: commands with their words, variables as far as they are known."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from types import ModuleType
from typing import TYPE_CHECKING

from careen.dockerfile.command import Command
from careen.dockerfile.words import expand
from careen.text.values import dataclass

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_CONDITIONAL = frozenset({"if_statement", "while_statement", "for_statement", "case_statement", "function_definition"})
_SUBSTITUTIONS = frozenset({"command_substitution", "process_substitution"})
_REDIRECTS = frozenset({"file_redirect", "herestring_redirect", "heredoc_redirect"})
_MOST_CHARACTERS = 128 * 1024
"""Of one text; the tree of a hostile one of this size takes 40 MB and a second. People write a tenth of it."""
_NOT_ASCII = re.compile(r"[^\x01-\x7f]")
_IN_FRONT = frozenset({"exec", "sudo", "doas", "command", "builtin", "time"})
_SUDO_VALUES = frozenset("ughpCrtTUDR")


@lru_cache(maxsize=1)
def _parser() -> "Parser":
    import tree_sitter  # noqa: PLC0415 - only texts with a shell in them pay for it

    return tree_sitter.Parser(tree_sitter.Language(_grammar().language()))


def _grammar() -> ModuleType:
    """The compiled part of tree_sitter_bash; its Python part would import a dozen modules for queries."""
    package = PathFinder.find_spec("tree_sitter_bash")
    found = package and PathFinder.find_spec("_binding", package.submodule_search_locations)
    if not found or found.loader is None:
        raise ModuleNotFoundError("tree_sitter_bash without its compiled part", name="tree_sitter_bash")
    grammar = module_from_spec(found)
    found.loader.exec_module(grammar)
    return grammar


def parse(data: bytes) -> "Node":
    return _parser().parse(data).root_node


@dataclass(frozen=True, slots=True)
class _Context:
    background: bool = False
    piped: bool = False
    conditional: bool = False


Inside = Callable[[tuple[str, ...], Mapping[str, str]], tuple[Command, ...] | None]
"""The commands inside a command, or None when it holds no text of a shell."""


class Walk:
    """Visits a syntax tree in the order of the text, remembering assignments with known values."""

    def __init__(self, text: str, variables: Mapping[str, str], inside: Inside) -> None:
        self._text = text
        self._variables = dict(variables)
        self._inside = inside
        self._redirected: dict[int, tuple[str, ...]] = {}
        self._exported: dict[str, str] = {}

    def commands(self) -> Iterator[Command]:
        if len(self._text) > _MOST_CHARACTERS:
            return
        # One byte for each character: the tree's offsets are then the text's. NUL sends the grammar astray for long.
        data = _NOT_ASCII.sub("_", self._text).encode()
        yield from self._visit(parse(data))

    def _slice(self, node: "Node") -> str:
        return self._text[node.start_byte : node.end_byte]

    def _visit(self, root: "Node") -> Iterator[Command]:
        # An explicit stack: hostile text nests deeper than Python's own. What a command substitutes runs before it.
        stack: list[tuple[Node, _Context, tuple[str, ...] | None]] = [(root, _Context(), None)]
        while stack:
            node, current, redirects = stack.pop()
            if redirects is not None:
                yield from self._command(node, current, redirects)
                continue
            command, redirects = self._as_command(node)
            if command is not None:
                stack.append((command, current, redirects))
                stack += self._substituted(node, current)
                continue
            if node.type == "variable_assignment":
                self._assign(node, conditional=current.conditional)
                stack += self._substituted(node, current)
                continue
            if node.type == "declaration_command" and not current.conditional:
                self._export(node)
            if node.type == "for_statement":
                self._loop(node)
            elif node.type == "pipeline":
                current = replace(current, piped=True)
            if node.type in _CONDITIONAL:
                current = replace(current, conditional=True)
            children = list(node.children)
            visits: list[tuple[Node, _Context, tuple[str, ...] | None]] = []
            for index, child in enumerate(children):
                follower = children[index + 1] if index + 1 < len(children) else None
                detached = follower is not None and follower.type == "&"
                if child.is_named:
                    visits.append((child, replace(current, background=current.background or detached), None))
            stack += reversed(visits)

    def _as_command(self, node: "Node") -> tuple["Node | None", tuple[str, ...]]:
        if node.type == "command":
            return node, self._redirected.pop(node.start_byte, ())
        if node.type != "redirected_statement":
            return None, ()
        body = node.child_by_field_name("body")
        redirects = self._redirects(node)
        if body is not None and body.type == "command":
            return body, redirects
        # The grammar hangs the redirect of `a && b > c` on the whole list; the shell means the last command.
        while body is not None and body.type in {"list", "pipeline"} and body.named_children:
            body = body.named_children[-1]
        if body is not None and body.type == "command":
            self._redirected[body.start_byte] = redirects
        return None, ()

    def _substituted(self, node: "Node", context: _Context) -> list[tuple["Node", _Context, None]]:
        """Substitutions anywhere in a command's words, the last one first."""
        found: list[Node] = []
        waiting = list(node.children)
        while waiting:
            child = waiting.pop()
            if child.type in _SUBSTITUTIONS:
                found.append(child)
            else:
                waiting += child.children
        found.sort(key=lambda each: -each.start_byte)
        return [(each, replace(context, piped=True), None) for each in found]

    def _redirects(self, node: "Node") -> tuple[str, ...]:
        targets = []
        for child in node.children:
            if child.type == "file_redirect" and not self._slice(child).lstrip("0123456789").startswith("<"):
                target = child.child_by_field_name("destination")
                if target is not None and not self._slice(target).isdigit():
                    targets.append(self._value(target)[0])
        return tuple(targets)

    def _assign(self, node: "Node", *, conditional: bool) -> None:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is None:
            return
        text, unknown = self._value(value) if value is not None else ("", frozenset[str]())
        if unknown or conditional:
            self._variables.pop(self._slice(name), None)  # one of several values, or none that is known
        else:
            self._variables[self._slice(name)] = text

    def _export(self, node: "Node") -> None:
        """What ``export`` names holds for every later command, as if it stood in front of it."""
        if node.children[0].type != "export":
            return
        for child in node.named_children:
            name, value = child.child_by_field_name("name"), child.child_by_field_name("value")
            if child.type == "variable_assignment" and name is not None:
                self._exported[self._slice(name)] = self._value(value)[0] if value is not None else ""
            elif child.type == "variable_name" and self._slice(child) in self._variables:
                self._exported[self._slice(child)] = self._variables[self._slice(child)]

    def _loop(self, node: "Node") -> None:
        """Inside a loop its variable stands for all values: they become words of their own where it is unquoted."""
        name = node.child_by_field_name("variable")
        if name is None:
            return
        words: list[str] = []
        missing: set[str] = set()
        behind = False
        for child in node.children:
            if child.type in {"do_group", "compound_statement", ";"}:
                break
            if behind and child.is_named:
                more, unknown = self._words(child)
                words += more
                missing |= unknown
            behind = behind or child.type == "in"
        if missing or not behind:
            self._variables.pop(self._slice(name), None)
        else:
            self._variables[self._slice(name)] = " ".join(words)

    def _value(self, node: "Node") -> tuple[str, frozenset[str]]:
        """One word with its quotes removed; as it is written when something in it is not known."""
        written = self._slice(node)
        if node.type == "raw_string":
            return written[1:-1], frozenset()
        if node.type == "ansi_c_string":
            return written[2:-1].replace("\\n", "\n").replace("\\t", "\t").replace("\\'", "'"), frozenset()
        if "$(" in written or "`" in written:
            return written, frozenset({written})
        expanded = expand(written, self._variables)
        if expanded.problem is not None:
            return written.strip("\"'"), frozenset({written})
        if expanded.unknown:
            return written.strip("\"'"), expanded.unknown
        return expanded.text, frozenset()

    def _words(self, node: "Node") -> tuple[list[str], frozenset[str]]:
        """The words that become of one: an unquoted variable may hold several, or none."""
        text, unknown = self._value(node)
        written = self._slice(node)
        is_substitution = "$(" in written or "`" in written
        if "$" in written and '"' not in written and "'" not in written and not is_substitution:
            return text.split(), unknown
        return [text], unknown

    def _command(self, node: "Node", context: _Context, redirects: tuple[str, ...]) -> Iterator[Command]:
        argv: list[str] = []
        unknown: set[str] = set()
        assignments: list[tuple[str, str]] = []
        for child in node.children:
            if child.type == "variable_assignment":
                name, value = child.child_by_field_name("name"), child.child_by_field_name("value")
                if name is not None:
                    assignments.append((self._slice(name), self._value(value)[0] if value is not None else ""))
            elif child.is_named and child.type not in _REDIRECTS:
                words, missing = self._words(child)
                unknown |= missing
                argv += words
        argv, execs = _without_prefix(argv, assignments)
        if not argv:
            return
        command = Command(
            argv=tuple(argv),
            start=node.start_byte,
            end=node.end_byte,
            execs=execs,
            background=context.background,
            piped=context.piped,
            conditional=context.conditional,
            assignments=(*self._exported.items(), *assignments),
            redirects=redirects,
            unknown=frozenset(unknown),
        )
        inner = self._inside(command.argv, self._variables)
        if inner is None:
            yield command
            return
        for each in inner:
            yield replace(
                each,
                start=command.start,
                end=command.end,
                assignments=(*command.assignments, *each.assignments),
                background=each.background or command.background,
                piped=each.piped or command.piped,
                conditional=each.conditional or command.conditional,
                execs=each.execs and execs,
            )


def _without_prefix(argv: list[str], assignments: list[tuple[str, str]]) -> tuple[list[str], bool]:
    """The command behind ``exec``, ``sudo -E -u app`` and their like, and whether ``exec`` was there."""
    execs = False
    while argv and argv[0].rpartition("/")[2] in _IN_FRONT:
        name = argv[0].rpartition("/")[2]
        rest = argv[1:]
        if name in {"command", "builtin"} and rest[:1] and rest[0] in {"-v", "-V"}:
            break  # asks where a program is
        execs = execs or name == "exec"
        with_value = _SUDO_VALUES if name in {"sudo", "doas"} else "a" if name == "exec" else "fo"
        while rest and rest[0].startswith("-"):
            option, rest = rest[0], rest[1:]
            if option == "--":
                break
            if not option.startswith("--") and option[-1] in with_value:
                rest = rest[1:]
        while name in {"sudo", "doas"} and rest and re.match(r"\w+=", rest[0]):
            variable, _, value = rest[0].partition("=")
            assignments.append((variable, value))
            rest = rest[1:]
        argv = rest
    return argv, execs
