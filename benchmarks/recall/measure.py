"""Recall and precision of `careen scan`, topic by topic, on set-ups that were labelled by hand.

    python benchmarks/recall/measure.py --checkouts DIR [--only NAME] [--topic TOPIC] [--list]

README.md beside this file says what a label is, how labels were made and how DIR is filled. A finding and a label
belong together when topic and path are the same and their lines overlap; a label without lines stands for the whole
file. A label is found when some finding belongs to it, else missed; a finding that belongs to no label is wrong when
its file was read for its topic, and is not counted otherwise. Exit status 1 when a topic is below the least share.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

HERE = Path(__file__).parent
CAREEN = Path(sys.executable).parent / "careen"
LEAST = 0.95
SCAN_KEYS = {"repository", "commit", "scan", "judged", "label", "create", "why"}
LABEL_KEYS = {"path", "line", "end_line", "topic", "why", "also", "disputable"}
JUDGED_KEYS = {"files", "topics"}


@dataclass(frozen=True)
class Place:
    path: str
    topic: str
    first: int | None = None
    last: int | None = None

    def belongs_to(self, other: "Place") -> bool:
        if (self.path, self.topic) != (other.path, other.topic):
            return False
        if self.first is None or self.last is None or other.first is None or other.last is None:
            return True
        return self.first <= other.last and other.first <= self.last

    def __str__(self) -> str:
        return f"{self.path}:{self.first or '*'} {self.topic}"


@dataclass(frozen=True)
class Label:
    """One fault, and each place where a user would look for it: usually one."""

    places: tuple[Place, ...]
    why: str
    disputable: bool
    """Two reasonable users would differ: neither found nor missed, and a finding there is neither right nor wrong."""

    @property
    def topic(self) -> str:
        return self.places[0].topic


@dataclass(frozen=True)
class Judged:
    """Files (patterns) that were read in full for these topics: what is not labelled in them is not there."""

    files: tuple[str, ...]
    topics: frozenset[str]

    def covers(self, place: Place) -> bool:
        return place.topic in self.topics and any(fnmatch(place.path, pattern) for pattern in self.files)


@dataclass(frozen=True)
class Subject:
    """A labelled set-up: a public repository at a commit, or a small project of this folder."""

    name: str
    folder: Path
    labels: tuple[Label, ...]
    judged: tuple[Judged, ...]
    create: dict[str, int]


@dataclass
class Count:
    labelled: int = 0
    found: int = 0
    right: int = 0
    wrong: int = 0
    disputable: int = 0
    remarks: list[str] = field(default_factory=list)

    @property
    def recall(self) -> float:
        return self.found / self.labelled if self.labelled else 1.0

    @property
    def precision(self) -> float:
        told = self.right + self.wrong
        return self.right / told if told else 1.0


def lines_of(entry: dict[str, object], where: str) -> tuple[int | None, int | None]:
    first, last = entry.get("line"), entry.get("end_line", entry.get("line"))
    if not all(line is None or isinstance(line, int) for line in (first, last)):
        raise SystemExit(f"{where}: line and end_line are numbers")
    return first, last  # type: ignore[return-value]


def read_label(entry: dict[str, object], where: str) -> Label:
    if unknown := set(entry) - LABEL_KEYS:
        raise SystemExit(f"{where}: unknown keys {sorted(unknown)} in a label")
    topic = str(entry["topic"])
    more = entry.get("also", [])
    if not isinstance(more, list):
        raise SystemExit(f"{where}: also is a list of tables with path and line")
    places = tuple(Place(str(each["path"]), topic, *lines_of(each, where)) for each in [entry, *more])
    return Label(places=places, why=str(entry.get("why", "")), disputable=bool(entry.get("disputable", False)))


def read_subject(file: Path, folder: Path, name: str) -> Subject:
    data = tomllib.loads(file.read_text(encoding="utf-8"))
    if unknown := set(data) - SCAN_KEYS:
        raise SystemExit(f"{file}: unknown keys {sorted(unknown)}")
    judged = []
    for entry in data["judged"]:
        if unknown := set(entry) - JUDGED_KEYS:
            raise SystemExit(f"{file}: unknown keys {sorted(unknown)} in judged")
        judged.append(Judged(files=tuple(entry["files"]), topics=frozenset(entry["topics"])))
    labels = tuple(read_label(entry, str(file)) for entry in data.get("label", []))
    for label in labels:
        if not any(part.covers(place) for part in judged for place in label.places):
            raise SystemExit(f"{file}: {label.places[0]} is labelled, but not in judged")
    return Subject(
        name=name,
        folder=folder / str(data.get("scan", ".")),
        labels=labels,
        judged=tuple(judged),
        create=data.get("create", {}),
    )


def subjects(checkouts: Path | None, only: str) -> Iterator[Subject]:
    for file in sorted((HERE / "labels").glob("*.toml")):
        name = tomllib.loads(file.read_text(encoding="utf-8"))["repository"]
        if only not in name:
            continue
        folder = checkouts / name.replace("/", "+") if checkouts else None
        if folder is None or not folder.is_dir():
            print(f"{name}: not in {checkouts}, left out", file=sys.stderr)
            continue
        yield read_subject(file, folder, name)
    for file in sorted((HERE / "constructed").glob("*/labels.toml")):
        if only in file.parent.name:
            yield read_subject(file, file.parent, file.parent.name)


def findings(folder: Path) -> list[tuple[Place, str]]:
    done = subprocess.run(
        [str(CAREEN), "scan", str(folder), "--format", "json", "--quiet"], capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"careen scan {folder}: {done.stderr}")
    return [
        (Place(each["path"], each["topic"], each["line"], each["end_line"]), each["message"])
        for each in json.loads(done.stdout)["findings"]
    ]


def scanned(subject: Subject) -> list[tuple[Place, str]]:
    """A project of this folder is judged in a copy, without its labels and with the files that git should not hold."""
    if not subject.folder.is_relative_to(HERE):
        return findings(subject.folder)
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name, "project")
        shutil.copytree(subject.folder, copy, symlinks=True, ignore=shutil.ignore_patterns("labels.toml"))
        for path, size in subject.create.items():
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            (copy / path).write_bytes(b"\0" * size)
        return findings(copy)


def belongs_to_any(finding: Place, labels: Iterable[Label]) -> bool:
    return any(finding.belongs_to(place) for label in labels for place in label.places)


def judge(subject: Subject, told: list[tuple[Place, str]], counts: dict[str, Count]) -> int:
    """Add to the counts; returns how many findings lie where nobody labelled."""
    surely = [label for label in subject.labels if not label.disputable]
    for label in surely:
        count = counts.setdefault(label.topic, Count())
        count.labelled += 1
        if any(finding.belongs_to(place) for finding, _ in told for place in label.places):
            count.found += 1
        else:
            count.remarks.append(f"missed  {subject.name} {label.places[0]}: {label.why}")
    outside = 0
    for finding, message in told:
        count = counts.setdefault(finding.topic, Count())
        if belongs_to_any(finding, surely):
            count.right += 1
        elif belongs_to_any(finding, subject.labels):
            count.disputable += 1
        elif any(part.covers(finding) for part in subject.judged):
            count.wrong += 1
            count.remarks.append(f"wrong   {subject.name} {finding}: {message}")
        else:
            outside += 1
    return outside


def table(counts: dict[str, Count], least: float) -> list[str]:
    rows = [f"{'topic':28} labelled  found missed  right  wrong  recall precision"]
    for topic, count in sorted(counts.items()):
        if not count.labelled and not count.right and not count.wrong:
            continue
        low = " <" if count.recall < least or count.precision < least else ""
        rows.append(
            f"{topic:28} {count.labelled:8} {count.found:6} {count.labelled - count.found:6}"
            f" {count.right:6} {count.wrong:6}  {count.recall:6.3f} {count.precision:9.3f}{low}"
        )
    total = Counter[str]()
    for count in counts.values():
        total.update(labelled=count.labelled, found=count.found, right=count.right, wrong=count.wrong)
    rows.append(
        f"{'all':28} {total['labelled']:8} {total['found']:6} {total['labelled'] - total['found']:6}"
        f" {total['right']:6} {total['wrong']:6}"
    )
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkouts", type=Path, help="folder with owner+name/ for each labelled repository")
    parser.add_argument("--only", default="", help="only subjects whose name contains this")
    parser.add_argument("--topic", default="", help="only this topic")
    parser.add_argument("--list", action="store_true", help="name each missed label and each wrong finding")
    parser.add_argument("--least", type=float, default=LEAST, help="share below which the exit status is 1")
    chosen = parser.parse_args()
    counts: dict[str, Count] = {}
    looked_at = outside = 0
    for subject in subjects(chosen.checkouts, chosen.only):
        outside += judge(subject, scanned(subject), counts)
        looked_at += 1
    if not looked_at:
        raise SystemExit("nothing to measure: fill --checkouts as README.md says")
    if chosen.topic:
        counts = {topic: count for topic, count in counts.items() if topic == chosen.topic}
    print("\n".join(table(counts, chosen.least)))
    disputable = sum(count.disputable for count in counts.values())
    print(f"{looked_at} set-ups; {disputable} findings are disputable, {outside} lie where nobody labelled")
    if chosen.list:
        print("\n".join(remark for _, count in sorted(counts.items()) for remark in count.remarks))
    low = [topic for topic, count in counts.items() if count.recall < chosen.least or count.precision < chosen.least]
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
