"""Licences of a package by its copyright file, where machines can read that (DEP-5)."""

import re

_FORMAT = re.compile(r"^Format(?:-Specification)?:", re.IGNORECASE | re.MULTILINE)
_LICENCE = re.compile(r"^License:[ \t]*(\S[^\n]{0,98})[ \t]*$", re.IGNORECASE | re.MULTILINE)
_MOST = 40


def licence_names(copyright_text: str) -> tuple[str, ...]:
    """Their short names, sorted; none for a text that is written for people only."""
    if not _FORMAT.search(copyright_text[:2000]):
        return ()
    found = {name.strip() for name in _LICENCE.findall(copyright_text.replace("\r\n", "\n"))}
    return tuple(sorted(found))[:_MOST]
