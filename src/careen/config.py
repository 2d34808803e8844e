"""What the user chose: ``[tool.careen]`` of pyproject.toml, or the whole of careen.toml.

[tool.careen]
base = "debian:bookworm"
ignore = { "no-resource-limits" = "limits are set by the cluster" }
fail-on = "medium"

[tool.careen.services.api]
entrypoint = ["uvicorn", "shelf.api.main:app"]
include = ["psycopg"]
exclude = ["boto3"]
data = ["templates/**"]
budget = "120MB"
memory = "256MB"
health = { path = "/healthz" }
writable = ["/var/cache/shelf"]
stop-grace-seconds = 30

[tool.careen.prove]
smoke = ["python", "scripts/smoke.py"]
smoke-service = "api"
"""

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import field
from pathlib import PurePosixPath

from careen.errors import CareenError
from careen.findings import Severity
from careen.text.problems import SyntaxProblem
from careen.text.source import Source
from careen.text.values import dataclass

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|kB|KB|MB|GB)?")
_UNITS = {None: 1, "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9}


class InvalidConfigError(CareenError):
    """A key or value of the configuration is not one of careen's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceConfig:
    """Overrides for one service; None and empty mean that careen decides."""

    entrypoint: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    budget_bytes: int | None = None
    memory_bytes: int | None = None
    health_path: str | None = None
    health_command: tuple[str, ...] = ()
    writable: tuple[PurePosixPath, ...] = ()
    stop_grace_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """``ignored`` maps rules to the reason that the user gave for not wanting to hear of them."""

    base: str | None = None
    fail_on: Severity | None = None
    ignored: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, ServiceConfig] = field(default_factory=dict)
    smoke: tuple[str, ...] = ()
    smoke_service: str | None = None

    def service(self, name: str) -> ServiceConfig:
        return self.services.get(name, _NOTHING)


_NOTHING = ServiceConfig()
_TOP_KEYS = ("base", "fail-on", "ignore", "services", "prove")
_SERVICE_KEYS = (
    "entrypoint",
    "include",
    "exclude",
    "data",
    "budget",
    "memory",
    "health",
    "writable",
    "stop-grace-seconds",
)


def parse_bytes(text: str) -> int:
    """``120MB``, ``1.5 GB``, ``4096``: decimal units. Raises InvalidConfigError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise InvalidConfigError(f"not a size: {text!r}", hints=("write it like 120MB or 1.5GB",))
    return round(float(match[1]) * _UNITS[match[2]])


def read_config(source: Source, *, table: tuple[str, ...]) -> Config:
    """The configuration in ``table`` of a TOML file (``("tool", "careen")`` or ``()``); defaults when it is absent.

    Raises SyntaxProblem for text that is not TOML and InvalidConfigError, with the key's path, for the rest.
    """
    try:
        document: object = tomllib.loads(source.text.removeprefix("\ufeff").replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise SyntaxProblem(source.path, int(line[1]) if line else 1, f"not TOML: {error}") from error
    for key in table:
        document = document.get(key, {}) if isinstance(document, dict) else {}
    return _Reader(source).config(document)


class _Reader:
    """Reads tables with the path of every complaint: ``tool.careen.services.api.budget``."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def config(self, value: object) -> Config:
        table = self._table(value, (), _TOP_KEYS)
        prove = self._table(table.get("prove", {}), ("prove",), ("smoke", "smoke-service"))
        services = self._table(table.get("services", {}), ("services",), None)
        fail_on = self._string(table.get("fail-on"), ("fail-on",))
        if fail_on is not None and fail_on not in {severity.value for severity in Severity}:
            raise self._error(("fail-on",), f"{fail_on!r} is not one of {', '.join(Severity)}")
        ignored = self._table(table.get("ignore", {}), ("ignore",), None)
        return Config(
            base=self._string(table.get("base"), ("base",)),
            fail_on=Severity(fail_on) if fail_on is not None else None,
            ignored={rule: self._reason(rule, reason) for rule, reason in ignored.items()},
            services={name: self._service(name, service) for name, service in services.items()},
            smoke=self._strings(prove.get("smoke", []), ("prove", "smoke")),
            smoke_service=self._string(prove.get("smoke-service"), ("prove", "smoke-service")),
        )

    def _service(self, name: str, value: object) -> ServiceConfig:
        path = ("services", name)
        table = self._table(value, path, _SERVICE_KEYS)
        health = self._table(table.get("health", {}), (*path, "health"), ("path", "command"))
        grace = table.get("stop-grace-seconds")
        if grace is not None and (isinstance(grace, bool) or not isinstance(grace, int) or grace < 0):
            raise self._error((*path, "stop-grace-seconds"), "must be a whole number of seconds")
        return ServiceConfig(
            entrypoint=self._strings(table.get("entrypoint", []), (*path, "entrypoint")),
            include=self._strings(table.get("include", []), (*path, "include")),
            exclude=self._strings(table.get("exclude", []), (*path, "exclude")),
            data=self._strings(table.get("data", []), (*path, "data")),
            budget_bytes=self._bytes(table.get("budget"), (*path, "budget")),
            memory_bytes=self._bytes(table.get("memory"), (*path, "memory")),
            health_path=self._string(health.get("path"), (*path, "health", "path")),
            health_command=self._strings(health.get("command", []), (*path, "health", "command")),
            writable=tuple(
                PurePosixPath(item) for item in self._strings(table.get("writable", []), (*path, "writable"))
            ),
            stop_grace_seconds=grace,
        )

    def _reason(self, rule: str, value: object) -> str:
        reason = self._string(value, ("ignore", rule))
        if not reason:
            raise self._error(("ignore", rule), "a rule is ignored for a reason: give one")
        return reason

    def _table(self, value: object, path: tuple[str, ...], keys: tuple[str, ...] | None) -> Mapping[str, object]:
        if not isinstance(value, dict):
            raise self._error(path, "must be a table")
        for key in value:
            if keys is not None and key not in keys:
                near = difflib.get_close_matches(key, keys, n=1)
                hint = f"did you mean `{near[0]}`?" if near else f"known keys: {', '.join(keys)}"
                raise self._error((*path, key), "unknown key", hint)
        return value

    def _string(self, value: object, path: tuple[str, ...]) -> str | None:
        if value is not None and not isinstance(value, str):
            raise self._error(path, "must be a string")
        return value

    def _strings(self, value: object, path: tuple[str, ...]) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._error(path, "must be a list of strings")
        return tuple(value)

    def _bytes(self, value: object, path: tuple[str, ...]) -> int | None:
        text = self._string(value, path)
        try:
            return None if text is None else parse_bytes(text)
        except InvalidConfigError as error:
            raise self._error(path, error.message, *error.hints) from error

    def _error(self, path: tuple[str, ...], complaint: str, *hints: str) -> InvalidConfigError:
        line = self._line_of(path[-1]) if path else 1
        where = ".".join(("tool.careen", *path)) if self._source.path.name == "pyproject.toml" else ".".join(path)
        return InvalidConfigError(f"{self._source.path}:{line}: {where}: {complaint}", hints=hints)

    def _line_of(self, key: str) -> int:
        """TOML readers keep no places; the first line that sets or heads the key is the one a person looks for."""
        match = re.search(rf"^\s*(\[[^\]\n]*)?[\"']?{re.escape(key)}[\"']?\s*[=\]]", self._source.text, re.MULTILINE)
        return self._source.line_of(match.start()) if match else 1
