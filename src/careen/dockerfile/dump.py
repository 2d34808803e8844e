"""The instruction tree in the parenthesised form of BuildKit's own parser dumps (``Node.Dump``)."""

import json

from careen.dockerfile.tree import Dockerfile, Instruction


def dump(dockerfile: Dockerfile) -> str:
    """One instruction a line, without a final newline."""
    return "\n".join(f"({_dump(instruction)})" for instruction in dockerfile.instructions)


def _dump(instruction: Instruction) -> str:
    words = [instruction.written_keyword.lower()]
    if instruction.flags:
        words.append(f"[{' '.join(_quote(flag.text) for flag in instruction.flags)}]")
    if instruction.onbuild is not None:
        words.append(f"({_dump(instruction.onbuild)})")
    words += [_quote(argument) for argument in instruction.arguments]
    return " ".join(words)


def _quote(text: str) -> str:
    """Go's strconv.Quote, which agrees with JSON but for a few control characters."""
    quoted = json.dumps(text, ensure_ascii=False)
    for plain, go in (("\\u0007", "\\a"), ("\\u000b", "\\v"), ("\\u007f", "\\x7f")):
        quoted = quoted.replace(plain, go)
    return quoted
