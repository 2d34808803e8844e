"""The configuration and annotations of an image, from the plan of its service (image spec, config.md)."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from careen import __version__
from careen.blobs.digest import Digest
from careen.build.engine import Origin
from careen.oci.config import Healthcheck, History, ImageConfig, RunConfig, moment
from careen.oci.manifest import ImagePlatform
from careen.plan.target import DebianBase, HealthCheck, ImageBase, Plan, ServicePlan

HEALTH_ANNOTATION = "careen.healthcheck"
"""Holds the health check as JSON, times in seconds, since OCI's own configuration has no place for one."""

_NANOSECONDS = 10**9


def references(services: Sequence[ServicePlan]) -> Mapping[str, str]:
    """Names of the images in a layout, by service: those of compose, told apart where two services share one."""
    uses = Counter(service.image for service in services)
    return {
        service.name: service.image if uses[service.image] == 1 else f"{service.image}-{service.name}"
        for service in services
    }


def image_config(plan: Plan, service: ServicePlan, layers: Sequence[tuple[str, Digest]], origin: Origin) -> ImageConfig:
    """``layers`` are what each is, and its diff_id, bottom to top."""
    created = moment(plan.source_date_epoch)
    return ImageConfig(
        platform=ImagePlatform.of(plan.platform),
        diff_ids=tuple(diff_id for _, diff_id in layers),
        run=RunConfig(
            user=str(service.user),
            environment=service.environment,
            entrypoint=service.entry_point,
            working_directory=str(service.working_directory),
            exposed_ports=tuple(f"{port}/tcp" for port in service.container_ports),
            labels=_labels(plan, service, layers[0][1], origin),
            stop_signal=service.stop_signal,
            healthcheck=_healthcheck(service.health) if service.health is not None else None,
        ),
        created=created,
        history=tuple(History(created=created, created_by=f"careen {__version__}", comment=what) for what, _ in layers),
    )


def annotations(plan: Plan, service: ServicePlan, base: Digest, origin: Origin) -> Mapping[str, str]:
    """``base`` is the diff_id of the lowest layer."""
    found = dict(_labels(plan, service, base, origin))
    if service.health is not None:
        health = {
            "argv": service.health.argv,
            "interval": service.health.interval,
            "timeout": service.health.timeout,
            "start_period": service.health.start_period,
            "retries": service.health.retries,
        }
        found[HEALTH_ANNOTATION] = json.dumps(health, separators=(",", ":"))
    return found


def _labels(plan: Plan, service: ServicePlan, base: Digest, origin: Origin) -> Mapping[str, str]:
    """Of the image spec (annotations.md), as far as they are known.

    ``base.name`` and ``base.digest`` promise an image in some registry whose layers this one shares. What a composed
    base is has names of careen's own.
    """
    known = {
        "org.opencontainers.image.title": service.name,
        "org.opencontainers.image.created": moment(plan.source_date_epoch),
        "org.opencontainers.image.version": origin.version,
        "org.opencontainers.image.source": origin.source,
        "org.opencontainers.image.revision": origin.revision,
        **_of_base(plan.base, base),
    }
    return {name: value for name, value in known.items() if value}


def _of_base(base: DebianBase | ImageBase, lowest: Digest) -> Mapping[str, str]:
    own = {"careen.base.name": base.label, "careen.base.layer": str(lowest)}
    if not isinstance(base, ImageBase):
        return own
    named = {"org.opencontainers.image.base.name": base.reference}
    return {**own, **named, "org.opencontainers.image.base.digest": str(base.manifest)}


def _healthcheck(health: HealthCheck) -> Healthcheck:
    return Healthcheck(
        test=("CMD", *health.argv),
        interval=round(health.interval * _NANOSECONDS),
        timeout=round(health.timeout * _NANOSECONDS),
        start_period=round(health.start_period * _NANOSECONDS),
        retries=health.retries,
    )
