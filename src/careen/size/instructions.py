"""Which instruction a layer is from, as the image's history tells it (image spec, config.md, ``history``).

Docker's old builder and BuildKit write it differently::

    /bin/sh -c #(nop) COPY dir:1f… in /app      COPY dir:1f… in /app
    /bin/sh -c apt-get update                   RUN apt-get update
    RUN |1 A=b /bin/sh -c make # buildkit       RUN make
"""

import re

from careen.oci.config import ImageConfig

_LONGEST = 400
_OLD_OTHER = re.compile(r"^(?:\|\d+ .*?)?/bin/sh -c #\(nop\)\s+")
_SHELL = re.compile(r"^(?:RUN )?(?:\|\d+ .*? )?/bin/sh -c (.*)$", re.DOTALL)


def layer_instructions(config: ImageConfig) -> tuple[str, ...]:
    """One for each layer; empty texts where the history has another number of layers than the image."""
    made = [entry for entry in config.history if not entry.empty_layer]
    if len(made) != len(config.diff_ids):
        return ("",) * len(config.diff_ids)
    return tuple(_readable(entry.created_by or entry.comment) for entry in made)


def _readable(text: str) -> str:
    """On one line, as a Dockerfile says it."""
    text = text.removesuffix("# buildkit").strip()
    other = _OLD_OTHER.match(text)
    if other is not None:
        text = text[other.end() :]
    elif (run := _SHELL.match(text)) is not None:
        text = f"RUN {run[1]}"
    words = " ".join(text.split())
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"
