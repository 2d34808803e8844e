"""What careen does to real repositories: one row for each, from the patch to services that run.

    python benchmarks/repositories.py --checkouts FOLDER --results FILE [--clone PREFIX] [OWNER/NAME ...]
    python benchmarks/repositories.py --results FILE --markdown

The repositories and their commits are in repositories.toml. FOLDER holds a work tree of each, named OWNER+NAME;
--clone makes those that are missing (`git clone PREFIX/OWNER/NAME`, then the commit). Each is copied, and the copy goes
through what a careful user would do: `careen fix`, the patch through `git apply`, the result read and judged, linted by
hadolint and tally where they are installed (before, too, so that only what is new counts), fixed once more, built by
careen's own engine and proved. What fix refuses it is asked for again with --accept, and the row says so. Sizes before
are predicted; nothing of the old set-up is built. A row is written as a line of JSON as soon as it is known, and
replaces an earlier one of the same repository.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

LIST = Path(__file__).with_suffix(".toml")
Row = dict[str, Any]
_LOSSES = "would be lost"
"""In the reason of a recast that --accept makes."""
_ADDRESS = re.compile(r"https?://[^\s`;|]+")
_OVER_BUDGET = 1
"""The images are there all the same."""
_ENDED = "stops: it had ended before it was asked to"


@dataclass(frozen=True)
class Done:
    """``code`` is None when the time was up."""

    code: int | None
    output: str
    said: str
    seconds: float


@dataclass(frozen=True)
class Bench:
    checkouts: Path
    scratch: Path
    patience: float
    hadolint: str | None
    tally: str | None

    def run(self, argv: Sequence[str], folder: Path, text: str | None = None) -> Done:
        """In a session of its own, so that nothing that it started outlives the time limit."""
        started = time.perf_counter()
        with subprocess.Popen(
            argv,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            try:
                output, said = process.communicate(text, timeout=self.patience)
                code: int | None = process.returncode
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                output, said = process.communicate()
                code = None
        return Done(code, output, said, round(time.perf_counter() - started, 1))

    def careen(self, folder: Path, verb: str, *options: str) -> Done:
        argv = [sys.executable, "-m", "careen", verb, str(folder), *options, "--quiet", "--format", "json"]
        done = self.run(argv, folder)
        return replace(done, said=done.said.replace(str(folder), "."))


def first_words(done: Done) -> str:
    """Why a verb did not do what it was asked for."""
    if done.code is None:
        return f"no end after {done.seconds:.0f} s"
    lines = [line for line in done.said.splitlines() if line.strip()]
    errors = [number for number, line in enumerate(lines) if line.startswith("error: ")]
    if not errors:
        return (lines or [f"exit status {done.code}"])[-1]
    error = lines[errors[0]].removeprefix("error: ")
    if done.code == 70:
        return f"{error}: {lines[errors[0] - 1] if errors[0] else ''}"
    causes = [line.strip() for line in lines[errors[0] + 1 :] if line.strip().startswith("cause: ")]
    return "; ".join([error, *causes])


def hints(done: Done) -> list[str]:
    return [line.removeprefix("hint: ") for line in done.said.splitlines() if line.startswith("hint: ")]


def examine(bench: Bench, name: str, commit: str, copies: Mapping[str, str]) -> Row:
    """The row of one repository; what was not reached is missing.

    ``verdict`` is ``recast`` (a new set-up), ``mended`` (repairs of single lines, since it cannot be recast),
    ``refused``, ``nothing`` or ``failed``, which is careen's fault.
    """
    row: Row = {"repository": name, "commit": commit}
    checkout = bench.checkouts / name.replace("/", "+")
    if not checkout.is_dir():
        return row | {"verdict": "not here", "reason": f"no checkout at {checkout.name}"}
    tree = work_tree(bench, checkout, copies, "tree")
    scan = bench.careen(tree, "scan")
    if not scan.output.strip():  # a file that cannot be read is among the findings
        return row | {"verdict": verdict_of(scan), "reason": first_words(scan), "hints": hints(scan)}
    before = json.loads(scan.output)
    row["findings_before"] = counted(before)
    linted = lint(bench, tree, before)
    row |= attempt(bench, tree, before, linted, ())
    if row["verdict"] != "recast" and (row.get("stops") or _LOSSES in row.get("reason", "")):
        again = work_tree(bench, checkout, copies, "accepting")
        row["accepting"] = attempt(bench, again, before, linted, ("--accept",))
    return row


def work_tree(bench: Bench, checkout: Path, copies: Mapping[str, str], name: str) -> Path:
    tree = bench.scratch / name
    shutil.copytree(checkout, tree, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    for copy, example in copies.items():
        shutil.copy(tree / example, tree / copy)
    return tree


def attempt(
    bench: Bench, tree: Path, before: Mapping[str, Any], linted: Mapping[str, dict[str, str]], options: Sequence[str]
) -> Row:
    """One patch, from ``careen fix`` to services that run."""
    fixed = bench.careen(tree, "fix", *options)
    row: Row = {"fix_seconds": fixed.seconds}
    if not fixed.output.strip():
        return row | {"verdict": verdict_of(fixed), "reason": first_words(fixed), "hints": hints(fixed)}
    document = json.loads(fixed.output)
    changes, problem = document["changes"], document["not_recast"]
    row["left"] = [words(refusal) for refusal in document["refusals"] if not refusal["stops"]]
    row["stops"] = [words(refusal) for refusal in document["refusals"] if refusal["stops"]]
    if problem is not None:
        row |= {"reason": problem["reason"], "hints": problem["hints"]}
    elif row["stops"]:
        row["reason"] = row["stops"][0]
    if not changes:
        return row | {"verdict": "refused" if "reason" in row else "nothing"}
    row["verdict"] = "recast" if problem is None else "mended"
    row["files"] = [change["path"] for change in changes]
    row |= sizes_before(bench, tree) if problem is None else {}
    applied = bench.run(["git", "apply", "-"], tree, "".join(change["patch"] for change in changes))
    row["applies"] = applied.code == 0
    if applied.code != 0:
        return row | {"verdict": "failed", "reason": f"git apply: {first_words(applied)}"}
    row |= judge_patched(bench, tree, before, linted)
    again = bench.careen(tree, "fix", *options)
    row |= second(again)
    if problem is None:
        row |= build_and_prove(bench, tree)
    return row


def judge_patched(bench: Bench, tree: Path, before: Mapping[str, Any], linted: Mapping[str, dict[str, str]]) -> Row:
    scan = bench.careen(tree, "scan")
    if not scan.output.strip():
        return {"verdict": "failed", "reason": f"the result cannot be read: {first_words(scan)}"}
    after = json.loads(scan.output)
    known = {(finding["rule"], finding["service"]) for finding in before["findings"]}
    return {
        "findings_after": counted(after),
        "unreadable": [note for note in after["unreadable"] if note not in before["unreadable"]],
        "findings_left": [
            f"{finding['path']}:{finding['line']}: {finding['rule']} ({finding['severity']})"
            for finding in after["findings"]
        ],
        "findings_new": [
            f"{finding['path']}:{finding['line']}: {finding['rule']}"
            for finding in after["findings"]
            if (finding["rule"], finding["service"]) not in known
        ],
        **new_lint(linted, lint(bench, tree, after)),
    }


def second(again: Done) -> Row:
    if not again.output.strip():
        return {"second_error": first_words(again)}
    document = json.loads(again.output)
    return {
        "second_fix": [change["path"] for change in document["changes"]],
        "second_stops": [words(refusal) for refusal in document["refusals"] if refusal["stops"]],
        "second_problem": document["not_recast"],
    }


def build_and_prove(bench: Bench, tree: Path) -> Row:
    images = bench.scratch / f"images-{tree.name}"
    built = bench.careen(tree, "build", "--output", str(images))
    row: Row = {"build_seconds": built.seconds}
    if built.code not in {0, _OVER_BUDGET} or not built.output.strip():
        return row | {"not_built": first_words(built), "hints": hints(built)}
    document = json.loads(built.output)
    row["after"] = {image["service"]: image["bytes"] for image in document["images"]}
    row["stack_bytes"] = document["stack"]["unique_bytes"]
    proved = bench.careen(tree, "prove", "--images", str(images))
    row["prove_seconds"] = proved.seconds
    if not proved.output.strip():
        return row | {"not_proved": first_words(proved)}
    proof = json.loads(proved.output)
    row["proof"] = [service_proof(service) for service in proof["services"]]
    row["stack_failed"] = [
        f"{check['check']}: {check['evidence']['summary']}" for check in proof["stack"] if check["verdict"] == "fail"
    ]
    return row


def verdict_of(done: Done) -> str:
    return "failed" if done.code is None or done.code in {0, 70} or done.code < 0 else "refused"


def words(refusal: Mapping[str, Any]) -> str:
    line = f":{refusal['line']}" if refusal["line"] else ""
    return f"{refusal['path']}{line}: {refusal['reason']}"


def counted(scan: Mapping[str, Any]) -> Mapping[str, int]:
    return dict(Counter(finding["severity"] for finding in scan["findings"]))


def sizes_before(bench: Bench, tree: Path) -> Row:
    """``at_least`` are services with an instruction whose bytes nobody told."""
    planned = bench.careen(tree, "plan")
    if planned.code != 0:
        return {"before": {}}
    services = json.loads(planned.output)["services"]
    return {
        "before": {service["name"]: service["current_predicted_bytes"] for service in services},
        "at_least": [
            service["name"] for service in services if any(item["bytes"] is None for item in service["current"])
        ],
    }


def service_proof(service: Mapping[str, Any]) -> Row:
    checks = service["checks"]
    failed = [check for check in checks if check["verdict"] == "fail"]
    return {
        "name": service["name"],
        "starts": any(check["check"] == "starts" and check["verdict"] == "pass" for check in checks),
        "passed": sum(check["verdict"] == "pass" for check in checks),
        "skipped": sum(check["verdict"] == "skipped" for check in checks),
        "failed": [f"{check['check']}: {check['evidence']['summary']}" for check in failed],
        "output": "\n".join(
            check["evidence"]["output"] or "" for check in failed if check["check"] in {"starts", "stops"}
        )[-3000:],
    }


def lint(bench: Bench, tree: Path, scan: Mapping[str, Any]) -> Mapping[str, dict[str, str]]:
    """Of each linter the rules that some Dockerfile of the stack breaks, with the gravest severity."""
    files = sorted({service["dockerfile"] for service in scan["services"] if service["dockerfile"]})
    found: dict[str, dict[str, str]] = {}
    if bench.hadolint:
        seen: dict[str, str] = {}
        for file in files:
            done = bench.run([bench.hadolint, "--no-fail", "--format", "json", "--config", os.devnull, file], tree)
            for item in json.loads(done.output or "[]"):
                graver(seen, item["code"], item["level"])
        found["hadolint"] = seen
    if bench.tally:
        seen = {}
        for file in files:
            options = ["--no-config", "--slow-checks", "off", "--format", "json"]
            done = bench.run([bench.tally, "lint", *options, file], tree)
            if not done.output.strip():
                graver(seen, f"unreadable: {first_words(done)}", "error")
                continue
            for item in json.loads(done.output)["files"]:
                for violation in item["violations"]:
                    graver(seen, violation["rule"], violation["severity"])
        found["tally"] = seen
    return found


def graver(seen: dict[str, str], rule: str, severity: str) -> None:
    order = ("error", "warning", "info", "style", "ignore", "none")
    if rule not in seen or order.index(severity) < order.index(seen[rule]):
        seen[rule] = severity


def new_lint(before: Mapping[str, dict[str, str]], after: Mapping[str, dict[str, str]]) -> Row:
    """``new`` are rules that no Dockerfile broke before."""
    return {
        linter: {
            "before": len(before[linter]),
            "after": len(after[linter]),
            "new": {rule: severity for rule, severity in after[linter].items() if rule not in before[linter]},
        }
        for linter in after
    }


def table(rows: Iterable[Row]) -> str:
    """Three tables: the patches, the services of what was recast, and where there is no patch."""
    rows = list(rows)
    tried = [attempted for row in rows for attempted in attempts(row)]
    patched = [row for row in tried if row.get("files")]
    lines = [
        "| repository | commit | fix | findings, left in files of the patch | new: hadolint | new: tally | fix again |",
        "|---|---|---|---|---|---|---|",
        *(line(change_cells(row)) for row in patched),
        "",
        "| repository | service | before, MB | built, MB | checks passed | starts |",
        "|---|---|---:|---:|---:|---|",
        *(line(cells) for row in patched if row["verdict"] == "recast" for cells in service_cells(row)),
        "",
        "| repository | commit | why there is no patch |",
        "|---|---|---|",
        *(line(refused_cells(row)) for row in tried if not row.get("files")),
    ]
    return "\n".join(lines)


def attempts(row: Row) -> Iterable[Row]:
    yield row
    if "accepting" in row:
        known = {key: row[key] for key in ("repository", "commit", "findings_before")}
        yield {**known, **row["accepting"], "repository": f"{row['repository']} with --accept"}


def public(cell: str) -> str:
    """Without addresses, which are the projects' own business, and without places of this machine."""
    return _ADDRESS.sub("ADDRESS", cell).replace(f"{sys.prefix}/bin/", "")


def line(cells: Iterable[str]) -> str:
    return (
        "| "
        + " | ".join(" ".join(public(cell).replace("|", "\\|").replace("<", "&lt;").split()) for cell in cells)
        + " |"
    )


def commit_cell(row: Row) -> str:
    return f"`{row['commit'][:8]}`"


def change_cells(row: Row) -> Sequence[str]:
    left = row.get("findings_left", [])
    touched = [place for place in left if place.partition(":")[0] in row["files"]]
    before, after = (sum(row.get(key, {}).values()) for key in ("findings_before", "findings_after"))
    return (
        row["repository"],
        commit_cell(row),
        row["verdict"]
        if "reason" not in row
        else f"{row['verdict']}: {'; '.join(row['stops'] or [told(row['reason'])])}",
        f"{before} → {after}{f', {len(touched)}: ' if touched else ', none'}{', '.join(touched)}",
        new_cell(row, "hadolint"),
        new_cell(row, "tally"),
        told(row.get("second_error", "")) or ", ".join(row.get("second_fix", ["?"])) or "changes nothing",
    )


def new_cell(row: Row, linter: str) -> str:
    new = row.get(linter, {}).get("new", {})
    errors = sorted(rule for rule, severity in new.items() if severity == "error")
    rest = sorted(rule for rule, severity in new.items() if severity != "error")
    return "; ".join([*(f"**error** {rule}" for rule in errors), *rest]) or "none"


def service_cells(row: Row) -> Iterable[Sequence[str]]:
    proofs = {service["name"]: service for service in row.get("proof", [])}
    for name in sorted(row.get("after") or row.get("before") or {"?": None}):
        proof = proofs.get(name)
        yield (
            row["repository"],
            name,
            f"{'≥ ' * (name in row.get('at_least', ()))}{megabytes(row.get('before', {}).get(name))}",
            megabytes(row["after"].get(name)) if "after" in row else "",
            f"{proof['passed']} of {proof['passed'] + len(proof['failed'])}" if proof else "",
            start_cell(proof) if proof else row.get("not_built") or row.get("not_proved") or row.get("reason", ""),
        )


def told(reason: str) -> str:
    """Without the advice behind it."""
    return reason.partition("\n\nhint: ")[0]


def start_cell(proof: Row) -> str:
    """Why a service does not start or stay, and which other checks fail."""
    ended = next((text for text in proof["failed"] if text.startswith(("starts: ", _ENDED))), "")
    failed = [text for text in proof["failed"] if text != ended and not text.startswith(_ENDED)]
    others = f" (fails: {'; '.join(failed)})" if failed else ""
    if proof["starts"] and not ended:
        return f"yes{others}"
    return f"no, {ended.partition(': ')[2]}{others}"


def refused_cells(row: Row) -> Sequence[str]:
    reasons = row.get("stops") or [told(row.get("reason", "nothing to change"))]
    reasons = [*reasons, *(hint for hint in row.get("hints", ()) if re.match(r"\S+:\d+: ", hint))]
    return (row["repository"], commit_cell(row), f"{row['verdict']}: {'; '.join(reasons)}")


def megabytes(number: int | None) -> str:
    return "?" if number is None else f"{number / 1e6:,.0f}"


def clone(prefix: str, name: str, commit: str, folder: Path) -> None:
    subprocess.run(["git", "clone", "--quiet", f"{prefix.rstrip('/')}/{name}", str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), "checkout", "--quiet", commit], check=True)


def read_rows(path: Path) -> dict[str, Row]:
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return {row["repository"]: row for row in rows}


def write_rows(path: Path, rows: Mapping[str, Row]) -> None:
    aside = path.with_name(f".{path.name}.new")
    aside.write_text("".join(f"{json.dumps(rows[name], sort_keys=True)}\n" for name in sorted(rows, key=str.lower)))
    aside.replace(path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="OWNER/NAME")
    parser.add_argument("--checkouts", type=Path)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--clone", metavar="PREFIX")
    parser.add_argument("--markdown", action="store_true", help="print the table of the results instead")
    parser.add_argument("--patience", type=float, default=600, metavar="SECONDS", help="for each verb")
    parser.add_argument("--hadolint", default=shutil.which("hadolint"))
    parser.add_argument("--tally", default=shutil.which("tally"))
    arguments = parser.parse_args()
    rows = read_rows(arguments.results)
    if arguments.markdown:
        print(table(rows[name] for name in sorted(rows, key=str.lower)))
        return 0
    if arguments.checkouts is None:
        parser.error("--checkouts says where the work trees are")
    listed = tomllib.loads(LIST.read_text())
    for name in arguments.names or listed["commits"]:
        commit = listed["commits"][name]
        folder = arguments.checkouts.resolve() / name.replace("/", "+")
        if arguments.clone and not folder.exists():
            clone(arguments.clone, name, commit, folder)
        with tempfile.TemporaryDirectory(prefix="careen-repositories-") as scratch:
            bench = Bench(
                checkouts=folder.parent,
                scratch=Path(scratch),
                patience=arguments.patience,
                hadolint=arguments.hadolint,
                tally=arguments.tally,
            )
            row = examine(bench, name, commit, listed["copies"].get(name, {}))
        print(f"{name}: {row['verdict']} {row.get('reason', '')}", file=sys.stderr, flush=True)
        rows = read_rows(arguments.results) | {name: row}
        write_rows(arguments.results, rows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
