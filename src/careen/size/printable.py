"""Strangers' texts as they may be shown: no control characters for a terminal to obey, nothing that is not Unicode."""


def printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
