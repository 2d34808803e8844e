"""Every place of a set-up where an image is named: in Dockerfiles and in compose files, with the text's own span."""

import re
from collections.abc import Iterable, Iterator

from careen.dockerfile.stages import ImageBase
from careen.text.source import Source, Span
from careen.text.values import dataclass
from careen.workspace.facts import StackFacts
from careen.workspace.model import ImageSource

_PINNED = re.compile(r"(?<![\w@./:-])(?P<name>[a-zA-Z0-9][\w./:-]*)@sha256:[0-9a-f]{64}(?![0-9a-f])")
_COMMENT = re.compile(r"(?:^|(?<=[ \t]))#[^\n]*", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedImage:
    """``span`` is that of ``written``, the whole reference; ``pinned`` tells whether a digest stands in it."""

    source: Source
    span: Span
    written: str
    pinned: bool

    @property
    def line(self) -> int:
        return self.source.line_of(self.span.start)


def images_named(facts: StackFacts) -> tuple[NamedImage, ...]:
    """In the order of files and places. References that hold a variable are no text that could be changed: left out."""
    found: dict[tuple[str, int], NamedImage] = {}
    built = [service.source for service in facts.images]
    for image in built:
        for named in (*_pinned_in_dockerfile(image), *_bases(image)):
            found.setdefault((str(named.source.path), named.span.start), named)
    compose = facts.workspace.compose
    for document in compose.documents if compose is not None else ():
        for named in _pinned_in(document.source, [Span(0, len(document.source.text))]):
            found.setdefault((str(named.source.path), named.span.start), named)
    return tuple(found[key] for key in sorted(found))


def _pinned_in_dockerfile(image: ImageSource) -> Iterator[NamedImage]:
    """In instructions only: FROM, an ARG that FROM takes its image from, COPY --from, RUN --mount."""
    dockerfile = image.dockerfile
    yield from _pinned_in(dockerfile.source, [instruction.span for instruction in dockerfile.instructions])


def _pinned_in(source: Source, spans: Iterable[Span]) -> Iterator[NamedImage]:
    for span in spans:
        text = _COMMENT.sub(lambda match: " " * len(match[0]), source.text[span.start : span.end])
        for match in _PINNED.finditer(text):
            place = Span(span.start + match.start(), span.start + match.end())
            yield NamedImage(source=source, span=place, written=match[0], pinned=True)


def _bases(image: ImageSource) -> Iterator[NamedImage]:
    """What FROM names without a digest, where it says so itself."""
    source = image.dockerfile.source
    for stage in image.stages.stages:
        base = stage.base
        if not isinstance(base, ImageBase) or base.reference != base.written or "@" in base.written:
            continue
        start = source.text.find(base.written, stage.start.span.start, stage.start.span.end)
        if start >= 0:
            span = Span(start, start + len(base.written))
            yield NamedImage(source=source, span=span, written=base.written, pinned=False)
