"""What was imported at run time was planned, and nothing that the plan dropped was asked for by the application.

The import audit names every module that any process of the service asked for, whether it was found or not. Packages
ask for much that they can do without; when the application's own code asks for a dropped distribution, it needs it.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from careen.prove.evidence import CheckResult, Evidence, judged, skipped
from careen.prove.installed import module_owners
from careen.prove.instruments import read_untrusted
from careen.prove.subjects import FinishedSubject
from careen.text.values import dataclass

SLUG = "modules"
_LARGEST_AUDIT = 8 << 20
_MOST_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """An import that was asked for, and the file that asked first."""

    module: str
    asker: str


def check(subject: FinishedSubject) -> CheckResult:
    asked = tuple(dict.fromkeys(read_audit(subject.imports)))
    if not asked:
        return skipped(SLUG, "the import audit wrote nothing")
    owners = module_owners(subject.image)
    planned = {item.name for item in subject.service.distributions}
    dropped = {str(item.name).replace("-", "_"): item for item in subject.service.dropped}
    own = _own_folders(subject)
    complaints: dict[str, None] = {}
    used: set[str] = set()
    for import_ in asked:
        top = import_.module.partition(".")[0]
        owned = owners.get(top, frozenset())
        used.update(owned & planned)
        if owned and not owned & planned:
            complaints[f"{top}, of {', '.join(sorted(owned))}, was imported and is not planned"] = None
        missing = dropped.get(top.lower())
        if missing is not None and not owned and _is_below(import_.asker, own):
            complaints[f"{import_.asker} imports {import_.module}; {missing.name} was dropped"] = None
    unused = sorted(planned - used)
    summary = f"{len(asked)} modules of {len(used)} planned distributions"
    if unused:
        summary += f"; not imported in this run: {', '.join(unused[:_MOST_SHOWN])}"
        summary += f" and {len(unused) - _MOST_SHOWN} more" if len(unused) > _MOST_SHOWN else ""
    return judged(SLUG, tuple(complaints), Evidence(summary=summary))


def read_audit(folder: Path) -> Iterator[Asked]:
    """What the processes of a container wrote, each into a file of its own; nothing there is trusted."""
    for path in sorted(folder.iterdir()):
        for line in (read_untrusted(path, _LARGEST_AUDIT) or "").splitlines():
            module, tab, asker = line.partition("\t")
            if tab:
                yield Asked(module, asker)


def _own_folders(subject: FinishedSubject) -> tuple[PurePosixPath, ...]:
    return tuple({file.destination.parent for file in subject.service.application})


def _is_below(asker: str, folders: tuple[PurePosixPath, ...]) -> bool:
    return any(PurePosixPath(asker).is_relative_to(folder) for folder in folders)
