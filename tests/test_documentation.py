"""What README and docs name is there: files, headings, verbs, options; and what benchmarks import."""

import ast
import importlib
import importlib.util
import re
from pathlib import Path

import click
import pytest

from careen.cli.verbs import VERBS

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks" / "recall" / "README.md"])
BENCHMARKS = sorted([*(ROOT / "benchmarks").glob("*.py"), *(ROOT / "benchmarks").glob("*/*.py")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_COMMAND = re.compile(r"(?m)(?:^ +|`|\brun: )(?:\.venv/bin/)?careen ([a-z]+)((?: [^`#|>&\n]*)?)")


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"(?m)^#+ (.*)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert "://" in link or target.exists(), link
        assert not anchor or "://" in link or anchor in anchors(target), link


def options_of(verb: str) -> set[str]:
    command = importlib.import_module(f"careen.cli.commands.{verb}").command
    assert isinstance(command, click.Command)
    names = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return names | {"--help"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_have_the_verbs_and_options_that_are_said(page: Path) -> None:
    for verb, rest in _COMMAND.findall(page.read_text(encoding="utf-8")):
        assert verb in VERBS, verb
        for word in rest.split():
            option = word.partition("=")[0].rstrip(".,;:)")
            if re.fullmatch(r"-[a-z]|--[a-z-]+", option):
                assert option in options_of(verb), f"careen {verb} {option}"


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.name)
def test_benchmarks_import_what_careen_has(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "careen":
            module = importlib.import_module(node.module or "")
            for name in node.names:
                found = hasattr(module, name.name) or importlib.util.find_spec(f"{node.module}.{name.name}")
                assert found, f"{node.module}.{name.name}"
