"""Durations and sizes as compose writes them (compose specification, ``duration`` and ``byte value``)."""

import re
from decimal import Decimal

_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(h|ms|us|ns|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?", re.IGNORECASE)
_FACTORS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}


_INTEGER = re.compile(r"([-+]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|[1-9][0-9]*|0)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]{1,400}(\.[0-9]*)?)([eE][-+]?[0-9]{1,5})?")
_BASES = {"x": 16, "b": 2, "o": 8}
_LONGEST_NUMBER = 500


def plain_value(text: str) -> str:
    """A plain scalar of YAML as the string that a container gets: ``True`` is ``true``, ``022`` is ``18``.

    Numbers are read as go-yaml does and written as Go's strconv does.
    """
    if text in {"true", "True", "TRUE", "false", "False", "FALSE"}:
        return text.lower()
    bare = text.replace("_", "")
    if not bare or len(bare) > _LONGEST_NUMBER or text[0] not in "+-.0123456789":
        return text
    match = _INTEGER.fullmatch(bare)
    if match is not None:
        digits = match[2]
        base = _BASES.get(digits[1:2].lower(), 8 if digits.startswith("0") else 10)
        number = int(digits, base if not digits.startswith("0") or base == 8 else 0)
        number = -number if match[1] == "-" else number
        if -(2**63) <= number < 2**64:
            return str(number)
    return _written(float(bare)) if _FLOAT.fullmatch(bare) else text


def _written(number: float) -> str:
    """The shortest digits that mean the number, with an exponent from a million on."""
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple() if abs(number) != float("inf") else (0, (), 0)
    if not digits or not isinstance(exponent, int):
        return str(number)
    power = len(digits) + exponent - 1
    if number == 0:
        return "0"
    text = "".join(map(str, digits))
    if power < -4 or power >= 6:
        fraction = f".{text[1:]}" if len(text) > 1 else ""
        return f"{'-' * sign}{text[0]}{fraction}e{'-' if power < 0 else '+'}{abs(power):02d}"
    return f"{'-' * sign}{Decimal(repr(abs(number))).normalize():f}"


def parse_duration(text: str) -> float | None:
    """Seconds of ``1m30s``, ``500ms`` or a bare number; None for anything else."""
    text = text.strip()
    if text.replace(".", "", 1).isdigit():
        return float(text)
    total = 0.0
    position = 0
    for match in _DURATION_PART.finditer(text):
        if match.start() != position:
            return None
        total += float(match[1]) * _SECONDS[match[2]]
        position = match.end()
    return total if position == len(text) and text else None


def parse_size(text: str) -> int | None:
    """Bytes of ``512m``, ``1gb``, ``64MiB``; compose counts in powers of 1024. None for anything else."""
    match = _SIZE.fullmatch(text.strip())
    return round(float(match[1]) * _FACTORS[match[2].lower()]) if match else None


def parse_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
