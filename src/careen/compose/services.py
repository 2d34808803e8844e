"""From YAML nodes to services. Anything unexpected is a note, never a crash: other tools read these files too."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath

from careen.compose.document import ComposeDocument, YamlEntry, YamlMapping, YamlNode, YamlScalar, YamlSequence
from careen.compose.interpolate import interpolate
from careen.compose.model import (
    Build,
    Command,
    ComposeService,
    Dependency,
    HealthCheck,
    Located,
    Mount,
    ResourceLimits,
)
from careen.compose.values import parse_duration, parse_number, parse_size, plain_value
from careen.compose.words import MalformedCommandError, split_line
from careen.text.source import Source, Span

_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*://|git@|github\.com/|service:|docker-image:")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_DRIVE_COLON = re.compile(r"(^[A-Za-z]|(?<=:)[A-Za-z]):(?=[\\/])")
_MOST_PORTS = 1000

FolderOf = Callable[[PurePosixPath], PurePosixPath]
"""Where the relative paths of a file start, itself relative to the project's folder."""


class ServiceReader:
    """Reads the services of one document; ``variables`` are those of the ``.env`` file beside it."""

    def __init__(self, document: ComposeDocument, variables: Mapping[str, str], folder_of: FolderOf) -> None:
        self._document = document
        self._variables = variables
        self._folder_of = folder_of
        self.notes: list[str] = []

    def located(self, span: Span, origin: Source | None = None) -> Located:
        """``origin`` is the file of a node that came from another one than the document's."""
        source = origin or self._document.source
        line, end_line = source.lines_of(span)
        return Located(source.path, span, line, end_line)

    def read(self, name: str, entry: YamlEntry) -> ComposeService:
        place = self.located(entry.key.span, entry.key.origin)
        node = entry.value if isinstance(entry.value, YamlMapping) else YamlMapping((), entry.value.span)
        privileged = node.entry("privileged")
        return ComposeService(
            name=name,
            place=place,
            image=self._text(node.get("image")),
            build=self._build(node.entry("build")),
            command=self._command(node.entry("command")),
            entrypoint=self._command(node.entry("entrypoint")),
            environment=self._from_outside(self._pairs(node.get("environment"))),
            ports=tuple(self._ports(node)),
            mounts=tuple(self._mounts(node.get("volumes"))),
            health=self._health(node.entry("healthcheck")),
            limits=self._limits(node),
            stop_grace_seconds=parse_duration(self._text(node.get("stop_grace_period")) or ""),
            stop_signal=self._text(node.get("stop_signal")),
            user=self._text(node.get("user")),
            init=self._truth(node.get("init")),
            read_only=self._truth(node.get("read_only")),
            tmpfs=self._strings(node.get("tmpfs")),
            privileged=self.located(privileged.span, privileged.key.origin)
            if privileged and self._truth(privileged.value)
            else None,
            cap_add=self._strings(node.get("cap_add")),
            cap_drop=self._strings(node.get("cap_drop")),
            security_opt=self._strings(node.get("security_opt")),
            depends_on=tuple(self._depends_on(node)),
            profiles=self._strings(node.get("profiles")),
            working_directory=self._text(node.get("working_dir")),
            network_mode=self._text(node.get("network_mode")),
            env_files=self._env_files(node.get("env_file")),
            pid_mode=self._text(node.get("pid")),
            aliases=tuple(self._aliases(node)),
            links=tuple(self._links(node)),
        )

    def _text(self, node: YamlNode | None) -> str | None:
        if not isinstance(node, YamlScalar) or node.is_null:
            return None
        found = interpolate(node.text, self._variables)
        for name in sorted(found.missing):
            place = self.located(node.span, node.origin)
            self.notes.append(f"{place.path}:{place.line}: the variable {name} is not set; it becomes nothing")
        return found.text

    def _path(self, node: YamlNode | None) -> str | None:
        """A path relative to the project's folder, though the file that says it may stand elsewhere."""
        text = self._text(node)
        if text is None or node is None or text.startswith(("/", "~")) or _ELSEWHERE.match(text):
            return text
        folder = self._folder_of((node.origin or self._document.source).path)
        return text if folder == PurePosixPath() else str(folder / text)

    def _truth(self, node: YamlNode | None) -> bool:
        text = self._text(node)
        return text is not None and YamlScalar(text, Span(0, 0)).truth is True

    def _strings(self, node: YamlNode | None) -> tuple[str, ...]:
        nodes = node.items if isinstance(node, YamlSequence) else (node,)
        return tuple(text for item in nodes if (text := self._text(item)) is not None)

    def _pairs(self, node: YamlNode | None) -> tuple[tuple[str, str | None], ...]:
        if isinstance(node, YamlMapping):
            return tuple((entry.key.text, self._written(entry.value)) for entry in node)
        pairs: list[tuple[str, str | None]] = []
        for text in self._strings(node):
            name, equals, value = text.partition("=")
            pairs.append((name, value if equals else None))
        return tuple(pairs)

    def _written(self, node: YamlNode) -> str | None:
        """Numbers and truths are read as YAML before they become strings; what has a reference in it is a string."""
        text = self._text(node)
        if isinstance(node, YamlScalar) and node.plain and text is not None and "$" not in node.text:
            return plain_value(text)
        return text

    def _from_outside(self, pairs: tuple[tuple[str, str | None], ...]) -> tuple[tuple[str, str | None], ...]:
        """A name without a value takes that of the ``.env`` file, if it has one."""
        return tuple((name, self._variables.get(name) if value is None else value) for name, value in pairs)

    def _build(self, entry: YamlEntry | None) -> Build | None:
        if entry is None:
            return None
        node = entry.value if isinstance(entry.value, YamlMapping) else YamlMapping((), entry.value.span)
        return Build(
            context=self._path(node.get("context") if isinstance(entry.value, YamlMapping) else entry.value)
            or str(self._folder_of((entry.key.origin or self._document.source).path)),
            dockerfile=self._text(node.get("dockerfile")),
            inline_dockerfile=self._text(node.get("dockerfile_inline")),
            target=self._text(node.get("target")) or None,
            arguments=self._from_outside(self._pairs(node.get("args"))),
            place=self.located(entry.span, entry.key.origin),
        )

    def _command(self, entry: YamlEntry | None) -> Command | None:
        if entry is None or (isinstance(entry.value, YamlScalar) and entry.value.is_null):
            return None
        place = self.located(entry.span, entry.key.origin)
        if isinstance(entry.value, YamlSequence):
            return Command(argv=self._strings(entry.value), written_as_string=False, place=place)
        text = self._text(entry.value) or ""
        try:
            argv, dropped = split_line(text)
        except MalformedCommandError:
            self.notes.append(f"{place.path}:{place.line}: the command has an open quote or bracket")
            argv, dropped = tuple(text.split()), ""
        return Command(argv=argv, written_as_string=True, place=place, dropped=dropped)

    def _ports(self, node: YamlMapping) -> Iterator[tuple[int | None, int]]:
        ports = node.get("ports")
        for item in ports.items if isinstance(ports, YamlSequence) else ():
            if isinstance(item, YamlMapping):
                target = self._text(item.get("target")) or ""
                published = self._text(item.get("published")) or ""
            else:
                published, _, target = (self._text(item) or "").partition("/")[0].rpartition(":")
                published = published.rpartition(":")[2]
            outside = _range(published)
            for index, inside in enumerate(_range(target)):
                # A wider range outside means that some port of it is taken.
                yield (outside[index] if len(outside) == len(_range(target)) else None, inside)
        for text in self._strings(node.get("expose")):
            for inside in _range(text.partition("/")[0]):
                yield (None, inside)

    def _mounts(self, node: YamlNode | None) -> Iterator[Mount]:
        for item in node.items if isinstance(node, YamlSequence) else ():
            place = self.located(item.span, item.origin)
            if isinstance(item, YamlMapping):
                kind = self._text(item.get("type")) or "volume"
                written = item.get("source") or item.get("src")
                yield Mount(
                    kind=kind,
                    source=self._path(written) if kind == "bind" else self._text(written),
                    target=self._text(item.get("target") or item.get("dst") or item.get("destination")) or "",
                    read_only=self._truth(item.get("read_only")),
                    place=place,
                )
                continue
            parts = _DRIVE_COLON.sub("\\1\0", self._text(item) or "").split(":")
            parts = [part.replace("\0", ":") for part in parts]
            if len(parts) == 1:
                yield Mount(kind="volume", source=None, target=parts[0], read_only=False, place=place)
                continue
            source, target, modes = parts[0], parts[1], parts[2].split(",") if len(parts) > 2 else []
            kind = "bind" if source.startswith((".", "/", "~")) or _DRIVE.match(source) else "volume"
            if source.startswith("."):
                folder = self._folder_of((item.origin or self._document.source).path)
                source = source if folder == PurePosixPath() else f"./{folder / source}"
            yield Mount(kind=kind, source=source, target=target, read_only="ro" in modes, place=place)

    def _health(self, entry: YamlEntry | None) -> HealthCheck | None:
        if entry is None or not isinstance(entry.value, YamlMapping):
            return None
        node = entry.value
        test = node.get("test")
        words = self._strings(test)
        shell = isinstance(test, YamlScalar) or words[:1] == ("CMD-SHELL",)
        retries = parse_number(self._text(node.get("retries")) or "")
        return HealthCheck(
            test=words[1:] if words[:1] in {("CMD",), ("CMD-SHELL",)} else words,
            shell=shell,
            disabled=self._truth(node.get("disable")) or words[:1] == ("NONE",),
            interval=parse_duration(self._text(node.get("interval")) or ""),
            timeout=parse_duration(self._text(node.get("timeout")) or ""),
            start_period=parse_duration(self._text(node.get("start_period")) or ""),
            retries=int(retries) if retries is not None else None,
            place=self.located(entry.span, entry.key.origin),
        )

    def _limits(self, node: YamlMapping) -> ResourceLimits:
        deploy = node.get("deploy")
        resources = deploy.get("resources") if isinstance(deploy, YamlMapping) else None
        limits = resources.get("limits") if isinstance(resources, YamlMapping) else None
        reservations = resources.get("reservations") if isinstance(resources, YamlMapping) else None

        def limit(key: str, service_key: str) -> str:
            nested = limits.get(key) if isinstance(limits, YamlMapping) else None
            return self._text(nested) or self._text(node.get(service_key)) or ""

        pids = parse_number(limit("pids", "pids_limit"))
        devices = reservations.get("devices") if isinstance(reservations, YamlMapping) else None
        gpus = node.get("gpus") is not None or self._text(node.get("runtime")) == "nvidia"
        for device in devices.items if isinstance(devices, YamlSequence) else ():
            if isinstance(device, YamlMapping):
                gpus = gpus or "gpu" in self._strings(device.get("capabilities"))
        return ResourceLimits(
            memory_bytes=parse_size(limit("memory", "mem_limit")),
            cpus=parse_number(limit("cpus", "cpus")),
            pids=int(pids) if pids is not None else None,
            gpus=gpus,
        )

    def _depends_on(self, node: YamlMapping) -> Iterator[Dependency]:
        """Those that are named, and those that links, shared volumes and a shared network imply."""
        named = node.get("depends_on")
        known: set[str] = set()
        if isinstance(named, YamlMapping):
            for entry in named:
                value = entry.value if isinstance(entry.value, YamlMapping) else None
                condition = self._text(value.get("condition")) if value is not None else None
                known.add(entry.key.text)
                yield Dependency(service=entry.key.text, condition=condition or "service_started")
        shared = [self._text(node.get(key)) or "" for key in ("network_mode", "ipc", "pid")]
        implied = [
            *(self._strings(named) if not isinstance(named, YamlMapping) else ()),
            *(text.partition(":")[0] for text in self._strings(node.get("links"))),
            *(text.partition(":")[0] for text in self._strings(node.get("volumes_from")) if text[:10] != "container:"),
            *(text.removeprefix("service:") for text in shared if text.startswith("service:")),
        ]
        for name in dict.fromkeys(implied):
            if name and name not in known:
                yield Dependency(service=name, condition="service_started")

    def _aliases(self, node: YamlMapping) -> Iterator[str]:
        """Engines make a container's own names known on its networks, too."""
        names = [self._text(node.get("hostname")), self._text(node.get("container_name"))]
        networks = node.get("networks")
        for entry in networks if isinstance(networks, YamlMapping) else ():
            if isinstance(entry.value, YamlMapping):
                names += self._strings(entry.value.get("aliases"))
        yield from dict.fromkeys(name for name in names if name)

    def _links(self, node: YamlMapping) -> Iterator[tuple[str, str]]:
        for text in self._strings(node.get("links")):
            service, colon, alias = text.partition(":")
            if colon and service and alias:
                yield service, alias

    def _env_files(self, node: YamlNode | None) -> tuple[str, ...]:
        nodes = node.items if isinstance(node, YamlSequence) else (node,) if node is not None else ()
        paths = [self._path(item.get("path") if isinstance(item, YamlMapping) else item) for item in nodes]
        return tuple(str(PurePosixPath(path)) for path in paths if path)


def _range(text: str) -> range:
    """``8000`` or ``8000-8010``; empty for anything else."""
    first, dash, last = text.strip().partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()) or len(first) > 5 or len(last) > 5:
        return range(0)
    start, end = int(first), int(last) if dash else int(first)
    return range(start, min(end, 65535, start + _MOST_PORTS - 1) + 1)
