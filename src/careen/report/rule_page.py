"""The page of a rule, in Markdown: why it costs, when it does not, and an example before and after.

The words stand in the rule's own module. The pages themselves are written by ``tools/generate.py`` into the package
and into the documentation; the examples are the rule's test cases, so that they are true.
"""

import importlib.resources

from careen.rules.rule import Rule
from careen.text.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Files by name, as a test case holds them, and what careen says of them; nothing for the good example."""

    title: str
    files: tuple[tuple[str, str], ...]
    said: str


def rule_page(rule: Rule) -> str:
    """The page as it was generated and shipped."""
    return importlib.resources.files("careen.rules").joinpath("pages", f"{rule.slug}.md").read_text(encoding="utf-8")


def compose_page(rule: Rule, examples: tuple[Example, ...]) -> str:
    lines = [
        f"# {rule.slug}",
        "",
        f"{rule.summary}.",
        "",
        f"Topic `{rule.topic}` · severity {rule.severity} · confidence {rule.confidence} · since {rule.since}",
        "",
        rule.words,
    ]
    for example in examples:
        lines += ["", f"## {example.title}", ""]
        for name, text in example.files:
            lines += [f"`{name}`", "", f"```{_language(name)}", text.rstrip("\n"), "```", ""]
        if example.said:
            lines += ["careen says:", "", "```text", example.said.rstrip("\n"), "```", ""]
        lines.pop()
    lines += ["", "## Not wanted here?", "", f"`# careen: ignore[{rule.slug}] reason` on the line or the one above it,"]
    lines += [f'or `ignore = {{ "{rule.slug}" = "reason" }}` in `[tool.careen]`.']
    return "\n".join(lines) + "\n"


def _language(name: str) -> str:
    if "Dockerfile" in name:
        return "dockerfile"
    suffix = name.rpartition(".")[2]
    return {"yml": "yaml", "yaml": "yaml", "toml": "toml", "py": "python", "sh": "sh"}.get(suffix, "text")
