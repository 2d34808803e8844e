"""What a distribution's metadata says of its licence (core metadata; PEP 639)."""

import re

_LONGEST = 100
_UNSAID = frozenset({"", "unknown", "none", "license", "see license", "other/proprietary license"})
_FIELD = re.compile(r"^(License-Expression|License|Classifier):[ \t]*(.*)$", re.IGNORECASE | re.MULTILINE)
_CLASSIFIER = "license :: "


def licence_expression(metadata: str) -> str:
    """The SPDX expression of newer metadata; empty where there is none."""
    return next((value for name, value in _fields(metadata) if name == "license-expression"), "")


def licence_names(metadata: str) -> tuple[str, ...]:
    """What older metadata calls it: in its own field, unless that holds the whole text, else by its classifiers."""
    fields = list(_fields(metadata))
    own = next((value for name, value in fields if name == "license"), "")
    lines = own.splitlines() or [""]
    if len(lines) == 1 and len(own) <= _LONGEST and own.lower() not in _UNSAID:
        return (own,)
    found = (value for name, value in fields if name == "classifier" and value.lower().startswith(_CLASSIFIER))
    names = dict.fromkeys(value.rpartition(" :: ")[2] for value in found)
    return tuple(name for name in names if name != "OSI Approved")


def _fields(metadata: str) -> list[tuple[str, str]]:
    """Of the headers alone, with continued lines joined."""
    head = re.split(r"\r?\n\r?\n", metadata, maxsplit=1)[0].replace("\r\n", "\n")
    joined = re.sub(r"\n[ \t]+\|?", "\v", head)
    return [(name.lower(), value.replace("\v", "\n").strip()) for name, value in _FIELD.findall(joined)]
