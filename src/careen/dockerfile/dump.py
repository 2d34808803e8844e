"""The instruction tree in the parenthesised form of BuildKit's own parser dumps (``Node.Dump``)."""

from careen.dockerfile.characters import SPACES, lower, quote
from careen.dockerfile.tree import Dockerfile, Instruction


def dump(dockerfile: Dockerfile) -> str:
    """One instruction a line, without a final newline."""
    return "\n".join(f"({_dump(instruction).strip(SPACES)})" for instruction in dockerfile.instructions)


def _dump(instruction: Instruction) -> str:
    words = [lower(instruction.written_keyword)]
    if instruction.flags:
        words.append(f"[{' '.join(quote(flag.text) for flag in instruction.flags)}]")
    if instruction.onbuild is not None:
        words.append(f"({_dump(instruction.onbuild)})")
    words += [quote(argument) for argument in instruction.arguments]
    return " ".join(words)
