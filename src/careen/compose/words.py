"""A command written as one string, split as compose splits it (mattn/go-shellwords): never run by a shell."""

_SPACES = frozenset(" \t\r\n")
_ENDS = frozenset(";&|<>")


class MalformedCommandError(ValueError):
    """Quotes or brackets that compose refuses."""


def split_line(text: str) -> tuple[tuple[str, ...], str]:
    """The words, and the text that is left over.

    What stands behind an unquoted ``;``, ``&``, ``|``, ``<`` or ``>`` is dropped, as compose drops it.

    Raises MalformedCommandError.
    """
    words: list[str] = []
    word: list[str] = []
    inside = ""
    """The quote that is open: one of ``'``, ``"``, a backtick, or ``(`` of ``$(``."""
    started = escaped = False
    dropped = ""
    for index, char in enumerate(text):
        if escaped:
            word.append(char)
            escaped, started = False, True
        elif char == "\\":
            if inside == "'":
                word.append(char)
            else:
                escaped = True
        elif char in _SPACES:
            if inside:
                word.append(char)
            elif started:
                words.append("".join(word))
                word, started = [], False
        elif (char == "'" and inside in {"", "'", "`"}) or (char == '"' and inside in {"", '"', "`"}):
            inside = "" if inside == char else char
            started = True
        elif char in _ENDS and not inside:
            if char == ">" and word and word[0].isdigit():
                started = False  # the number of a file descriptor
            dropped = text[index:].strip()
            break
        else:
            inside = _bracketed(char, inside, after_dollar=word[-1:] == ["$"])
            word.append(char)
            started = True
    if escaped or inside:
        raise MalformedCommandError(text)
    if started:
        words.append("".join(word))
    return tuple(words), dropped


def _bracketed(char: str, inside: str, *, after_dollar: bool) -> str:
    """The quote that is open behind a backtick or a bracket, which stay in the word."""
    if char == "`" and inside in {"", "`"}:
        return "" if inside else "`"
    if char == ")" and inside == "(":
        return ""
    if char == "(" and not inside:
        if not after_dollar:
            raise MalformedCommandError("a bracket outside of quotes")
        return "("
    return inside
