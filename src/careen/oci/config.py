"""Image configurations (image spec, config.md), with docker's ``Healthcheck`` and ``Shell``, which OCI does not have.

::

    {"architecture": "amd64", "os": "linux", "created": "1970-01-01T00:00:00Z",
     "config": {"User": "10001:10001", "Env": ["LANG=C.UTF-8"], "Entrypoint": ["/usr/bin/python3"],
                "Cmd": ["-m", "shelf"], "ExposedPorts": {"8000/tcp": {}}, "Volumes": {"/data": {}},
                "WorkingDir": "/app", "Labels": {"a": "b"}, "StopSignal": "SIGTERM",
                "Healthcheck": {"Test": ["CMD", "/check"], "Interval": 30000000000}},
     "rootfs": {"type": "layers", "diff_ids": ["sha256:…"]},
     "history": [{"created_by": "careen", "comment": "base"}]}
"""

from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime

from careen.blobs.digest import Digest
from careen.oci.document import Fields, ImageDocumentError, read_document, render_document
from careen.oci.manifest import ImagePlatform
from careen.text.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthcheck:
    """``test`` begins with ``CMD``, ``CMD-SHELL`` or ``NONE``. Times in nanoseconds, as docker writes them;
    0 is docker's own default, for ``retries`` too.
    """

    test: tuple[str, ...]
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """How a container of the image runs. ``exposed_ports`` as in ``8000/tcp``; ``shell`` empty is ``/bin/sh -c``."""

    user: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    working_directory: str = ""
    exposed_ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = ""
    healthcheck: Healthcheck | None = None
    shell: tuple[str, ...] = ()

    @property
    def argv(self) -> tuple[str, ...]:
        return self.entrypoint + self.command


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a layer is from; ``empty_layer`` entries have none."""

    created: str = ""
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageConfig:
    """``diff_ids`` are the digests of the unpacked layers, bottom to top; ``created`` is RFC 3339 text or empty."""

    platform: ImagePlatform
    diff_ids: tuple[Digest, ...]
    run: RunConfig = field(default_factory=RunConfig)
    created: str = ""
    author: str = ""
    history: tuple[History, ...] = ()

    def render(self) -> bytes:
        document: dict[str, object] = {
            "architecture": self.platform.architecture,
            "os": self.platform.operating_system,
            "rootfs": {"type": "layers", "diff_ids": [str(digest) for digest in self.diff_ids]},
        }
        if run := _run_document(self.run):
            document["config"] = run
        if self.history:
            document["history"] = [_history_document(entry) for entry in self.history]
        optional = {
            "variant": self.platform.variant,
            "os.version": self.platform.operating_system_version,
            "created": self.created,
            "author": self.author,
        }
        document.update({name: value for name, value in optional.items() if value})
        return render_document(document)


def moment(seconds: int) -> str:
    """Seconds since the epoch as the RFC 3339 text of ``created``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_config(data: bytes) -> ImageConfig:
    """Raises ImageDocumentError."""
    fields = read_document(data, "config")
    root = fields.fields("rootfs")
    if root.text("type", "layers") != "layers":
        raise ImageDocumentError("config.rootfs.type is not 'layers'")
    return ImageConfig(
        platform=ImagePlatform(
            architecture=fields.text("architecture"),
            operating_system=fields.text("os"),
            variant=fields.text("variant", ""),
            operating_system_version=fields.text("os.version", ""),
        ),
        diff_ids=root.digests("diff_ids"),
        run=_run(fields.fields("config")),
        created=fields.text("created", ""),
        author=fields.text("author", ""),
        history=tuple(_history(entry) for entry in fields.fields_list("history")),
    )


def _run(fields: Fields) -> RunConfig:
    return RunConfig(
        user=fields.text("User", ""),
        environment=tuple(_pair(item) for item in fields.texts("Env")),
        entrypoint=fields.texts("Entrypoint"),
        command=fields.texts("Cmd"),
        working_directory=fields.text("WorkingDir", ""),
        exposed_ports=fields.names("ExposedPorts"),
        volumes=fields.names("Volumes"),
        labels=fields.text_map("Labels"),
        stop_signal=fields.text("StopSignal", ""),
        healthcheck=_healthcheck(fields.fields("Healthcheck")) if "Healthcheck" in fields else None,
        shell=fields.texts("Shell"),
    )


def _pair(item: str) -> tuple[str, str]:
    name, _, value = item.partition("=")
    return name, value


def _healthcheck(fields: Fields) -> Healthcheck:
    return Healthcheck(
        test=fields.texts("Test"),
        interval=fields.number("Interval", 0),
        timeout=fields.number("Timeout", 0),
        start_period=fields.number("StartPeriod", 0),
        start_interval=fields.number("StartInterval", 0),
        retries=fields.number("Retries", 0),
    )


def _history(fields: Fields) -> History:
    return History(
        created=fields.text("created", ""),
        created_by=fields.text("created_by", ""),
        author=fields.text("author", ""),
        comment=fields.text("comment", ""),
        empty_layer=fields.flag("empty_layer"),
    )


def _run_document(run: RunConfig) -> dict[str, object]:
    document: dict[str, object] = {
        "User": run.user,
        "Env": [f"{name}={value}" for name, value in run.environment],
        "Entrypoint": list(run.entrypoint),
        "Cmd": list(run.command),
        "WorkingDir": run.working_directory,
        "ExposedPorts": {port: {} for port in run.exposed_ports},
        "Volumes": {path: {} for path in run.volumes},
        "Labels": dict(run.labels),
        "StopSignal": run.stop_signal,
        "Shell": list(run.shell),
    }
    if run.healthcheck is not None:
        check = run.healthcheck
        times = {
            "Interval": check.interval,
            "Timeout": check.timeout,
            "StartPeriod": check.start_period,
            "StartInterval": check.start_interval,
            "Retries": check.retries,
        }
        document["Healthcheck"] = {
            "Test": list(check.test),
            **{name: value for name, value in times.items() if value},
        }
    return {name: value for name, value in document.items() if value}


def _history_document(entry: History) -> dict[str, object]:
    document: dict[str, object] = {
        "created": entry.created,
        "created_by": entry.created_by,
        "author": entry.author,
        "comment": entry.comment,
        "empty_layer": entry.empty_layer,
    }
    return {name: value for name, value in document.items() if value}
