"""Durations and sizes as compose writes them (compose specification, ``duration`` and ``byte value``)."""

import re

_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(h|ms|us|ns|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?", re.IGNORECASE)
_FACTORS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}


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
