"""Compilers, headers and version control are installed into the shipped image.

They are needed while wheels are built and never after; they are the larger part of most scanners' reports, and
weigh hundreds of megabytes. Removing them in a later RUN frees nothing: the layer that holds them stays. Build in
a stage of its own and copy the result.

A RUN that installs them, builds and removes them again is fine, as are tools in a stage that is not shipped and in
an image for developers and tests whose stage or file says so.
"""

from collections.abc import Iterator

from careen.dockerfile.actions import CleanUp, Install
from careen.findings import Confidence, Finding, FixKind, Severity, Topic
from careen.rules.rule import Rule
from careen.workspace.facts import StackFacts
from careen.workspace.steps import RunStep

_TOOL_NAMES = (
    "build-essential gcc g++ clang make cmake git pkg-config pkgconf python3-dev python-dev build-base musl-dev cargo "
    "rust rustc autoconf automake libtool ninja-build gfortran patch linux-headers swig gcc-c++ meson llvm llvm-dev "
    "golang go subversion mercurial dpkg-dev alpine-sdk"
)
_TOOLS = frozenset(_TOOL_NAMES.split())
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
    "python3-dev": 60_000_000,
}
"""What apt (apk for build-base) brings with each on Debian 12, by and large; the heaviest of a step counts."""


def check(rule: Rule, facts: StackFacts) -> Iterator[Finding]:
    for image in facts.images:
        if image.stage_is_for_development:
            continue
        for run in image.runs:
            if not run.in_image:
                continue
            for install in run.installs():
                remaining = _remaining(run, install) if install.manager in {"apt", "apk", "dnf"} else []
                if remaining:
                    known = [weight for tool in remaining if (weight := _WEIGHTS.get(tool)) is not None]
                    verb = "stays" if len(remaining) == 1 else "stay"
                    yield rule.finding(
                        run.place_of(install.command),
                        f"{_listed(remaining)} {verb} in the shipped image",
                        bytes=max(known, default=None),
                        fix=FixKind.REVIEW,
                    )


def _remaining(run: RunStep, install: Install) -> list[str]:
    """Tools that the same RUN does not remove again; removing an apk virtual package removes all that came with it."""
    packages = list(dict.fromkeys(map(_bare, install.packages)))
    removed = {
        package for action in run.actions if isinstance(action, CleanUp) for package in map(_bare, action.packages)
    }
    if install.virtual in removed:
        return []
    if any(package.startswith("$") for package in removed) and any(package.startswith("$") for package in packages):
        return []
    return [
        package
        for package in packages
        if package not in removed and (package in _TOOLS or package.endswith(("-dev", "-devel")))
    ]


def _bare(package: str) -> str:
    return package.partition("=")[0].partition(":")[0].partition("~")[0]


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"


RULE = Rule(
    slug="build-tools-in-final",
    topic=Topic.BUILD_TOOLS_IN_FINAL,
    summary="Compilers and headers are shipped",
    severity=Severity.MEDIUM,
    confidence=Confidence.CERTAIN,
    since="0.1.0",
    check=check,
)
