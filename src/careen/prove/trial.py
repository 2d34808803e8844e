"""One service while it is being proven, and what has been found out so far."""

from collections.abc import Callable, Collection
from dataclasses import field

from careen.errors import CareenError
from careen.plan.target import ServicePlan
from careen.prove.evidence import CheckResult, Contract, Evidence, Verdict, failed, skipped
from careen.prove.launch import Launch
from careen.prove.rootfs import ImageOnDisk
from careen.prove.runner import Container, Use
from careen.prove.starting import Start
from careen.text.values import dataclass

_TAIL = 1500


@dataclass(slots=True)
class Trial:
    """``launch`` is the image as shipped. ``container`` is the one that runs now; ``use`` that of all before it."""

    service: ServicePlan
    image: ImageOnDisk
    launch: Launch
    results: list[CheckResult] = field(default_factory=list)
    container: Container | None = None
    start_seconds: float | None = None
    contract: Contract = field(default_factory=Contract)
    use: Use = field(default_factory=Use)

    def note(self, result: CheckResult) -> None:
        self.results.append(result)

    def correct(self, result: CheckResult) -> None:
        """Puts a verdict in the place of an earlier one."""
        self.results = [result if earlier.check == result.check else earlier for earlier in self.results]

    def excuse(self, slugs: Collection[str], reason: str) -> None:
        """What failed of these says nothing."""
        for result in self.results:
            if result.check in slugs and result.verdict is Verdict.FAIL:
                self.correct(skipped(result.check, reason))

    def take(self, begun: Start) -> Container | None:
        """Keeps the container of a start; gives it when it became healthy."""
        self.container = begun.container
        return begun.container if begun.seconds is not None else None

    def discard(self) -> None:
        """Takes the container away, whatever it does."""
        if self.container is not None:
            self.container.remove()
            # Last of all: memory may run out at the very end.
            self.use = self.container.use().after(self.use)
            self.container = None

    def words(self) -> str:
        """All that was heard of the container that runs now."""
        return self.container.heard().text if self.container is not None else ""

    def log(self) -> str:
        """The last lines that the container printed."""
        return self.words().strip()[-_TAIL:]

    def judge(self, slug: str, check: Callable[[], CheckResult]) -> None:
        """Notes what a check says; what keeps it from judging is a failure, with the reason."""
        try:
            self.note(check())
        except PermissionError as error:
            self.note(skipped(slug, f"this user may not look at the service's processes: {error.filename}"))
        except (CareenError, OSError) as error:
            status = self.container.exit_status() if self.container is not None else None
            summary = str(error) if status is None else f"the service ended meanwhile, with status {status}"
            self.note(failed(slug, Evidence(summary=summary, output=self.log())))

    def skip(self, slugs: tuple[str, ...], reason: str) -> None:
        self.results.extend(skipped(slug, reason) for slug in slugs)
