"""Managers of system packages, of conda's and of JavaScript's."""

from collections.abc import Mapping, Sequence

from careen.dockerfile.command import Command
from careen.dockerfile.command_line import split_line
from careen.dockerfile.effects import Action, CleanUp, Install

_INSTALL = frozenset({"install", "reinstall", "localinstall", "groupinstall", "build-dep"})
_REMOVE = frozenset({"remove", "purge", "autoremove", "auto-remove", "autopurge", "clean", "autoclean", "erase"})
_MANAGERS: Mapping[str, str] = {
    "apt-get": "apt",
    "apt": "apt",
    "aptitude": "apt",
    "apt-fast": "apt",
    "dnf": "dnf",
    "dnf5": "dnf",
    "yum": "dnf",
    "microdnf": "dnf",
    "tdnf": "dnf",
    "apk": "apk",
    "zypper": "zypper",
}
_VERBS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "apt": (_INSTALL, _REMOVE),
    "dnf": (_INSTALL, _REMOVE),
    "apk": (frozenset({"add"}), frozenset({"del", "cache"})),
    "zypper": (frozenset({"install", "in"}), frozenset({"remove", "rm", "clean", "cc"})),
}
_VALUES: Mapping[str, frozenset[str]] = {
    "apt": frozenset({"-o", "-t", "-c", "--target-release", "--default-release", "--option", "--config-file"}),
    "dnf": frozenset({"--enablerepo", "--disablerepo", "--installroot", "--releasever", "--setopt", "-c", "-x"}),
    "apk": frozenset({"-t", "--virtual", "-X", "--repository", "-p", "--root", "--keys-dir", "--cache-dir"}),
    "zypper": frozenset({"-r", "--repo", "--from"}),
}
_CONDA = frozenset({"conda", "mamba", "micromamba"})
_CONDA_VALUES = frozenset({"-n", "--name", "-p", "--prefix", "-c", "--channel", "-f", "--file", "-r", "--root-prefix"})
_JAVASCRIPT = frozenset({"npm", "yarn", "pnpm", "bun"})
_JAVASCRIPT_INSTALL = frozenset({"install", "i", "ci", "add", "clean-install", "in"})
_JAVASCRIPT_VALUES = frozenset(
    {"--prefix", "--cwd", "-C", "--dir", "--registry", "--omit", "--cache", "--network-timeout"}
)
_JAVASCRIPT_PRODUCTION = frozenset({"--production", "--prod", "-P", "--only=production", "--omit=dev"})


def system_action(argv: Sequence[str], command: Command) -> Action | None:
    """None for other programs, and for verbs that change nothing that stays."""
    name = argv[0].rpartition("/")[2]
    if name in _CONDA:
        return _conda(argv[1:], command)
    if name in _JAVASCRIPT:
        return _javascript(name, argv[1:], command)
    manager = _MANAGERS.get(name)
    if manager is None:
        return _dpkg(name, argv[1:], command)
    line = split_line(argv[1:], _VALUES[manager])
    verb, packages = (line.operands[0], line.operands[1:]) if line.operands else ("", ())
    installs, removes = _VERBS[manager]
    if verb in installs:
        virtual = line.values("-t", "--virtual") if manager == "apk" else ()
        return Install(
            manager=manager,
            packages=_without_removals(packages),
            options=line.names,
            virtual=virtual[-1] if virtual else None,
            command=command,
        )
    if verb in removes:
        return CleanUp(paths=(), packages=() if verb in {"clean", "cache"} else packages, command=command)
    return None


def _without_removals(packages: Sequence[str]) -> tuple[str, ...]:
    """``apt-get install a b-`` removes b; ``a+`` is a."""
    return tuple(
        package.removesuffix("+") if not package.endswith("++") else package
        for package in packages
        if not package.endswith("-")
    )


def _dpkg(name: str, words: Sequence[str], command: Command) -> Action | None:
    if name not in {"dpkg", "rpm"}:
        return None
    line = split_line(words, frozenset())
    if line.has("-i", "--install", "-U", "-Uvh", "-ivh", "--unpack"):
        manager = "apt" if name == "dpkg" else "dnf"
        return Install(manager=manager, packages=line.operands, options=line.names, command=command)
    if line.has("-r", "--remove", "-P", "--purge", "-e", "--erase"):
        return CleanUp(paths=(), packages=line.operands, command=command)
    return None


def _conda(words: Sequence[str], command: Command) -> Action | None:
    line = split_line(words, _CONDA_VALUES)
    operands = line.operands
    of_environment = operands[:1] == ("env",)
    verb, packages = (operands[1:2], operands[2:]) if of_environment else (operands[:1], operands[1:])
    if verb in {("clean",), ("remove",), ("uninstall",)}:
        return CleanUp(paths=(), packages=packages, command=command)
    if verb not in {("install",), ("create",), ("update",)}:
        return None
    files = line.values("-f", "--file")
    return Install(
        manager="conda",
        packages=packages,
        options=line.names,
        requirement_files=files,
        whole_project=of_environment or bool(files),
        command=command,
    )


def _javascript(name: str, words: Sequence[str], command: Command) -> Action | None:
    line = split_line(words, _JAVASCRIPT_VALUES)
    verb, packages = (line.operands[0], line.operands[1:]) if line.operands else ("", ())
    if name == "yarn" and verb == "global":
        verb, packages = (packages[0], packages[1:]) if packages else ("", ())
    if (verb, packages[:1]) == ("cache", ("clean",)):
        return CleanUp(paths=(), packages=(), command=command)
    if verb in {"uninstall", "remove", "rm"}:
        return CleanUp(paths=(), packages=packages, command=command)
    if verb not in _JAVASCRIPT_INSTALL and not (name == "yarn" and not verb and not line.has("--version", "-v")):
        return None
    production = (
        line.has(*_JAVASCRIPT_PRODUCTION) or "dev" in line.items("--omit") or "production" in line.items("--only")
    )
    return Install(
        manager="npm",
        packages=packages,
        options=line.names,
        whole_project=not packages,
        development=not packages and not production,
        command=command,
    )
