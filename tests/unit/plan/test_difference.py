from dataclasses import replace
from pathlib import Path

from careen.plan.difference import difference
from careen.plan.target import DebianBase, Plan
from careen.report.what_if import difference_document, difference_lines
from fakes.stacks import write_stack


def weighed(folder: Path) -> Plan:
    plan = write_stack(folder).plan
    services = tuple(
        replace(
            service,
            predicted_bytes=1000 * len(service.distributions),
            distributions=tuple(replace(item, installed_bytes=1000) for item in service.distributions),
        )
        for service in plan.services
    )
    return replace(plan, services=services)


def without(plan: Plan, name: str) -> Plan:
    services = tuple(
        replace(
            service,
            predicted_bytes=1000 * sum(item.name != name for item in service.distributions),
            distributions=tuple(item for item in service.distributions if item.name != name),
        )
        for service in plan.services
    )
    return replace(plan, services=services)


def test_what_is_gone_is_told_with_the_reason_it_was_kept_for(tmp_path: Path) -> None:
    plan = weighed(tmp_path)

    found = difference(plan, without(plan, "lone"))

    web, worker = found.services
    assert (web.gained, web.gone) == (0, ())
    assert (worker.gained, [item.name for item in worker.gone]) == (-1000, ["lone"])
    told = "\n".join(difference_lines(found))
    assert "web" in told
    assert "the same" in told
    assert "without lone 1.0 (1.00 kB), which was kept: imported" in told


def test_a_service_with_something_unknown_has_gained_nobody_knows_what(tmp_path: Path) -> None:
    plan = weighed(tmp_path)
    first = plan.services[0]
    unknown = replace(first, distributions=(replace(first.distributions[0], installed_bytes=None),))

    [service] = difference(plan, replace(plan, services=(unknown,))).services

    assert service.gained is None
    assert [item.name for item in service.unknown] == ["crate"]


def test_the_document_says_what_is_compared(tmp_path: Path) -> None:
    plan = weighed(tmp_path)
    assert isinstance(plan.base, DebianBase)
    other = replace(plan, base=replace(plan.base, release="trixie"))

    document = difference_document(difference(plan, other))

    assert (document["before"], document["after"]) == ("debian:bookworm, linux/amd64", "debian:trixie, linux/amd64")
