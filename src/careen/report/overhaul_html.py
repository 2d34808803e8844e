"""The overhaul as one page: before and after, where the bytes of each image are, and the proof."""

from careen.app.overhaul import Overhaul
from careen.plan.target import ServicePlan
from careen.prove.evidence import CheckResult
from careen.report.html_page import Bar, Cell, before_and_after, key, page, section, table, treemap
from careen.report.verdicts import summary, told
from careen.text.units import format_bytes

_COLOURS = (
    ("base", "base"),
    ("system", "Debian packages"),
    ("shared", "shared distributions"),
    ("own", "this service's distributions"),
    ("app", "application"),
)


def overhaul_html(done: Overhaul) -> str:
    plan = done.plan
    sections = [
        section(
            "Before and after",
            before_and_after(
                [
                    Bar(image.reference, plan.service(image.service).current_predicted_bytes, image.bytes)
                    for image in done.build.images
                ]
            ),
            f"<p>On a host, with every layer once: {format_bytes(done.build.unique_bytes)}, "
            f"{format_bytes(done.build.unique_compressed_bytes)} to pull.</p>",
        ),
        section("What each image holds", key(_COLOURS), *(_image(done, service) for service in plan.services)),
        section("What was wrong", _findings(done)),
        section("What was shown by running the images", f"<p>{summary(done.proof)}</p>", _proof(done)),
    ]
    lead = f"{len(plan.services)} services, Python {plan.base.runtime.version} on {plan.base.label}, {plan.platform}"
    return page(f"Container overhaul of {plan.stack}", lead, sections)


def _image(done: Overhaul, service: ServicePlan) -> str:
    built = done.build.image(service.name)
    return f"<h3>{service.name}: {format_bytes(built.bytes)}</h3>" + treemap(_cells(done, service), height=240)


def _cells(done: Overhaul, service: ServicePlan) -> list[Cell]:
    """The shares of the built layers, so that what is drawn is what was built."""
    system = {package.name for layer in done.plan.system_layers for package in layer.packages}
    reasons = {str(item.name): item.reasons[0] for item in service.distributions if item.reasons}
    cells: list[Cell] = []
    for index, layer in enumerate(done.build.image(service.name).layers):
        for share in layer.shares:
            name = share.what.split(" ")[0].split("=")[0]
            if index == 0:
                kind = "base"
            elif name in system or any(word in system for word in share.what.replace(",", " ").split()):
                kind = "system"
            elif name in reasons:
                kind = "shared" if len(layer.services) > 1 else "own"
            else:
                kind = "app"
            cells.append(Cell(share.what, share.bytes, kind, reasons.get(name, "")))
    return cells


def _findings(done: Overhaul) -> str:
    rows = [
        (
            f"{finding.place.path}:{finding.place.line}",
            finding.rule,
            finding.message,
            "" if finding.bytes is None else format_bytes(finding.bytes),
        )
        for finding in sorted(done.scan.findings, key=lambda finding: (-(finding.bytes or 0), finding.place))
    ]
    return table(("place", "rule", "what a user would feel", " bytes"), rows)


def _proof(done: Overhaul) -> str:
    results: list[tuple[str, CheckResult]] = [("the stack", result) for result in done.proof.stack]
    results += [(service.name, result) for service in done.proof.services for result in service.checks]
    return table(
        ("service", "check", "verdict", "evidence"),
        [(name, result.check, result.verdict.value, told(result.evidence)) for name, result in results],
        classes=[result.verdict.value for _, result in results],
    )
