"""What a project's own health check asks for: HEALTHCHECK of its image, or compose's.

Understands what curl, wget, nc and Python's clients are given, and careen's own check, as text: nothing is run.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from careen.compose.values import parse_duration
from careen.dockerfile.stages import EffectiveValue
from careen.plan.entry_points import EntryPoint
from careen.plan.roles import Role
from careen.text.values import dataclass
from careen.workspace.facts import ServiceFacts

_ASKED_BY_PORT = frozenset({Role.WEB, Role.FLOWER, Role.OTHER})
_LOCAL = r"localhost|127(?:\.\d+){3}|0\.0\.0\.0|\[::1?\]|\$\{?HOSTNAME\}?|\$\(hostname[^)]*\)"
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))")
_PORT = r"\d+|\$\{\w+(?::?-\d+)?\}|\$\w+"
_PATH = r"/[^\s\"'`()|;<>\\]*"
_PLAIN_TCP = re.compile(
    rf"""(?:create_connection|connect|connect_ex)\(\s*\(\s*["'](?:{_LOCAL})["']\s*,\s*(\d+)"""
    rf"""|\b(?:nc|ncat|netcat)\b[^|&;]*\s-\w*z\w*\s[^|&;]*?(?:{_LOCAL})\s+({_PORT})"""
    rf"""|/dev/tcp/(?:{_LOCAL})/({_PORT})"""
)
_CONNECTION = re.compile(rf"""HTTPConnection\(\s*["']({_LOCAL})(?::(\d+))?["'](?:\s*,\s*(?:port\s*=\s*)?(\d+))?""")
_REQUEST = re.compile(r"""\.request\(\s*["'](GET|HEAD)["']\s*,\s*["'](/[^"']*)["']""")
_CAREENS = re.compile(r"/health\.py (?:http (\d+) (\S+)((?: \w+=\S+)*)|tcp (\d+))")
_FAILS_AT_400 = re.compile(r"urlopen|raise_for_status|status_code|\.status\b|\bok\b")
_USUAL_HOST = re.compile(r"localhost|\[|\$")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCheck:
    """``path`` is None when only a connection is asked for. Every status below ``below`` passes. ``host`` is what the
    request names, "" for localhost. Times are in seconds, None when unsaid.
    """

    port: int | None
    path: str | None = None
    host: str = ""
    method: str = "GET"
    below: int = 400
    interval: float | None = None
    timeout: float | None = None
    start_period: float | None = None
    retries: int | None = None


def own_check(facts: ServiceFacts, entry: EntryPoint) -> OwnCheck | None:
    """Compose's goes before the image's. None when there is none of this service, or it asks in a way that is not
    understood. The check of an image that starts something else than compose does is that of a web service.
    """
    compose, image = facts.service.compose, facts.image
    variables = dict(image.environment) if image is not None else {}
    variables.update(compose.variables if compose is not None else ())
    check = compose.health if compose is not None else None
    if entry.role not in _ASKED_BY_PORT or (check is not None and check.disabled):
        return None
    if check is not None and check.test:
        found = asked(" ".join(check.test) if check.shell else shlex.join(check.test), variables, (facts.name,))
        return found and replace(
            found,
            interval=check.interval,
            timeout=check.timeout,
            start_period=check.start_period,
            retries=check.retries,
        )
    commanded_elsewhere = facts.launch is not None and facts.launch.from_compose
    if image is None or image.health is None or (commanded_elsewhere and entry.role is not Role.WEB):
        return None
    found = _of_image(image.health, variables, facts.name)
    if found is not None and commanded_elsewhere and entry.ports and found.port not in entry.ports:
        return replace(found, port=entry.ports[0])  # the command's port is compose's, and newer
    return found


def _of_image(health: EffectiveValue, variables: Mapping[str, str], name: str) -> OwnCheck | None:
    if health.arguments[:1] != ("CMD",):
        return None
    instruction, words = health.instruction, health.arguments[1:]
    found = asked(shlex.join(words) if instruction.json_form else " ".join(words), variables, (name,))
    times = {flag: parse_duration(instruction.flag(flag) or "") for flag in ("interval", "timeout", "start-period")}
    retries = instruction.flag("retries") or ""
    return found and replace(
        found,
        interval=times["interval"],
        timeout=times["timeout"],
        start_period=times["start-period"],
        retries=int(retries) if retries.isdigit() else None,
    )


def asked(command: str, variables: Mapping[str, str], names: tuple[str, ...] = ()) -> OwnCheck | None:
    """Of a command as a shell would read it; ``names`` are others by which the service calls itself."""
    if own := _CAREENS.search(command.replace("'", "")):
        return _careens(own)
    hosts = "|".join((_LOCAL, *map(re.escape, names)))
    url = re.compile(
        rf"""(?:(?P<scheme>https?)://(?:{hosts})(?::(?P<port>{_PORT}))?(?P<path>{_PATH})?"""
        rf"""|(?<![\w./-])(?:{hosts})(?::(?P<port2>{_PORT})(?P<path2>{_PATH})?|(?P<path3>{_PATH})))"""
    )
    connection = _CONNECTION.search(command)
    if connection is not None:
        request = _REQUEST.search(command)
        port = connection[2] or connection[3] or "80"
        return OwnCheck(
            port=int(port), path=request[2] if request else "/", method=request[1] if request else "GET", below=400
        )
    match = url.search(command)
    if match is None:
        plain = _PLAIN_TCP.search(command)
        port = _number(plain[1] or plain[2] or plain[3], variables) if plain is not None else None
        return OwnCheck(port=port) if port is not None else None
    port = _number(match["port"] or match["port2"] or ("443" if match["scheme"] == "https" else "80"), variables)
    if match["scheme"] == "https":
        return OwnCheck(port=port)
    path = _said(match["path"] or match["path2"] or match["path3"] or "/", variables)
    options = _Options(command)
    if path is None or options.method not in {"GET", "HEAD"}:
        return None
    named = match[0].removeprefix("http://").partition("/")[0]
    host = options.host or ("" if _USUAL_HOST.match(named) else named.partition(":")[0])
    return OwnCheck(
        port=port,
        path=path,
        method=options.method,
        below=400 if options.fails else 500,
        host=host,
    )


def _careens(match: re.Match[str]) -> OwnCheck:
    if match[4]:
        return OwnCheck(port=int(match[4]))
    words = dict(word.split("=", 1) for word in match[3].split())
    return OwnCheck(
        port=int(match[1]),
        path=match[2],
        host=words.get("host", ""),
        method=words.get("method", "GET"),
        below=int(words["below"]) if words.get("below", "").isdigit() else 400,
    )


class _Options:
    """Of curl, wget and Python's clients: how they ask, and whether an answer of 400 and more is a failure."""

    def __init__(self, command: str) -> None:
        self.method = "GET"
        self.host = ""
        self.fails = "curl" not in command and ("wget" in command or _FAILS_AT_400.search(command) is not None)
        try:
            words = shlex.split(command)
        except ValueError:  # quotes of a shell that does more than words
            words = command.split()
        words = [inner for word in words for inner in (_split(word) if "curl " in word else [word])]
        programs = [index for index, word in enumerate(words) if PurePosixPath(word).name == "curl"]
        if programs:
            for name, value in _options(words[programs[0] + 1 :]):
                self._take(name, value)

    def _take(self, name: str, value: str) -> None:
        if name in {"f", "fail", "fail-with-body"}:
            self.fails = True
        elif name in {"I", "head"}:
            self.method = "HEAD"
        elif name in {"X", "request"}:
            self.method = value.upper()
        elif name in {"d", "data"}:
            self.method = "POST"
        elif name in {"H", "header"} and value.lower().startswith("host:"):
            self.host = value.partition(":")[2].strip()


_TAKE_VALUES = frozenset("XHdmouAebrTw")


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """Curl's: short ones may stand together, the last of them with its value."""
    for index, word in enumerate(words):
        behind = words[index + 1] if index + 1 < len(words) else ""
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            yield name, value if equals else behind
        elif word.startswith("-"):
            for position, letter in enumerate(word[1:], 1):
                if letter in _TAKE_VALUES:
                    yield letter, word[position + 1 :] or behind
                    break
                yield letter, ""


def _split(word: str) -> list[str]:
    try:
        return shlex.split(word)
    except ValueError:
        return word.split()


def _number(text: str, variables: Mapping[str, str]) -> int | None:
    """None for a variable that nothing says: the port is then the service's own."""
    told = _said(text, variables)
    return int(told) if told is not None and told.isdigit() else None


def _said(text: str, variables: Mapping[str, str]) -> str | None:
    values = [variables.get(match[1] or match[3]) or match[2] for match in _VARIABLE.finditer(text)]
    if None in values:
        return None
    remaining = iter(values)
    return _VARIABLE.sub(lambda _: next(remaining) or "", text)
