"""What another answer to "what if" changes against the plan, service by service."""

from collections.abc import Iterable

from careen.plan.target import Plan, PlannedDistribution, ServicePlan
from careen.text.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDifference:
    """``gone`` are as the plan has them, with the reasons for which they were kept; ``new`` as the other has them.

    ``alpine_packages`` and ``unfit`` are the other's.
    """

    name: str
    bytes_before: int | None
    bytes_after: int | None
    gone: tuple[PlannedDistribution, ...]
    new: tuple[PlannedDistribution, ...]
    unknown: tuple[PlannedDistribution, ...]
    alpine_packages: tuple[str, ...] = ()
    unfit: tuple[str, ...] = ()

    @property
    def gained(self) -> int | None:
        """Bytes; None when either size is not known, or something in it is not."""
        if self.bytes_before is None or self.bytes_after is None or self.unknown:
            return None
        return self.bytes_after - self.bytes_before


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanDifference:
    """``before`` and ``after`` say what is compared: base and platform."""

    before: str
    after: str
    services: tuple[ServiceDifference, ...]
    unique_bytes_before: int | None
    unique_bytes_after: int | None


def difference(before: Plan, after: Plan) -> PlanDifference:
    """``after`` is of the same stack."""
    services = {service.name: service for service in before.services}
    return PlanDifference(
        before=f"{before.base.label}, {before.platform}",
        after=f"{after.base.label}, {after.platform}",
        services=tuple(
            _service(services[service.name], service) for service in after.services if service.name in services
        ),
        unique_bytes_before=before.predicted_unique_bytes,
        unique_bytes_after=after.predicted_unique_bytes,
    )


def _service(before: ServicePlan, after: ServicePlan) -> ServiceDifference:
    return ServiceDifference(
        name=after.name,
        bytes_before=before.predicted_bytes,
        bytes_after=after.predicted_bytes,
        gone=_missing_in(after.distributions, before.distributions),
        new=_missing_in(before.distributions, after.distributions),
        unknown=tuple(
            item
            for item in after.distributions
            if item.installed_bytes is None and _known(item.name, before.distributions)
        ),
        alpine_packages=after.alpine_packages,
        unfit=after.unfit,
    )


def _missing_in(
    these: Iterable[PlannedDistribution], those: Iterable[PlannedDistribution]
) -> tuple[PlannedDistribution, ...]:
    there = {(item.name, item.version) for item in these}
    missing = [item for item in those if (item.name, item.version) not in there]
    return tuple(sorted(missing, key=lambda item: (-(item.installed_bytes or 0), item.name)))


def _known(name: str, distributions: Iterable[PlannedDistribution]) -> bool:
    return any(item.name == name and item.installed_bytes is not None for item in distributions)
