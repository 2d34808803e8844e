"""From text to tree, line by line as BuildKit's parser reads (frontend/dockerfile/parser/parser.go).

Raises SyntaxProblem where BuildKit's parser refuses a file. What an instruction means is not this
module's business: an unknown keyword is an instruction without arguments here, as it is there.
"""

import re
from dataclasses import replace

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

_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*")
_DIRECTIVES = frozenset({"escape", "syntax", "check"})
_WITH_HEREDOC = frozenset({"ADD", "COPY", "RUN"})
_KEYWORDS_AS_LIST = frozenset({"ADD", "COPY", "VOLUME"})
_KEYWORDS_AS_COMMAND = frozenset({"CMD", "ENTRYPOINT", "RUN", "SHELL"})
_KEYWORDS_AS_WORDS = frozenset({"EXPOSE", "FROM"})
_KEYWORDS_AS_STRING = frozenset({"MAINTAINER", "STOPSIGNAL", "USER", "WORKDIR"})


def parse(source: Source) -> Dockerfile:
    """Raises SyntaxProblem, with the line, for what BuildKit's parser refuses too."""
    return _Parser(source).parse()


class _Parser:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._text = source.text
        self._position = 1 if source.text.startswith("\ufeff") else 0
        self._escape = "\\"
        self._directives: list[Directive] = []
        self._comments: list[Comment] = []

    def parse(self) -> Dockerfile:
        instructions: list[Instruction] = []
        may_be_directive = True
        while (span := self._next_line()) is not None:
            text = self._text[span.start : span.end]
            content = text.strip()
            if not content:
                continue
            if content.startswith("#"):
                if may_be_directive:
                    may_be_directive = self._directive(content, span)
                self._comments.append(Comment(content, span))
                continue
            may_be_directive = False
            instruction = self._instruction(span)
            if instruction is not None:
                instructions.append(instruction)
        if not instructions:
            raise SyntaxProblem(self._source.path, 1, "file with no instructions")
        return Dockerfile(
            source=self._source,
            escape=self._escape,
            directives=tuple(self._directives),
            instructions=tuple(instructions),
            comments=tuple(self._comments),
        )

    def _next_line(self) -> Span | None:
        """The next physical line without its ending; None at the end of the text."""
        start = self._position
        if start >= len(self._text):
            return None
        newline = self._text.find("\n", start)
        end = len(self._text) if newline == -1 else newline
        self._position = len(self._text) if newline == -1 else newline + 1
        while end > start and self._text[end - 1] == "\r":
            end -= 1
        return Span(start, end)

    def _directive(self, content: str, span: Span) -> bool:
        """Whether the next line may be a directive still."""
        match = _DIRECTIVE.fullmatch(content)
        if match is None:
            return False
        name, value = match[1].lower(), match[2]
        if name not in _DIRECTIVES:
            return True
        if any(directive.name == name for directive in self._directives):
            raise self._problem(span.start, f"only one {name} parser directive can be used")
        if name == "escape":
            if value not in {"\\", "`"}:
                raise self._problem(span.start, f"invalid escape token '{value}' does not match ` or \\")
            self._escape = value
        self._directives.append(Directive(name, value, span))
        return True

    def _instruction(self, first: Span) -> Instruction | None:
        parts: list[str] = []
        pieces: list[tuple[int, int]] = []
        length = 0
        span: Span | None = first
        last = first
        start = (
            first.start + len(self._text[first.start : first.end]) - len(self._text[first.start : first.end].lstrip())
        )
        offset = start
        while span is not None:
            text = self._text[offset : span.end]
            content = text.strip()
            continuation = span is not first
            if continuation and content.startswith("#"):
                self._comments.append(Comment(content, span))
                ended = False
            elif continuation and not content:
                ended = False  # an empty line inside a continuation is passed over, with a warning in BuildKit
            else:
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
        if not line.text.strip():
            return None
        instruction = self._read(line, Span(start, last.end), 0)
        return self._with_heredocs(instruction)

    def _trim_continuation(self, line: str) -> tuple[str, bool]:
        """The line without its escape at the end, and whether the instruction ends here."""
        trimmed = line.rstrip(" \t")
        if trimmed.endswith(self._escape) and not trimmed.endswith(self._escape * 2):
            return trimmed[:-1], False
        return line, True

    def _read(self, line: LogicalLine, span: Span, start: int) -> Instruction:
        keyword, flags, offset = split_command(line.text[start:])
        offset += start
        rest = line.text[offset:].strip()
        name = keyword.upper()
        base = Instruction(
            keyword=name,
            written_keyword=keyword,
            span=span,
            line=line,
            arguments_start=offset,
            flags=flags,
            arguments=(),
            json_form=False,
        )
        try:
            if name == "ONBUILD":
                inner_start = offset + len(line.text[offset:]) - len(line.text[offset:].lstrip())
                return replace(base, onbuild=self._read(line, span, inner_start)) if rest else base
            arguments, json_form = self._arguments(name, rest, span)
        except NotStringArrayError as error:
            raise self._problem(
                span.start, "when using JSON array syntax, arrays must be comprised of strings only"
            ) from error
        return replace(base, arguments=arguments, json_form=json_form)

    def _arguments(self, keyword: str, rest: str, span: Span) -> tuple[tuple[str, ...], bool]:
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
        if keyword == "HEALTHCHECK":
            kind = rest.split(maxsplit=1)
            command = kind[1] if len(kind) > 1 else ""
            array = parse_json_array(command)
            if array is not None:
                return (kind[0], *array), True
            return ((kind[0], command) if command else (kind[0],)), False
        return (), False

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
                    span.start, f'Syntax error - can\'t find = in "{word}". Must be of the form: name=value'
                )
            pairs += (name, value, "=")
        return tuple(pairs)

    def _with_heredocs(self, instruction: Instruction) -> Instruction:
        holder = instruction.onbuild or instruction
        if holder.keyword not in _WITH_HEREDOC or holder.json_form:
            return instruction
        heredocs: list[Heredoc] = []
        end = instruction.span.end
        for mark in heredoc_marks(instruction.line.text, self._escape):
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
