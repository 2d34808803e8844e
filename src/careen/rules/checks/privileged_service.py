"""A service has the host's own rights: ``privileged: true``, all capabilities, the Docker socket or the
host's ``/`` mounted into it.

Whoever gets into it owns the host. Mounting the socket read-only changes nothing: it can still be written to, only
not replaced. Give single capabilities or devices, and put a filtering proxy in front of the socket.

A proxy, an agent or a runner that is there to control containers has no other way: say so in a remark.
"""

from collections.abc import Iterator
from dataclasses import replace

from careen.compose.model import Located
from careen.findings import Confidence, Finding, Place, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import StackFacts

_SOCKETS = frozenset(
    {"/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock", "/run/containerd/containerd.sock"}
)
_WHOLE_HOST = frozenset(
    {"ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_RAWIO", "CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_RAWIO"}
)


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for service in facts.services:
        compose = service.service.compose
        if compose is None:
            continue
        name = service.name
        if compose.privileged is not None:
            yield rule.finding(
                _at(compose.privileged), f"{name} has every right of the host: privileged: true", service=name
            )
        broad = sorted(_WHOLE_HOST.intersection(map(str.upper, compose.cap_add)))
        if broad and compose.privileged is None:
            yield rule.finding(
                service.place, f"{name} is given {broad[0]}, which is as good as root on the host", service=name
            )
        for mount in compose.mounts:
            if mount.source in _SOCKETS or mount.target in _SOCKETS:
                finding = rule.finding(
                    _at(mount.place),
                    f"{name} can start any container on the host: the Docker socket is mounted into it",
                    service=name,
                )
                yield finding if service.is_built else replace(finding, severity=Severity.MEDIUM)
            elif mount.kind == "bind" and mount.source == "/" and not mount.read_only:
                yield rule.finding(
                    _at(mount.place), f"{name} can write to every file of the host: / is mounted into it", service=name
                )


def _at(place: Located) -> Place:
    return Place(place.path, place.line, place.end_line)


RULE = Rule(
    slug="privileged-service",
    topic=Topic.PRIVILEGED_SERVICE,
    summary="A service has the host's own rights",
    severity=Severity.HIGH,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
