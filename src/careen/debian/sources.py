"""Where Debian packages come from, by apt's own configuration (sources.list(5), apt.conf(5)).

Only the Debian archive itself counts: repositories of other origin, even those made for Debian, are passed over.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TypeVar
from urllib.parse import urlsplit

from careen.debian.control import ControlError, read_paragraphs
from careen.errors import CareenError, ExitCode
from careen.text.problems import SyntaxProblem
from careen.text.values import dataclass

_Item = TypeVar("_Item")
ARCHIVE_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_ONE_LINE = re.compile(r"(deb|deb-src)[ \t]+(?:\[([^\]]*)\][ \t]+)?(\S+)[ \t]+(\S+)(?:[ \t]+(.*))?")
_FALSE = frozenset({"no", "false", "without", "off", "disable", "0"})
_SETTING = re.compile(
    r"""//[^\n]* | /\*.*?\*/ | ^[ \t]*\#[^\n]* | "(?P<quoted>[^"\n]*)" | (?P<mark>[{};]) | (?P<word>[^\s{};"]+)""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)


class NoMirrorError(CareenError):
    """apt's configuration names no Debian mirror."""

    exit_code = ExitCode.MISSING


@dataclass(frozen=True, slots=True, kw_only=True)
class AptSource:
    """One entry for binary packages. ``signed_by`` holds keyring files; ``signed_by_keys`` armoured keys."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: tuple[Path, ...] = ()
    signed_by_keys: tuple[str, ...] = ()
    check_valid_until: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AptConfiguration:
    sources: tuple[AptSource, ...]
    check_valid_until: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteSource:
    """One suite's component ``main``, offered alike by every mirror in ``mirrors`` (no trailing slash)."""

    suite: str
    mirrors: tuple[str, ...]
    keyrings: tuple[Path, ...] = (ARCHIVE_KEYRING,)
    keys: tuple[str, ...] = ()
    check_valid_until: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseSources:
    """The suites of a release: the release itself, its updates, its security updates."""

    release: str
    suites: tuple[SuiteSource, ...]


def read_configuration(folder: Path) -> AptConfiguration:
    """Reads what apt would read below ``folder`` (as a rule ``/etc/apt``).

    Raises SyntaxProblem; a missing folder gives a configuration without sources.
    """
    settings: dict[str, str] = {}
    for path in (*_files(folder / "apt.conf.d", ("", ".conf")), folder / "apt.conf"):
        if path.is_file():
            settings.update(parse_settings(_text(path)))
    sources: list[AptSource] = []
    for path in (folder / "sources.list", *_files(folder / "sources.list.d", (".list", ".sources"))):
        if path.is_file():
            parse = parse_deb822 if path.suffix == ".sources" else parse_one_line
            sources += parse(_text(path), path=PurePosixPath(path.name))
    return AptConfiguration(
        sources=tuple(sources), check_valid_until=_truth(settings.get("acquire::check-valid-until", "true"))
    )


def parse_one_line(text: str, *, path: PurePosixPath) -> Iterator[AptSource]:
    """``deb [option=value] uri suite component...``, one a line. Raises SyntaxProblem."""
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.partition("#")[0].strip()
        if not entry or re.match(r"deb(-src)?\s.*\bcdrom:", entry):
            continue
        match = _ONE_LINE.fullmatch(entry)
        if match is None:
            raise SyntaxProblem(path, number, "not an apt source")
        kind, options_text, uri, suite, components = match.groups()
        options: dict[str, str] = {}
        for pair in (options_text or "").split():
            name, _, value = pair.partition("=")
            options[name.lower().rstrip("+-")] = value
        if kind == "deb":
            yield AptSource(
                uris=(uri.rstrip("/"),),
                suites=(suite,),
                components=tuple((components or "").split()),
                signed_by=_keyrings(options.get("signed-by", "").split(",")),
                check_valid_until=_truth(options.get("check-valid-until", "yes")),
            )


def parse_deb822(text: str, *, path: PurePosixPath) -> Iterator[AptSource]:
    """Paragraphs with Types, URIs, Suites, Components. Raises SyntaxProblem."""
    try:
        paragraphs = list(read_paragraphs(text))
    except ControlError as error:
        raise SyntaxProblem(path, 1, error.message) from error
    for fields in paragraphs:
        if "deb" not in fields.get("types", "").split() or not _truth(fields.get("enabled", "yes")):
            continue
        if not fields.get("uris") or not fields.get("suites"):
            raise SyntaxProblem(path, 1, "an apt source without URIs or Suites")
        signed_by = fields.get("signed-by", "")
        inline = "BEGIN PGP PUBLIC KEY BLOCK" in signed_by
        yield AptSource(
            uris=tuple(uri.rstrip("/") for uri in fields["uris"].split()),
            suites=tuple(fields["suites"].split()),
            components=tuple(fields.get("components", "").split()),
            signed_by=() if inline else _keyrings(re.split(r"[\s,]+", signed_by)),
            signed_by_keys=(_unfolded(signed_by),) if inline else (),
            check_valid_until=_truth(fields.get("check-valid-until", "yes")),
        )


def parse_settings(text: str) -> Mapping[str, str]:
    """Settings by their full lower-case name, ``acquire::check-valid-until``; lists keep their last value."""
    found: dict[str, str] = {}
    scopes: list[str] = []
    words: list[str] = []
    for token in _SETTING.finditer(text):
        if token["quoted"] is not None or token["word"] is not None:
            words.append(token["quoted"] if token["quoted"] is not None else token["word"])
        elif token["mark"] == "{":
            scopes.append(words[0] if words else "")
            words = []
        elif token["mark"] == "}":
            del scopes[-1:]
            words = []
        elif token["mark"] == ";":
            if len(words) > 1:
                found["::".join((*scopes, words[0])).lower()] = words[1]
            words = []
    return found


def sources_for(release: str, configuration: AptConfiguration) -> ReleaseSources:
    """The release's suites on the mirrors that this machine uses, whatever release those are used for.

    Raises NoMirrorError.
    """
    archive = [source for source in configuration.sources if _is_debian(source)]
    security = [source for source in archive if any(_is_security(suite) for suite in source.suites)]
    main = [source for source in archive if any(not _is_security(suite) for suite in source.suites)]
    if not main:
        raise NoMirrorError(
            "apt is configured for no Debian mirror on this machine",
            hints=("name one for careen, or build upon another base image",),
        )
    suites = [_suite(suite, main, configuration) for suite in (release, f"{release}-updates")]
    if security:
        suites.append(_suite(f"{release}-security", security, configuration))
    return ReleaseSources(release=release, suites=tuple(suites))


def _suite(suite: str, sources: list[AptSource], configuration: AptConfiguration) -> SuiteSource:
    keyrings = [keyring for source in sources for keyring in source.signed_by]
    keys = [key for source in sources for key in source.signed_by_keys]
    if not keys or any(suite not in source.suites for source in sources):
        keyrings.append(ARCHIVE_KEYRING)  # a keyring of one release need not know another's keys
    return SuiteSource(
        suite=suite,
        mirrors=_once(uri for source in sources for uri in source.uris),
        keyrings=_once(keyrings),
        keys=_once(keys),
        check_valid_until=configuration.check_valid_until and all(source.check_valid_until for source in sources),
    )


def _is_debian(source: AptSource) -> bool:
    """By keyring or by address; the Release file's Origin has the last word when it is read."""
    if "main" not in source.components:
        return False
    if any(keyring.name.startswith("debian-archive-") for keyring in source.signed_by):
        return True
    places = [urlsplit(uri).path.split("/") for uri in source.uris]
    return all("debian" in place or "debian-security" in place for place in places) and not source.signed_by


def _is_security(suite: str) -> bool:
    return suite.endswith(("-security", "/updates"))


def _files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix in suffixes and not path.name.startswith("."))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _truth(value: str) -> bool:
    return value.strip().lower() not in _FALSE


def _keyrings(words: Iterable[str]) -> tuple[Path, ...]:
    """Fingerprints may stand among the files; they narrow what a keyring may sign, and are not needed for Debian's."""
    return tuple(Path(word) for word in words if word.startswith("/"))


def _unfolded(key: str) -> str:
    return "\n".join("" if line.strip() == "." else line.strip() for line in key.splitlines()) + "\n"


def _once(items: Iterable[_Item]) -> tuple[_Item, ...]:
    return tuple(dict.fromkeys(items))
