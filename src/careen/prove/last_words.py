"""Why a service ended, from the last lines that it printed: the variable, the address or the file that it lacked.

Knows the words of Python itself, of the usual readers of settings, of clients of databases and brokers, and of the
servers that load applications. Any other log is told by its last exception, or by its last line.
"""

import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from urllib.parse import urlsplit

from careen.text.values import dataclass

_LONGEST = 20_000
_MOST_SAID = 240
_MOST_NAMED = 8


class Lack(StrEnum):
    """What kind of thing a service did without."""

    VARIABLE = "variable"
    SERVER = "server"
    NAME = "name"
    FILE = "file"
    MODULE = "module"
    RIGHT = "right"
    ARGUMENT = "argument"
    TABLE = "table"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """``said`` is a clause for people. ``what`` are the things that were lacking: names of variables, HOST:PORT or
    hosts, paths, modules; () where the log does not name them.
    """

    lack: Lack
    said: str
    what: tuple[str, ...] = ()


def cause_of(log: str, *, ended: bool = True) -> Cause | None:
    """What the end of a log tells; None where it tells nothing. What a service that has not ``ended`` says last is but
    the last so far.
    """
    text = _COLOURS.sub("", log[-_LONGEST:]).replace("\r", "")
    lines = [line for line in text.splitlines() if not _OF_CAREENS_START.match(line.strip())]
    end = _end_of("\n".join(lines))
    return _known(end) or _raised(end) or _known("\n".join(lines)) or (_last_of(lines) if ended else None)


_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_OF_CAREENS_START = re.compile(r"`.+` ended with \d+: the service is not started")
_TRACEBACK = re.compile(r"^[ +|]*(?:Exception Group )?Traceback \(most recent call last\):$", re.MULTILINE)
_CHAINED = re.compile(r"^[ |]*(?:The above exception was the direct cause|During handling of the above)", re.MULTILINE)
_ERROR = re.compile(r"(?:ERROR|CRITICAL|FATAL|Error|error)\b")
_DRAWN = re.compile("[\u2500-\u257f]+")
"""Boxes, which command lines draw around what they say."""


def _end_of(text: str) -> str:
    """The last traceback with those that it comes of, and what follows: earlier troubles have been got over."""
    begins = [match.start() for match in _TRACEBACK.finditer(text)]
    if not begins:
        return text
    start = begins.pop()
    while begins and _CHAINED.search(text, begins[-1], start):
        start = begins.pop()
    return text[start:]


def _raised(end: str) -> Cause | None:
    """The exception under the last traceback: the first line behind it that is not indented."""
    headers = list(_TRACEBACK.finditer(end))
    if not headers:
        return None
    for line in end[headers[-1].end() :].splitlines():
        if line and line[0] not in " +|\t":
            return Cause(lack=Lack.OTHER, said=_short(line))
    return None


def _last_of(lines: list[str]) -> Cause | None:
    """With the errors just above it, where it is one."""
    plain = [text for line in lines if len(text := _DRAWN.sub(" ", line).strip(" -=*~^|")) > 1]
    if not plain:
        return None
    first = len(plain) - 1
    while first > 0 and _ERROR.match(plain[first]) and _ERROR.match(plain[first - 1]):
        first -= 1
    return Cause(lack=Lack.OTHER, said=f"the last that it said is: {_short(' '.join(plain[first:]))}")


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MOST_SAID else f"{text[:_MOST_SAID]}..."


def _known(text: str) -> Cause | None:
    """Of what names a thing the last one; else the last that does not."""
    found: list[tuple[bool, int, Cause]] = []
    for pattern, tell in _WORDS:
        for match in pattern.finditer(text):
            cause = tell(match)
            if cause is not None:
                found.append((bool(cause.what), match.start(), cause))
    return max(found, key=lambda item: item[:2])[2] if found else None


# Settings

_READS_ENVIRONMENT = re.compile(r"environ|<frozen os>|/os\.py")
_SETTINGS = re.compile(r"sett|conf|env", re.IGNORECASE)
_LACKING = (
    r"(?:(?:is |was |are |has |have )?not (?:been )?(?:set|defined|found|provided|configured)"
    r"|(?:is |was |are )?(?:unset|undefined|missing|required|empty)"
    r"|(?:must|should|needs to) be (?:set|defined|provided))"
)
_MISSING = re.compile(r"type=missing|value_error\.missing")


def _variable(match: re.Match[str]) -> Cause | None:
    name = match["name"]
    return Cause(lack=Lack.VARIABLE, said=f"the variable {name} is not set", what=(name,))


def _key(match: re.Match[str]) -> Cause | None:
    """A KeyError says nothing of where it looked; the lines above it do."""
    frames = match.string[max(match.start() - 400, 0) : match.start()]
    return _variable(match) if _READS_ENVIRONMENT.search(frames) else None


def _validation(match: re.Match[str]) -> Cause | None:
    """Of pydantic, 1 and 2: a line with a field's name, an indented one with the complaint, and so on. Values are not
    repeated, since they may be secret.
    """
    missing: dict[str, None] = {}  # a log may tell it twice
    refused: dict[str, str] = {}
    field = ""
    for line in match["fields"].splitlines():
        if line[:1] != " ":
            field = line.strip().replace(" -> ", ".")
        elif field and _MISSING.search(line):
            missing[field] = None
            field = ""
        elif field:
            refused[field] = f"{field}: {line.strip().partition(' [type=')[0].partition(' (type=')[0]}"
            field = ""
    model = match["model"]
    lack = Lack.VARIABLE if _SETTINGS.search(model) else Lack.OTHER
    if missing:
        said = f"{model} asks for {_listed(tuple(missing))}, which nothing sets"
        return Cause(lack=lack, said=said, what=tuple(missing))
    if refused:
        said = _short(f"{model} does not take {_listed(tuple(refused.values()))}")
        return Cause(lack=lack, said=said, what=tuple(refused))
    return None


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more}"


# Servers

_UNRESOLVED = re.compile(r"Errno -[235]\]|Error -[235] |not known|name resolution|NameResolution|getaddrinfo|nodename")


def _server(match: re.Match[str]) -> Cause | None:
    """``host`` and ``port``; whether the name or the server was lacking is said on the same line."""
    host, port = match["host"], match["port"]
    line = match.string[match.start() : _end_of_line(match)]
    if _UNRESOLVED.search(line):
        return _host(host)
    place = f"{host}:{port}" if port else host
    return Cause(lack=Lack.SERVER, said=f"nothing answers at {place}", what=(place,))


def _host(host: str) -> Cause:
    return Cause(lack=Lack.NAME, said=f"there is no host {host}", what=(host,))


def _address(match: re.Match[str]) -> Cause | None:
    try:
        parts = urlsplit(match["url"])
        host, port = parts.hostname, parts.port or {"https": 443}.get(parts.scheme, 80)
    except ValueError:
        return None
    if host is None:
        return None
    return Cause(lack=Lack.SERVER, said=f"nothing answers at {host}:{port}", what=(f"{host}:{port}",))


def _end_of_line(match: re.Match[str]) -> int:
    end = match.string.find("\n", match.end())
    return end if end >= 0 else len(match.string)


# Files, modules and rights


def _plain(lack: Lack, said: str) -> Callable[[re.Match[str]], Cause | None]:
    """``said`` with ``{name}`` and other groups of the pattern; ``name`` is what was lacking."""

    def tell(match: re.Match[str]) -> Cause | None:
        groups = {name: (value or "").strip() for name, value in match.groupdict().items()}
        name = groups.get("name", "")
        return Cause(lack=lack, said=_short(said.format(**groups)), what=(name,) if name else ())

    return tell


def _words() -> Iterator[tuple[re.Pattern[str], Callable[[re.Match[str]], Cause | None]]]:
    name, host, port = r"(?P<name>[A-Za-z_]\w*)", r"(?P<host>[\w.-]+)", r"(?P<port>\d+)"
    upper = r"(?P<name>[A-Z][A-Z0-9]*_?[A-Z0-9_]+)"
    quote = "[\"'`]?"

    def of(pattern: str) -> re.Pattern[str]:
        return re.compile(pattern, re.MULTILINE)

    yield of(rf"^KeyError: '{name}'"), _key
    yield of(rf"Config '{name}' is missing, and has no default"), _variable  # starlette
    yield of(rf"UndefinedValueError: {name} not found"), _variable  # decouple
    yield of(rf"Set the {name} environment variable"), _variable  # django-environ
    yield of(rf"The {upper} setting must not be empty"), _variable  # Django
    yield (
        of(rf"[Ee]nvironment variables? {quote}{name}{quote} {_LACKING}"),
        _variable,
    )
    yield (
        of(rf"^[\w.]+: .*?{quote}\b{upper}\b{quote}(?: environment variable| env var| variable| setting)? {_LACKING}"),
        _variable,
    )
    yield (
        of(r"\d+ validation errors? for (?P<model>[\w.\[\], ]+)\n(?P<fields>(?:[^\n]*\n?){1,80})"),
        _validation,
    )

    yield of(rf'could not translate host name "{host}" to address'), lambda match: _host(match["host"])
    yield (
        of(rf'connection to server at "{host}"(?: \([^)]*\))?, port {port} failed: (?!.*FATAL)'),
        _server,
    )
    yield of(rf"Connect call failed \('{host}', {port}"), _server
    yield of(rf"Error -?\d+ connecting to {host}:{port}\."), _server  # redis
    yield of(rf"HTTPS?Connection(?:Pool)?\(host='{host}', port={port}\)"), _server
    yield of(rf"Can't connect to (?:MySQL )?server on '{host}(?::(?P<port>\d+))?'"), _server
    yield of(rf"[Cc]annot connect to host {host}:{port}"), _server  # aiohttp
    yield of(rf"Cannot connect to \w+://(?:[^@\s/]*@)?{host}:{port}/"), _server  # kombu
    yield of(rf"(?<![\w@/.-]){host}:{port}:? \[Errno -?\d+\]"), _server  # pymongo, careen's start program
    yield of(r'Could not connect to the endpoint URL: "(?P<url>[^"\s]+)"'), _address  # botocore
    yield of(r"gaierror: \[Errno -[235]\]"), _plain(Lack.NAME, "a host name that it asks for is not known here")
    yield (
        of(r"(?:ConnectionRefusedError|ConnectError|OperationalError|ConnectionError)\b.*(?:refused|attempts failed)"),
        _plain(Lack.SERVER, "a server that it asks for does not answer"),
    )
    yield (
        of(r"FATAL: +(?P<said>(?:password authentication failed|database|role) [^\n]*)"),
        _plain(Lack.OTHER, "the database refuses it: {said}"),
    )

    yield (
        of(r"FileNotFoundError: \[Errno 2\] No such file or directory: ['\"](?P<name>[^'\"\n]+)"),
        _plain(Lack.FILE, "{name} is not in the image"),
    )
    yield of(r"can't open file '(?P<name>[^'\n]+)'"), _plain(Lack.FILE, "{name} is not in the image")
    yield of(r"FAILED: No config file '(?P<name>[^'\n]+)' found"), _plain(Lack.FILE, "{name} is not in the image")
    yield of(r"FAILED: Path doesn't exist: (?P<name>\S+?)\.? "), _plain(Lack.FILE, "{name} is not in the image")
    yield (
        of(r"PermissionError: \[Errno 13\] Permission denied: ['\"](?P<name>[^'\"\n]+)"),
        _plain(Lack.RIGHT, "it may not touch {name}"),
    )
    yield (
        of(r"OSError: \[Errno 30\] Read-only file system: ['\"](?P<name>[^'\"\n]+)"),
        _plain(Lack.RIGHT, "it wants to write to {name}"),
    )
    yield of(r"unable to open database file"), _plain(Lack.RIGHT, "it cannot open the file of its database")
    yield (
        of(r"ModuleNotFoundError: No module named '(?P<name>[^'\n]+)'"),
        _plain(Lack.MODULE, "the module {name} is not in the image"),
    )
    yield (
        of(r"ImportError: (?P<name>lib[\w.+-]+): cannot open shared object file"),
        _plain(Lack.MODULE, "the library {name} is not in the image"),
    )
    yield (
        of(r"ImportError: cannot import name '(?P<wanted>\w+)' from '(?P<module>[\w.]+)' \(\S*-packages/"),
        _plain(
            Lack.OTHER, "{module}, as it is installed, has no {wanted}: it is of another version than the code asks for"
        ),
    )
    yield (
        of(r"ImportError: cannot import name '(?P<wanted>\w+)' from '(?P<module>[\w.]+)' \((?!\S*-packages/)"),
        _plain(Lack.OTHER, "{module} of the project has no {wanted}"),
    )
    yield (
        of(r"Attribute \"(?P<wanted>[\w.]+)\" not found in module \"(?P<module>[\w.]+)\""),
        _plain(Lack.OTHER, "{module} of the project has no {wanted}"),
    )
    yield (
        of(r"Failed to find attribute '(?P<wanted>[\w.]+)' in '(?P<module>[\w.]+)'"),
        _plain(Lack.OTHER, "{module} of the project has no {wanted}"),
    )
    yield (
        of(r"Could not import module \"(?P<name>[\w.]+)\""),
        _plain(Lack.MODULE, "the module {name} is not in the image, or fails to load"),
    )
    yield (
        of(r"Could not locate a Flask application"),
        _plain(Lack.OTHER, "Flask finds no application: nothing sets FLASK_APP, and there is no wsgi.py or app.py"),
    )

    yield (
        of(r"Missing (?P<kind>argument|option|parameter|command)(?: ['\"](?P<name>[^'\"\n]+)['\"])?"),
        _plain(Lack.ARGUMENT, "its command line lacks the {kind} {name}"),
    )
    yield (
        of(r"error: the following arguments are required: (?P<name>[^\n]+)"),
        _plain(Lack.ARGUMENT, "its command line lacks {name}"),
    )
    for pattern in (r'relation "(?P<name>[^"\n]+)" does not exist', r"no such table: (?P<name>[\w.]+)"):
        yield of(pattern), _plain(Lack.TABLE, "its database has no table {name}")
    yield of(r"Table '(?P<name>[^'\n]+)' doesn't exist"), _plain(Lack.TABLE, "its database has no table {name}")


_WORDS = tuple(_words())
