"""The report of an overhaul, in the order of the document that careen began with.

Current State Analysis, Optimization Opportunities, Best Practices, Implementation Guidance; with a map in front.
Every sentence rests on a finding, a planned byte or a proof.
"""

from collections.abc import Sequence

from careen.app.overhaul import Overhaul
from careen.findings import Finding, Topic
from careen.plan.target import ImageBase, ServicePlan
from careen.prove.evidence import CheckResult, Verdict
from careen.report.navigation import NavigableDocument
from careen.report.today import today_words
from careen.report.traced import traced_rows, traced_sentence
from careen.report.verdicts import told
from careen.text.units import format_bytes, format_seconds

_BASE = (
    Topic.OVERSIZED_BASE,
    Topic.NO_MULTI_STAGE,
    Topic.BUILD_TOOLS_IN_FINAL,
    Topic.UNPINNED_BASE,
    Topic.STALE_BASE,
    Topic.REMOVED_BASE,
)
_DEPENDENCIES = (
    Topic.NO_CACHE_MOUNT,
    Topic.DEV_DEPENDENCIES,
    Topic.NO_DEPENDENCY_LAYER,
    Topic.INSTALLER_LEFT_IN,
    Topic.INEFFECTIVE_CACHE_MOUNT,
    Topic.UNREACHABLE_GPU_BUILD,
    Topic.BROKEN_VENV,
)
_CONTEXT = (
    Topic.WHOLE_TREE_COPY,
    Topic.WEAK_DOCKERIGNORE,
    Topic.UNNEEDED_CONTEXT_FILES,
    Topic.VENV_IN_CONTEXT,
    Topic.INEFFECTIVE_IGNORE_PATTERN,
    Topic.DUPLICATED_LAYER,
    Topic.SECRET_IN_IMAGE,
)
_RUNTIME = (Topic.RUNS_AS_ROOT, Topic.MISSING_HEALTHCHECK, Topic.BAD_SIGNAL_HANDLING)
_COMPOSE = (
    Topic.SHARED_IMAGE,
    Topic.UNNEEDED_DEPENDENCIES,
    Topic.REDUNDANT_VOLUME,
    Topic.NO_RESOURCE_LIMITS,
    Topic.COMPOSE_MISSING_HEALTHCHECK,
    Topic.MISSING_GRACE_PERIOD,
    Topic.PRIVILEGED_SERVICE,
    Topic.SPLIT_COMMAND,
)
_SECURITY_CHECKS = frozenset(
    {"user", "privileges", "read-only-root", "no-tools", "file-modes", "secrets", "certificates", "process-one"}
)
_MOST_NAMES = 8


def overhaul_markdown(done: Overhaul) -> str:
    plan = done.plan
    document = NavigableDocument(
        title=f"Container overhaul of {plan.stack}",
        description="What the stack's images were, what they are now, and the proof that they run.",
    )
    _current_state(document, done)
    _opportunities(document, done)
    _practices(document, done)
    _guidance(document, done)
    return document.render()


def size(count: int | None) -> str:
    return "unknown" if count is None else format_bytes(count)


def _current_state(document: NavigableDocument, done: Overhaul) -> None:
    plan = done.plan
    document.section(2, "Current State Analysis", "The images as they are, and what is wrong with them, with places.")
    document.section(3, "Docker Image Sizes (predicted from Dockerfile and lock)", "Today's images, without building.")
    for service in plan.services:
        document.element(service.image, "Predicted size of today's image")
        document.write(f"- **{service.image}**: {today_words(service)}")
    document.write("")
    for names, service in _by_contributions(plan.services):
        document.write(f"Where it comes from ({', '.join(names)}):", "")
        rows = [(str(c.line), size(c.bytes), f"`{c.what}`") for c in service.current_contributions]
        document.table((" line", " bytes", "what"), rows)
    document.section(3, "Current Dockerfile Issues", "Findings in Dockerfiles and build contexts.")
    for number, (name, topics) in enumerate(
        (
            ("Base Image Problems", _BASE),
            ("Dependency Management Issues", _DEPENDENCIES),
            ("Build Context Problems", _CONTEXT),
            ("Runtime Configuration Issues", _RUNTIME),
        ),
        start=1,
    ):
        _findings(document, f"{number}. {name}", 4, topics, done.scan.findings)
    _findings(document, "Current Docker Compose Issues", 3, _COMPOSE, done.scan.findings)


def _by_contributions(services: Sequence[ServicePlan]) -> list[tuple[list[str], ServicePlan]]:
    """Services whose images are made alike are told once."""
    groups: list[tuple[list[str], ServicePlan]] = []
    for service in services:
        for names, first in groups:
            if first.current_contributions == service.current_contributions:
                names.append(service.name)
                break
        else:
            if service.current_contributions:
                groups.append(([service.name], service))
    return groups


def _findings(
    document: NavigableDocument, name: str, level: int, topics: Sequence[Topic], findings: Sequence[Finding]
) -> None:
    document.section(level, name, f"Findings on {', '.join(topics)}.")
    chosen = sorted(
        (finding for finding in findings if finding.topic in topics),
        key=lambda finding: (topics.index(finding.topic), finding.place, finding.message),
    )
    if not chosen:
        document.write("Nothing found.", "")
        return
    for finding in chosen:
        weight = f" ({format_bytes(finding.bytes)})" if finding.bytes is not None else ""
        document.element(finding.rule, finding.message)
        document.write(f"- `{finding.place.path}:{finding.place.line}` **{finding.rule}**: {finding.message}{weight}")
    document.write("")


def _opportunities(document: NavigableDocument, done: Overhaul) -> None:
    plan = done.plan
    document.section(2, "Optimization Opportunities", "What the patch and the plan do about it.")
    document.section(3, "1. Multi-Stage Builds", "The rewritten set-up, file by file.")
    rows = [
        (f"`{change.path}`", "new" if change.before is None else "changed", " ".join(change.why[:2]) or "")
        for change in done.patch.changes
    ]
    document.table(("file", "", "what it does"), rows)
    for refusal in done.patch.refusals:
        document.write(f"- left alone: `{refusal}` ({refusal.hint})")
    document.section(3, "2. Layer Optimization", "Layers of the built images and who shares them.")
    seen: dict[str, tuple[str, ...]] = {}
    for image in done.build.images:
        for layer in image.layers:
            seen.setdefault(
                str(layer.digest),
                (
                    format_bytes(layer.bytes),
                    format_bytes(layer.compressed_bytes),
                    layer.what,
                    ", ".join(layer.services),
                ),
            )
    document.table((" bytes", " compressed", "layer", "services"), list(seen.values()))
    document.section(3, "3. Base Image Optimization", "The base under every service.")
    base = plan.base
    if isinstance(base, ImageBase):
        composed = f"Python {base.runtime.version} of {base.label}, {size(base.bytes)}, taken as it is."
    else:
        composed = (
            f"Python {base.runtime.version} composed from {len(base.packages)} packages of Debian {base.release}, "
            f"{size(base.bytes)}: no shell, no package manager, no compiler."
        )
    document.write(composed, "")
    document.section(3, "4. Build Context Optimization", "What an image holds of the repository.")
    document.table(
        ("service", " files", " bytes"),
        [
            (service.name, str(len(service.application)), format_bytes(sum(file.bytes for file in service.application)))
            for service in plan.services
        ],
    )
    document.section(3, "5. Service-Specific Optimizations", "Which distributions each service keeps and loses.")
    for service in plan.services:
        lost = sorted(service.dropped, key=lambda item: -(item.installed_bytes or 0))
        weight = sum(item.installed_bytes or 0 for item in lost)
        names = ", ".join(item.name for item in lost[:_MOST_NAMES])
        more = f" and {len(lost) - _MOST_NAMES} more" if len(lost) > _MOST_NAMES else ""
        document.write(
            f"- **{service.name}** keeps {len(service.distributions)} distributions and loses {len(lost)}"
            + (f" ({format_bytes(weight)}): {names}{more}" if lost else "")
        )
    document.write("")


def _practices(document: NavigableDocument, done: Overhaul) -> None:
    document.section(2, "Best Practices", "What was shown by running the images; skipped is never counted as passed.")
    document.section(3, "1. Modern Python Packaging", "Lock, groups, wheels.")
    document.write(
        f"Every distribution comes from the lock, by its digest; {len(done.plan.distribution_layers)} layers of "
        "distributions, each stored once for all services that need it.",
        "",
    )
    document.section(3, "2. Container Security", "Checks of users, privileges and content.")
    _checks(document, done, security=True)
    document.section(3, "3. Build Performance", "How long building took here.")
    document.write(
        f"All images were built in {format_seconds(done.build.seconds)} by the {done.build.engine} engine.", ""
    )
    document.section(3, "4. Runtime Efficiency", "Checks of starting, health, signals and limits.")
    _checks(document, done, security=False)


def _checks(document: NavigableDocument, done: Overhaul, *, security: bool) -> None:
    rows: list[tuple[str, ...]] = []
    for service in done.proof.services:
        rows += [_row(service.name, c) for c in service.checks if (c.check in _SECURITY_CHECKS) is security]
    if not security:
        rows += [_row("stack", check) for check in done.proof.stack]
    document.table(("service", "check", "verdict", "evidence"), rows)


def _row(service: str, result: CheckResult) -> tuple[str, ...]:
    verdict = f"**{result.verdict}**" if result.verdict is Verdict.FAIL else str(result.verdict)
    return (service, result.check, verdict, told(result.evidence))


def _guidance(document: NavigableDocument, done: Overhaul) -> None:
    document.section(2, "Implementation Guidance", "Targets, and what to do first.")
    document.section(3, "Target Image Sizes", "Budget, before, predicted and built, per service.")
    rows = []
    for service in done.plan.services:
        built = done.build.image(service.name)
        within = "yes" if built.bytes <= service.budget_bytes else "**no**"
        document.element(service.name, "Budget and built size")
        rows.append(
            (
                service.name,
                f"< {format_bytes(service.budget_bytes)}",
                today_words(service),
                size(service.predicted_bytes),
                format_bytes(built.bytes),
                within,
            )
        )
    document.table(("service", " target", " today", " predicted", " built", "within"), rows)
    document.write(f"On a host, with every layer once: {format_bytes(done.build.unique_bytes)}.", "")
    if done.traced is not None:
        document.section(3, "Files that the proof touched", "What images weighed before all else went, and after.")
        document.write(traced_sentence(done.traced), "")
        document.table(("service", " whole", " now"), traced_rows(done.traced))
    document.section(3, "Priority Optimizations", "Findings by what they cost.")
    weighed = sorted(
        done.scan.findings, key=lambda finding: (-(finding.bytes or 0), -finding.severity.rank, finding.rule)
    )
    listed: dict[str, Finding] = {}
    for finding in weighed:
        listed.setdefault(finding.rule, finding)
    for number, finding in enumerate(listed.values(), start=1):
        weight = f" ({format_bytes(finding.bytes)})" if finding.bytes else ""
        document.write(f"{number}. **{finding.rule}**{weight}: {finding.message}")
