"""Which instruction a layer is from, as the image's history tells it (image spec, config.md, ``history``).

Docker's old builder and BuildKit write it differently::

    /bin/sh -c #(nop) COPY dir:1f… in /app      COPY dir:1f… in /app
    /bin/sh -c apt-get update                   RUN apt-get update
    RUN |1 A=b /bin/sh -c make # buildkit       RUN make

Builders that follow no Dockerfile name themselves there, and the layer in ``comment``.
"""

import re

from careen.oci.config import History, ImageConfig
from careen.size.printable import printable

_LONGEST = 400
_OLD_OTHER = re.compile(r"^(?:\|\d+ .*?)?/bin/sh -c #\(nop\)\s+")
_SHELL = re.compile(r"^(?:RUN )?(?:\|\d+ .*? )?/bin/sh -c (.*)$", re.DOTALL)


def layer_instructions(config: ImageConfig) -> tuple[str, ...]:
    """One for each layer; empty texts where the history has another number of layers than the image."""
    made = [entry for entry in config.history if not entry.empty_layer]
    if len(made) != len(config.diff_ids):
        return ("",) * len(config.diff_ids)
    return tuple(_readable(entry) for entry in made)


def _readable(entry: History) -> str:
    """On one line, as a Dockerfile says it."""
    comment = "" if entry.comment.startswith("buildkit.") else entry.comment
    if not entry.created_by or (comment and "/bin/sh" not in entry.created_by):
        return _short(": ".join(part for part in (entry.created_by, comment) if part))
    text = entry.created_by.removesuffix("# buildkit").strip()
    other = _OLD_OTHER.match(text)
    if other is not None:
        text = text[other.end() :]
    elif (run := _SHELL.match(text)) is not None:
        text = f"RUN {run[1]}"
    return _short(text)


def _short(text: str) -> str:
    words = printable(" ".join(text.split()))
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"
