"""The part of a start script that runs with given arguments.

Many images have one script for all their services: ``case "$1" in web) exec gunicorn ... ;; worker) ...``. Branches
are decided only where nothing but the arguments and given variables decide; everything else stays as it is written.
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from careen.dockerfile.words import expand_known
from careen.text.values import dataclass

if TYPE_CHECKING:
    from tree_sitter import Node

_DEEPEST = 32
_MOST_STATEMENTS = 10_000
"""Functions that call each other twice would double with every one of them."""
_LONGEST = 128 * 1024
_NOT_ASCII = re.compile(r"[^\x01-\x7f]")
_BRANCHES = re.compile(r"\b(?:case|if|function|shift)\b|\(\)|\bset --")
_NAMES = re.compile(r"\$\{?#?(\w+|[@*#?$!-])")
_ALL = re.compile(r'"\$(?:[@*]|\{[@*]\})"|\$(?:[@*]|\{[@*]\})')
_ALL_OR_DEFAULT = re.compile(r'"\$\{@:-([\w.:-]*)\}"|\$\{@:-([\w.:-]*)\}')
_NUMBERS = {
    "-eq": int.__eq__,
    "-ne": int.__ne__,
    "-gt": int.__gt__,
    "-ge": int.__ge__,
    "-lt": int.__lt__,
    "-le": int.__le__,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatched:
    """``text`` is what runs; ``arguments`` are what ``"$@"`` stands for at its end."""

    text: str
    arguments: tuple[str, ...]


def dispatched(text: str, arguments: Sequence[str], variables: Mapping[str, str]) -> Dispatched:
    """``text`` as it is where the grammar cannot read all of it, or where nothing in it is decided."""
    from careen.dockerfile.shell_walk import parse  # noqa: PLC0415 - only texts with a shell pay for the grammar

    as_written = Dispatched(text=text, arguments=tuple(arguments))
    if len(text) > _LONGEST or not _BRANCHES.search(text):
        return as_written
    # One byte for each character, so that the tree's offsets are the text's.
    root = parse(_NOT_ASCII.sub("_", text).encode())
    if root.has_error:
        return as_written
    run = _Run(text, list(arguments), dict(variables))
    pieces = list(run.block(root.named_children, 0))
    if not run.decided or run.visited > _MOST_STATEMENTS:
        return as_written
    return Dispatched(text="\n".join(pieces) + "\n", arguments=tuple(run.arguments))


@dataclass
class _Run:
    """``known`` are variables whose value is certain; ``decided`` whether anything was, ``moved`` whether ``$@``
    stands for other words than the script was given, and ``may_return`` whether the function may be left before what
    comes next in it."""

    text: str
    arguments: list[str]
    known: dict[str, str]
    functions: "dict[str, Node]" = field(default_factory=dict)
    decided: bool = False
    ended: bool = False
    moved: bool = False
    may_return: bool = False
    visited: int = 0

    def block(self, nodes: "Sequence[Node]", depth: int) -> Iterator[str]:
        for node in nodes:
            self.visited += 1
            if self.ended or self.visited > _MOST_STATEMENTS:
                return
            if depth < _DEEPEST:
                yield from self._statement(node, depth)
            else:
                yield from self._as_written(node)

    def _statement(self, node: "Node", depth: int) -> Iterator[str]:
        match node.type:
            case "comment":
                return
            case "function_definition":
                name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
                if name is not None and body is not None:
                    self.functions[self._slice(name)] = body
            case "variable_assignment":
                self._assign(node)
                yield self._slice(node)
            case "case_statement":
                yield from self._case(node, depth)
            case "if_statement":
                yield from self._if(node, depth)
            case "command":
                yield from self._command(node, depth)
            case _:
                yield from self._as_written(node)

    def _slice(self, node: "Node") -> str:
        return self.text[node.start_byte : node.end_byte]

    def _value(self, text: str) -> str | None:
        if "$(" in text or "`" in text:
            return None
        given = {str(index): word for index, word in enumerate(self.arguments, 1)}
        given |= dict.fromkeys((str(index) for index in range(len(self.arguments) + 1, 10)), "")
        given |= {"@": " ".join(self.arguments), "*": " ".join(self.arguments), "#": str(len(self.arguments))}
        given |= self.known
        if any(name not in given for name in _NAMES.findall(text)):
            return None  # a default would count only if nobody sets the variable
        return expand_known(text, given)

    def _assign(self, node: "Node") -> None:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is None:
            return
        text = self._value(self._slice(value)) if value is not None else ""
        if text is None:
            self.known.pop(self._slice(name), None)
        else:
            self.known[self._slice(name)] = text

    def _case(self, node: "Node", depth: int) -> Iterator[str]:
        subject = node.child_by_field_name("value")
        value = self._value(self._slice(subject)) if subject is not None else None
        if value is None:
            yield from self._as_written(node)
            return
        self.decided = True
        for item in node.named_children:
            if item.type != "case_item":
                continue
            patterns = [self._pattern(self._slice(each)) for each in item.children_by_field_name("value")]
            if any(fnmatchcase(value, pattern) for pattern in patterns):
                patterned = {each.start_byte for each in item.children_by_field_name("value")}
                body = [child for child in item.named_children if child.start_byte not in patterned]
                yield from self.block(body, depth + 1)
                return

    @staticmethod
    def _pattern(written: str) -> str:
        """As fnmatch has it: what stands in quotes matches itself."""
        if written[:1] in {"'", '"'} and written[-1:] == written[:1]:
            return re.sub(r"([*?\[])", r"[\1]", written[1:-1])
        return written.replace("\\", "")

    def _if(self, node: "Node", depth: int) -> Iterator[str]:
        branches: list[tuple[Node | None, list[Node]]] = [(node.child_by_field_name("condition"), [])]
        for child in node.named_children:
            if child.type == "elif_clause":
                branches.append((child.named_children[0], list(child.named_children[1:])))
            elif child.type == "else_clause":
                branches.append((None, list(child.named_children)))
            elif child != branches[0][0]:
                branches[0][1].append(child)
        for condition, body in branches:
            holds = True if condition is None else self._holds(condition)
            if holds is None:
                yield from self._as_written(node)
                return
            if holds:
                self.decided = True
                yield from self.block(body, depth + 1)
                return
        self.decided = True

    def _holds(self, condition: "Node") -> bool | None:
        """What a plain test of the arguments says; None when something else has a say."""
        if condition.type != "test_command" or "$" not in self._slice(condition):
            return None
        words = self._slice(condition).strip("[] \t").split()
        negated = words[:1] == ["!"]
        values = [self._value(word) if "$" in word else word.strip("\"'") for word in words[negated:]]
        if None in values:
            return None
        match values:
            case [("-z" | "-n") as test, str(text)]:
                answer = (text == "") == (test == "-z")
            case [str(left), ("=" | "==" | "!=") as test, str(right)]:
                answer = fnmatchcase(left, right) == (test != "!=")
            case [str(left), str(test), str(right)] if test in _NUMBERS and left.isdigit() and right.isdigit():
                answer = bool(_NUMBERS[test](int(left), int(right)))
            case _:
                return None
        return answer != negated

    def _command(self, node: "Node", depth: int) -> Iterator[str]:
        written = [self._slice(child) for child in node.named_children]
        words = self._handed_on(written)
        name, rest = words[0], words[1:]
        if name == "shift" and all(word.isdigit() for word in rest):
            del self.arguments[: int(rest[0]) if rest else 1]
            self.moved = self.decided = True
        elif name == "set" and rest[:1] == ["--"] and (given := self._given(rest[1:])) is not None:
            self.arguments = given
            self.moved = self.decided = True
        elif name in self.functions and (given := self._given(rest)) is not None:
            outer = self.arguments, self.moved, self.may_return
            self.arguments, self.moved, self.decided = given, True, True
            yield from self.block(self.functions[name].named_children, depth + 1)
            self.arguments, self.moved, self.may_return = outer
        else:
            self.ended = (name == "exit" or (name == "exec" and bool(rest))) and not self.may_return
            if words == written:
                yield from self._as_written(node)
            else:
                self.decided = True
                yield " ".join(words)

    def _handed_on(self, words: list[str]) -> list[str]:
        """A script that is a list of functions ends with ``"$@"`` or ``time "${@:-help}"``: the call that this is."""
        called = words[1:] if words[0] == "time" else words
        default = _ALL_OR_DEFAULT.fullmatch(called[0]) if called else None
        if default is None and not (called and _ALL.fullmatch(called[0])):
            return words
        given = self.arguments or [default[1] or default[2] or ""] if default is not None else self.arguments
        if given and (given[0] in self.functions or default is not None):
            return [*map(shlex.quote, given), *called[1:]]
        return words

    def _given(self, words: Sequence[str]) -> list[str] | None:
        """Arguments as a call hands them on, None when one of them is not known."""
        given: list[str] = []
        for word in words:
            if _ALL.fullmatch(word):
                given += self.arguments
            elif (value := self._value(word)) is not None:
                given.append(value)
            else:
                return None
        return given

    def _as_written(self, node: "Node") -> Iterator[str]:
        """With the functions that it calls in front of it, and with the arguments of now."""
        for each in _below(node):
            if each.type == "command":
                name = self._slice(each).split(maxsplit=1)[0]
                self.may_return = self.may_return or name == "return"
                body = self.functions.get(name)
                if body is not None:
                    yield self._slice(body).strip("{} \n")
            elif each.type == "variable_assignment" and (variable := each.child_by_field_name("name")) is not None:
                self.known.pop(self._slice(variable), None)  # it may have been set or not
        text = self._slice(node)
        if self.moved:
            words = shlex.join(self.arguments)
            text = _ALL.sub(lambda _: words, text)
        yield text


def _below(node: "Node") -> "Iterator[Node]":
    waiting = [node]
    while waiting:
        each = waiting.pop()
        yield each
        waiting += each.named_children
