"""``careen.plan/1``: the plan for machines, sorted, without times or absolute paths.

{"schema": "careen.plan/1", "platform": "linux/amd64", "services": [{"name": "api", "role": "web", "entrypoint": [...],
 "python": "3.11", "base": "debian:bookworm", "alpine_packages": [], "unfit": [],
 "distributions": [{"name", "version", "bytes", "estimate", "why": [...]}],
 "dropped": [{"name", "version", "bytes", "estimate", "reason"}], "predicted_bytes": 75683394,
 "predicted_bytecode_bytes": 19966554, "current_predicted_bytes": null}],
 "stack": {"unique_bytes": 461230445}}

``unfit`` are sentences about what cannot be had upon the base. ``predicted_bytes`` holds the bytecode;
``predicted_bytecode_bytes`` is null when the wheels were not fetched, and then it does not.
``estimate`` is true where bytes are told from sources that nobody has built.
"""

from careen.plan.target import DroppedDistribution, Plan, PlannedDistribution, ServicePlan

Json = dict[str, object]


def plan_document(plan: Plan) -> Json:
    return {
        "schema": "careen.plan/1",
        "platform": str(plan.platform),
        "services": [_service(service, plan) for service in sorted(plan.services, key=lambda service: service.name)],
        "layers": [
            {
                "services": list(layer.services),
                "distributions": [f"{item.name}=={item.version}" for item in layer.distributions],
                "bytes": sum(item.installed_bytes or 0 for item in layer.distributions),
            }
            for layer in plan.distribution_layers
        ],
        "stack": {"unique_bytes": plan.predicted_unique_bytes},
        "notes": sorted(plan.notes),
    }


def _service(service: ServicePlan, plan: Plan) -> Json:
    return {
        "name": service.name,
        "role": service.role.value,
        "entrypoint": list(service.entry_point),
        "python": str(plan.base.runtime.version),
        "base": plan.base.label,
        "system_packages": [f"{package.name}={package.version}" for package in service.system_packages],
        "alpine_packages": list(service.alpine_packages),
        "unfit": list(service.unfit),
        "distributions": [_kept(item) for item in sorted(service.distributions, key=lambda item: item.name)],
        "dropped": [_dropped(item) for item in sorted(service.dropped, key=lambda item: item.name)],
        "files": len(service.application),
        "predicted_bytes": service.predicted_bytes,
        "predicted_bytecode_bytes": service.predicted_bytecode_bytes,
        "current_predicted_bytes": service.current_predicted_bytes,
        "current": [
            {"what": item.what, "line": item.line, "bytes": item.bytes} for item in service.current_contributions
        ],
        "budget_bytes": service.budget_bytes,
    }


def _kept(item: PlannedDistribution) -> Json:
    return {
        "name": item.name,
        "version": item.version,
        "bytes": item.installed_bytes,
        "estimate": item.is_estimate,
        "certainty": item.certainty.value,
        "why": list(item.reasons),
    }


def _dropped(item: DroppedDistribution) -> Json:
    return {
        "name": item.name,
        "version": item.version,
        "bytes": item.installed_bytes,
        "estimate": item.is_estimate,
        "reason": item.reason,
    }
