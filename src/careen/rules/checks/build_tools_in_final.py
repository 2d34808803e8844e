"""Compilers, headers and version control are installed into the shipped image.

They are needed while wheels are built and never after; they are the larger part of most scanners' reports.
Removing them in a later RUN frees nothing: the layer that holds them stays.
"""

from collections.abc import Iterator

from careen.dockerfile.actions import CleanUp
from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import StackFacts
from careen.workspace.steps import RunStep

_TOOLS = frozenset(
    {
        "build-essential",
        "gcc",
        "g++",
        "clang",
        "make",
        "cmake",
        "git",
        "pkg-config",
        "python3-dev",
        "build-base",
        "musl-dev",
        "cargo",
        "rustc",
        "autoconf",
        "automake",
        "libtool",
        "ninja-build",
        "gfortran",
        "patch",
        "linux-headers",
        "swig",
        "gcc-c++",
        "meson",
        "python-dev",
        "llvm-dev",
        "golang",
        "subversion",
        "mercurial",
    }
)
_WEIGHTS = {
    "build-essential": 270_000_000,
    "gcc": 160_000_000,
    "g++": 200_000_000,
    "git": 90_000_000,
    "cmake": 100_000_000,
    "build-base": 210_000_000,
    "clang": 480_000_000,
    "rustc": 430_000_000,
    "cargo": 480_000_000,
}
"""What apt brings with each on Debian 12, by and large; the heaviest of a step counts."""


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        for run in image.runs:
            if not run.in_image:
                continue
            tools = [
                package
                for install in run.installs()
                if install.manager in {"apt", "apk", "dnf"}
                for package in map(_bare, install.packages)
                if package in _TOOLS or package.endswith(("-dev", "-devel"))
            ]
            remaining = [tool for tool in tools if tool not in _removed(run)]
            if remaining:
                known = [weight for tool in remaining if (weight := _WEIGHTS.get(tool)) is not None]
                yield rule.finding(
                    run.place,
                    f"{_listed(remaining)} stay in the shipped image",
                    bytes=max(known, default=None),
                    fix=FixKind.REVIEW,
                )


def _bare(package: str) -> str:
    return package.partition("=")[0].partition(":")[0]


def _removed(run: RunStep) -> frozenset[str]:
    """Packages that the same RUN removes again, so that its layer does not hold them."""
    cleaned = [action for action in run.actions if isinstance(action, CleanUp)]
    return frozenset(package for action in cleaned for package in action.packages)


def _listed(names: list[str]) -> str:
    unique = list(dict.fromkeys(names))
    shown = ", ".join(unique[:4])
    return shown if len(unique) <= 4 else f"{shown} and {len(unique) - 4} more"


RULE = Rule(
    slug="build-tools-in-final",
    topic=Topic.BUILD_TOOLS_IN_FINAL,
    summary="Compilers and headers are shipped",
    severity=Severity.MEDIUM,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
