"""From text to tree, line by line as BuildKit's parser reads (frontend/dockerfile/parser/parser.go).

Raises SyntaxProblem where BuildKit's parser refuses a file. What an instruction means is not this
module's business: an unknown keyword is an instruction without arguments here, as it is there.
"""

import re
from dataclasses import replace

from careen.dockerfile.characters import SPACES, lower, quote
from careen.dockerfile.globs import BadSubstitutionError
from careen.dockerfile.lexer import (
    WHITESPACE,
    NotStringArrayError,
    heredoc_marks,
    parse_json_array,
    parse_words,
    split_command,
)
from careen.dockerfile.tree import Comment, Directive, Dockerfile, Heredoc, Instruction, LogicalLine
from careen.text.problems import SyntaxProblem
from careen.text.source import Source, Span

_DIRECTIVE = re.compile(r"([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=[\t\n\f\r ]*(.+?)[\t\n\f\r ]*")
_DIRECTIVES = frozenset({"escape", "syntax", "check"})
_WITH_HEREDOC = frozenset({"ADD", "COPY", "RUN"})
_KEYWORDS_AS_LIST = frozenset({"ADD", "COPY", "VOLUME"})
_KEYWORDS_AS_COMMAND = frozenset({"CMD", "ENTRYPOINT", "RUN", "SHELL"})
_KEYWORDS_AS_WORDS = frozenset({"EXPOSE", "FROM"})
_KEYWORDS_AS_STRING = frozenset({"MAINTAINER", "STOPSIGNAL", "USER", "WORKDIR"})
KEYWORDS = (
    _KEYWORDS_AS_LIST
    | _KEYWORDS_AS_COMMAND
    | _KEYWORDS_AS_WORDS
    | _KEYWORDS_AS_STRING
    | {"ARG", "ENV", "HEALTHCHECK", "LABEL", "ONBUILD"}
)
_LONGEST_LINE = 65535
"""In bytes, without its ending; what BuildKit's scanner holds."""
_MOST_CHARACTERS = 2 * 1024 * 1024
"""Nobody writes a Dockerfile as large; the reader takes some ten seconds for the worst of this size."""
_MOST_INSTRUCTIONS = 5000
"""An image has 127 layers at most; hostile text of the largest size has three hundred thousand."""
_DEEPEST_TRIGGER = 20
"""``ONBUILD ONBUILD`` is refused by a build at its second; hostile text ends here."""


def parse(source: Source) -> Dockerfile:
    """Raises SyntaxProblem, with the line, for what BuildKit's parser refuses too, and for a file beyond measure."""
    if len(source.text) > _MOST_CHARACTERS:
        raise SyntaxProblem(source.path, 1, "larger than any Dockerfile (2 MiB)")
    return _Parser(source).parse()


class _Parser:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._text = source.text
        self._position = 1 if source.text.startswith("\ufeff") else 0
        self._escape = "\\"
        self._directives: list[Directive] = []
        self._comments: list[Comment] = []
        self._overlong: int | None = None

    def parse(self) -> Dockerfile:
        instructions: list[Instruction] = []
        may_be_directive = True
        while (span := self._next_line()) is not None:
            content = self._text[span.start : span.end].lstrip(SPACES)
            if content.startswith("#"):
                may_be_directive = may_be_directive and self._directive(content, span)
                self._comments.append(Comment(content.rstrip(SPACES), span))
                continue
            may_be_directive = False
            if content:
                instructions.append(self._instruction(span))
                if len(instructions) > _MOST_INSTRUCTIONS:
                    line = self._source.line_of(span.start)
                    raise SyntaxProblem(self._source.path, line, f"more than {_MOST_INSTRUCTIONS} instructions")
        if self._overlong is not None:
            raise self._problem(self._overlong, f"dockerfile line greater than max allowed size of {_LONGEST_LINE}")
        if not instructions:
            last_line = self._source.line_of(max(0, len(self._text) - 1))
            raise SyntaxProblem(self._source.path, last_line, "file with no instructions")
        return Dockerfile(
            source=self._source,
            escape=self._escape,
            directives=tuple(self._directives),
            instructions=tuple(instructions),
            comments=tuple(self._comments),
        )

    def _next_line(self) -> Span | None:
        """The next physical line without its ending; None at the end of the text, and at a line that is too long."""
        start = self._position
        if start >= len(self._text) or self._overlong is not None:
            return None
        newline = self._text.find("\n", start)
        end = len(self._text) if newline == -1 else newline
        if end - start > _LONGEST_LINE // 4 and len(self._text[start:end].encode()) > _LONGEST_LINE:
            self._overlong = start
            return None
        self._position = len(self._text) if newline == -1 else newline + 1
        while end > start and self._text[end - 1] == "\r":
            end -= 1
        return Span(start, end)

    def _directive(self, content: str, span: Span) -> bool:
        """Whether the next line may be a directive still."""
        match = _DIRECTIVE.fullmatch(content[1:].lstrip(SPACES))
        if match is None:
            return False
        name, value = match[1].lower(), match[2]
        if name not in _DIRECTIVES:
            return False
        if any(directive.name == name for directive in self._directives):
            raise self._problem(span.start, f"only one {name} parser directive can be used")
        if name == "escape":
            if value not in {"\\", "`"}:
                raise self._problem(span.start, f"invalid escape token '{value}' does not match ` or \\")
            self._escape = value
        self._directives.append(Directive(name, value, span))
        return True

    def _instruction(self, first: Span) -> Instruction:
        parts: list[str] = []
        pieces: list[tuple[int, int]] = []
        length = 0
        text = self._text[first.start : first.end]
        start = offset = first.start + len(text) - len(text.lstrip(SPACES))
        last = first
        span: Span | None = first
        ended = False
        while span is not None:
            text = self._text[offset : span.end]
            content = text.strip(SPACES) if span is not first else ""
            if content.startswith("#"):
                self._comments.append(Comment(content, span))
            elif content or span is first:  # an empty line inside is passed over, with a warning in BuildKit
                text, ended = self._trim_continuation(text)
                parts.append(text)
                pieces.append((length, offset))
                length += len(text)
                last = span
            if ended:
                break
            span = self._next_line()
            offset = span.start if span is not None else 0
        line = LogicalLine("".join(parts), tuple(pieces))
        return self._with_heredocs(self._read(line, Span(start, last.end), 0, depth=0))

    def _trim_continuation(self, line: str) -> tuple[str, bool]:
        """The line without its escape at the end, and whether the instruction ends here."""
        trimmed = line.rstrip(" \t")
        if trimmed.endswith(self._escape) and not trimmed.endswith(self._escape * 2):
            return trimmed[:-1], False
        return line, True

    def _read(self, line: LogicalLine, span: Span, start: int, *, depth: int) -> Instruction:
        written, flags, offset = split_command(line.text[start:], self._escape)
        offset += start
        rest = line.text[offset:].strip(SPACES)
        name = lower(written).upper() if lower(written).isascii() else written
        base = Instruction(
            keyword=name,
            written_keyword=written,
            span=span,
            line=line,
            arguments_start=offset,
            flags=flags,
            arguments=(),
            json_form=False,
        )
        if name == "ONBUILD":
            if depth == _DEEPEST_TRIGGER:
                raise self._problem(span.start, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
            inner_start = len(line.text) - len(line.text[offset:].lstrip(SPACES))
            return replace(base, onbuild=self._read(line, span, inner_start, depth=depth + 1)) if rest else base
        try:
            arguments, json_form = self._arguments(name, rest, span)
        except NotStringArrayError as error:
            raise self._problem(
                span.start, "when using JSON array syntax, arrays must be comprised of strings only"
            ) from error
        return replace(base, arguments=arguments, json_form=json_form)

    def _arguments(self, keyword: str, rest: str, span: Span) -> tuple[tuple[str, ...], bool]:
        if keyword not in KEYWORDS:
            return ("",), False  # one empty value, as BuildKit has it
        if not rest:
            return (), False
        if keyword in _KEYWORDS_AS_COMMAND or keyword in _KEYWORDS_AS_LIST:
            array = parse_json_array(rest)
            if array is not None:
                return array, True
            return ((rest,) if keyword in _KEYWORDS_AS_COMMAND else tuple(WHITESPACE.split(rest))), False
        if keyword in _KEYWORDS_AS_WORDS:
            return tuple(WHITESPACE.split(rest)), False
        if keyword in _KEYWORDS_AS_STRING:
            return (rest,), False
        if keyword == "ARG":
            return tuple(parse_words(rest, self._escape)), False
        if keyword in {"ENV", "LABEL"}:
            return self._pairs(keyword, rest, span), False
        kind, *words = WHITESPACE.split(rest, maxsplit=1)  # HEALTHCHECK
        command = words[0] if words else ""
        array = parse_json_array(command)
        if array is not None:
            return (kind, *array), True
        return ((kind, command) if command else (kind,)), False

    def _pairs(self, keyword: str, rest: str, span: Span) -> tuple[str, ...]:
        """Name, value, separator, for each pair; the separator is empty in the old form ``ENV name value``."""
        words = parse_words(rest, self._escape)
        if not words:
            return ()
        if "=" not in words[0]:
            parts = WHITESPACE.split(rest, maxsplit=1)
            if len(parts) < 2:
                raise self._problem(span.start, f"{keyword} must have two arguments")
            return (parts[0], parts[1], "")
        pairs: list[str] = []
        for word in words:
            name, equals, value = word.partition("=")
            if not equals:
                raise self._problem(
                    span.start, f"Syntax error - can't find = in {quote(word)}. Must be of the form: name=value"
                )
            pairs += (name, value, "=")
        return tuple(pairs)

    def _with_heredocs(self, instruction: Instruction) -> Instruction:
        holder = instruction.onbuild or instruction
        if holder.keyword not in _WITH_HEREDOC or holder.json_form:
            return instruction
        heredocs: list[Heredoc] = []
        end = instruction.span.end
        if "<<" not in instruction.line.text:
            return instruction
        try:
            marks = heredoc_marks(instruction.line.text)
        except BadSubstitutionError as error:
            raise self._problem(instruction.span.start, str(error)) from error
        for mark in marks:
            content_start = self._position
            while True:
                line_start = self._position
                span = self._next_line()
                if span is None:
                    raise self._problem(instruction.span.start, "unterminated heredoc")
                text = self._text[span.start : span.end]
                if (text.lstrip("\t") if mark.chomp else text) == mark.name:
                    break
            content = self._text[content_start:line_start]
            heredocs.append(
                Heredoc(
                    name=mark.name,
                    content=content,
                    expand=mark.expand,
                    chomp=mark.chomp,
                    descriptor=mark.descriptor,
                    span=Span(content_start, line_start),
                )
            )
            end = span.end
        if not heredocs:
            return instruction
        whole = Span(instruction.span.start, end)
        if instruction.onbuild is not None:
            return replace(
                instruction, span=whole, onbuild=replace(instruction.onbuild, span=whole, heredocs=tuple(heredocs))
            )
        return replace(instruction, span=whole, heredocs=tuple(heredocs))

    def _problem(self, offset: int, reason: str) -> SyntaxProblem:
        return SyntaxProblem(self._source.path, self._source.line_of(offset), reason)
