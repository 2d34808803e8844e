"""Writes what follows from the code: the pages of the rules, of the JSON and of the command line.

``write`` writes them, ``check`` fails when they differ.

    python tools/generate.py write|check

A page's words are the docstring of the rule's module; its examples are two of the rule's test cases, the first that
shows the rule and the first that comes near and is fine.
"""

import importlib
import inspect
import sys
from pathlib import Path

import click

from careen.cli.verbs import VERBS
from careen.report.rule_page import Example, compose_page
from careen.rules.catalogue import RULES
from careen.rules.rule import Rule

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT / "tests" / "cases" / "rules"
DOCUMENTATION = ROOT / "docs" / "reference" / "rules"
SHIPPED = ROOT / "src" / "careen" / "rules" / "pages"
REFERENCE = ROOT / "docs" / "reference"
DOCUMENTS = ("scan", "context", "plan", "fix", "build", "prove", "overhaul", "size", "gate", "refresh", "store")
"""Verbs whose JSON is described by the docstring of the module that writes it."""

_SHOWN = ("Dockerfile", ".dockerignore", "compose", ".sh", "requirements")
_ABOUT_CONTEXTS = frozenset(
    {
        "ineffective-ignore-pattern",
        "secret-in-image",
        "unneeded-context-files",
        "venv-in-context",
        "weak-dockerignore",
        "whole-tree-copy",
    }
)
"""Rules for whose cases the ignore file matters; elsewhere it is only there to keep others silent."""
_LONGEST = 40


def pages() -> dict[Path, str]:
    found: dict[Path, str] = {}
    rows = []
    for rule in RULES:
        page = compose_page(rule, tuple(examples(rule)))
        found[DOCUMENTATION / f"{rule.slug}.md"] = page
        found[SHIPPED / f"{rule.slug}.md"] = page
        rows.append(f"| [{rule.slug}]({rule.slug}.md) | {rule.summary} | {rule.severity} | {rule.confidence} |")
    head = ["# Rules", "", "What `careen scan` finds. `careen scan --explain RULE` prints a rule's page.", ""]
    table = ["| rule | what it finds | severity | confidence |", "| --- | --- | --- | --- |", *rows]
    found[DOCUMENTATION / "index.md"] = "\n".join([*head, *table]) + "\n"
    found[REFERENCE / "json.md"] = json_page()
    found[REFERENCE / "commands.md"] = commands_page()
    return found


def json_page() -> str:
    lines = [
        "# JSON",
        "",
        "What `--format json` writes. Fields are added, never changed or removed, while the number in `schema` stays.",
        "Everything is sorted; there are no absolute paths, and no times but where they are said to be.",
    ]
    for verb in DOCUMENTS:
        words = inspect.getdoc(importlib.import_module(f"careen.report.{verb}_json")) or ""
        lines += ["", f"## careen {verb}", "", "```text", words.replace("``", "`"), "```"]
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    lines = ["# Command line", "", "What `careen VERB --help` prints."]
    for verb in VERBS:
        command = importlib.import_module(f"careen.cli.commands.{verb}").command
        context = click.Context(command, info_name=f"careen {verb}", terminal_width=100, max_content_width=100)
        lines += ["", f"## careen {verb}", "", "```text", command.get_help(context), "```"]
    return "\n".join(lines) + "\n"


def examples(rule: Rule) -> list[Example]:
    cases = sorted(path for path in (CASES / rule.slug).iterdir() if path.is_dir())
    said = {case: said_of(rule, (case / "expected.txt").read_text(encoding="utf-8")) for case in cases}
    hit = next(case for case in cases if said[case])
    miss = next(case for case in cases if not said[case])
    return [
        Example(title=f"Found: {spoken(hit)}", files=files_of(hit), said="\n\n".join(said[hit])),
        Example(title=f"Fine: {spoken(miss)}", files=files_of(miss), said=""),
    ]


def said_of(rule: Rule, text: str) -> list[str]:
    """The blocks of the terminal view that tell of the rule, without what other rules say of the same lines."""
    severities = ("  high ", "  medium ", "  low ")
    blocks = []
    for block in text.split("\n\n"):
        lines = block.split("\n")
        verdicts = [line for line in lines if line.startswith(severities)]
        own = [line for line in verdicts if line.split()[1].strip(",:") == rule.slug]
        if own:
            blocks.append("\n".join(line for line in lines if line not in verdicts or line in own))
    return blocks


def files_of(case: Path) -> tuple[tuple[str, str], ...]:
    found = []
    for path in sorted(case.rglob("*")):
        name = path.relative_to(case).as_posix()
        shown = any(part in path.name for part in _SHOWN)
        if path.name == ".dockerignore" and case.parent.name not in _ABOUT_CONTEXTS:
            continue
        if path.is_file() and shown:
            text = path.read_text(encoding="utf-8")
            if text.count("\n") <= _LONGEST:
                found.append((name, text))
    return tuple(found)


def spoken(case: Path) -> str:
    return case.name.replace("-", " ")


def main(mode: str) -> int:
    wanted = pages()
    present = {path for folder in (DOCUMENTATION, SHIPPED) for path in folder.glob("*.md")}
    present |= {path for path in wanted if path.exists()}
    if mode == "write":
        for path, text in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        for path in present - set(wanted):
            path.unlink()
        return 0
    differing = [path for path, text in wanted.items() if path not in present or path.read_text("utf-8") != text]
    differing += present - set(wanted)
    for path in sorted(differing):
        print(f"not as generated: {path.relative_to(ROOT)}; run python tools/generate.py write")
    return 1 if differing else 0


if __name__ == "__main__":
    if sys.argv[1:] not in (["write"], ["check"]):
        sys.exit("usage: python tools/generate.py write|check")
    sys.exit(main(sys.argv[1]))
