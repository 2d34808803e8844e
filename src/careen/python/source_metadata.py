"""What a source distribution needs, where its own files say it without being run.

Four places count: metadata that says of itself that no build changes it (PEP 643), ``[project]`` where dependencies
are not dynamic (PEP 621), what poetry has written, which computes nothing, and a ``setup.py`` that hands over plain
lists. What setuptools left behind when it made the archive (``requires.txt``) has to agree with the last.
"""

import ast
import configparser
import re
import tomllib
from collections.abc import Iterable, Mapping

from careen.python.requirements import parse_requirement, requirements_in

_STATIC = (2, 2)
"""The metadata version from which fields are fixed unless ``Dynamic`` names them."""

_HARMLESS = frozenset({"setuptools", "wheel", "setuptools-scm", "cython", "numpy", "cffi", "pytest-runner", "pip"})
"""What a ``setup.py`` may ask for that leaves its requirements alone, unlike pbr and its like."""

_OVERRIDING = frozenset({"pbr", "distclass", "cmdclass"})


def requirements_of_source(texts: Mapping[str, str]) -> tuple[str, ...] | None:
    """As ``Requires-Dist`` has them; None where only the distribution's own code would tell. ``texts`` are files of the
    archive by their path in it.
    """
    metadata = texts.get("PKG-INFO", "")
    if _is_static(metadata):
        return requirements_in(metadata)
    project, backend = _project(texts.get("pyproject.toml", ""))
    if project is None:
        return None
    dynamic = project.get("dynamic", [])
    if project and not {"dependencies", "optional-dependencies"} & set(dynamic if isinstance(dynamic, list) else ()):
        return _with_extras(project.get("dependencies", []), project.get("optional-dependencies", {}))
    if backend.startswith("poetry"):
        return requirements_in(metadata) if metadata else None
    return _of_setuptools(texts) if backend.startswith("setuptools") and not dynamic else None


def _is_static(metadata: str) -> bool:
    headers = metadata.partition("\n\n")[0].replace("\r\n", "\n").splitlines()
    fields = [
        (name.strip().lower(), value.strip().lower()) for name, _, value in (line.partition(":") for line in headers)
    ]
    version = next((re.fullmatch(r"(\d+)\.(\d+)", value) for name, value in fields if name == "metadata-version"), None)
    dynamic = {value for name, value in fields if name == "dynamic"}
    return version is not None and (int(version[1]), int(version[2])) >= _STATIC and "requires-dist" not in dynamic


def _project(text: str) -> tuple[Mapping[str, object] | None, str]:
    """The table, empty where there is none, and the backend; no table for a text that cannot be read."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None, ""
    project, system = document.get("project", {}), document.get("build-system", {})
    backend = system.get("build-backend", "setuptools") if isinstance(system, dict) else "setuptools"
    requires = system.get("requires", []) if isinstance(system, dict) else []
    known = isinstance(requires, list) and all(_is_harmless(text) or text.startswith("poetry") for text in requires)
    return (project if isinstance(project, dict) else {}), str(backend) if known or project else "another"


def _with_extras(plain: object, extras: object) -> tuple[str, ...] | None:
    """None where something is not what the specification has."""
    if not isinstance(plain, list) or not isinstance(extras, dict):
        return None
    found = [text for text in plain if isinstance(text, str)]
    for extra, texts in extras.items():
        # ``extras_require`` may have a condition behind the extra's name, or in its place.
        name, _, condition = str(extra).partition(":")
        for text in texts if isinstance(texts, list) else ():
            requirement = parse_requirement(text) if isinstance(text, str) else None
            if requirement is None:
                return None
            conditions = [f"({part})" for part in (requirement.marker, condition.strip()) if part]
            conditions += [f"extra == '{name.strip()}'"] if name.strip() else []
            bare = text if requirement.marker is None else text.rpartition(";")[0]
            found.append(f"{bare.strip()} ; {' and '.join(conditions)}" if conditions else text)
    return tuple(found) if all(parse_requirement(text) is not None for text in found) else None


# setuptools


def _of_setuptools(texts: Mapping[str, str]) -> tuple[str, ...] | None:
    found = _declared(texts)
    left = next((text for path, text in texts.items() if path.endswith(".egg-info/requires.txt")), None)
    has_record = any(".egg-info/" in path for path in texts)
    if found is None or not has_record:
        return None
    return found if _names(found) == _names(_of_record(left or "")) else None


def _declared(texts: Mapping[str, str]) -> tuple[str, ...] | None:
    options = _options(texts.get("setup.cfg", ""))
    if options is None:
        return None
    plain, extras = options
    if "setup.py" in texts:
        given = _arguments(texts["setup.py"])
        if given is None:
            return None
        if "install_requires" in given:
            plain = _listed(given["install_requires"])
        own = given.get("extras_require", {})
        if not isinstance(own, dict):
            return None
        extras = {**extras, **{str(name): _listed(value) for name, value in own.items()}}
    return _with_extras(plain, extras)


def _listed(value: object) -> list[str]:
    """setuptools takes a text with a requirement on each line for a list."""
    if isinstance(value, str):
        return [line.strip() for line in value.splitlines() if line.strip() and not line.strip().startswith("#")]
    return [text for text in value if isinstance(text, str)] if isinstance(value, list | tuple) else []


def _options(text: str) -> tuple[list[str], dict[str, list[str]]] | None:
    """What ``setup.cfg`` says; None where it cannot be read or refers to another file."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    plain = parser.get("options", "install_requires", fallback="")
    asked = parser.get("options", "setup_requires", fallback="")
    section = "options.extras_require"
    extras = dict(parser.items(section)) if parser.has_section(section) else {}
    if any(value.strip().startswith("file:") for value in (plain, *extras.values())):
        return None
    if not all(map(_is_harmless, _listed(asked))):
        return None
    return _listed(plain), {name: _listed(value) for name, value in extras.items()}


def _arguments(text: str) -> Mapping[str, object] | None:
    """The plain values that the one call of ``setup`` is given; None where something else may have a say."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _called(node.func) == "setup"]
    if len(calls) != 1 or any(keyword.arg is None for keyword in calls[0].keywords):
        return None
    given = {keyword.arg: keyword.value for keyword in calls[0].keywords if keyword.arg is not None}
    if not _OVERRIDING.isdisjoint(given) and not _builds_only(given.get("cmdclass"), given):
        return None
    found: dict[str, object] = {}
    for name in ("install_requires", "extras_require", "setup_requires"):
        if name in given:
            value = _plain(tree, given[name])
            if value is _UNKNOWN:
                return None
            found[name] = value
    asked = found.get("setup_requires", [])
    return found if all(map(_is_harmless, _listed(asked))) else None


def _builds_only(commands: ast.expr | None, given: Mapping[str, ast.expr]) -> bool:
    """Whether the commands that are replaced write no metadata."""
    if "pbr" in given or "distclass" in given or not isinstance(commands, ast.Dict):
        return False
    names = {key.value for key in commands.keys if isinstance(key, ast.Constant)}
    return names <= {"build_ext", "build_py", "test", "build", "upload", "publish", "clean"} and len(names) == len(
        commands.keys
    )


_UNKNOWN = object()


def _plain(tree: ast.AST, value: ast.expr) -> object:
    """A literal, or what a name stands for that is given one literal and is mentioned nowhere else."""
    if isinstance(value, ast.Name):
        mentions = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == value.id]
        bound = [
            node.value
            for node in getattr(tree, "body", ())
            if isinstance(node, ast.Assign) and any(target in mentions for target in node.targets)
        ]
        if len(mentions) != 2 or len(bound) != 1:  # given its value there, and used here
            return _UNKNOWN
        value = bound[0]
    try:
        return ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return _UNKNOWN


def _called(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _of_record(text: str) -> Iterable[str]:
    """The lines of ``requires.txt``, those of extras too."""
    return (line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("["))


def _names(requirements: Iterable[str]) -> frozenset[str]:
    parsed = (parse_requirement(text) for text in requirements)
    return frozenset("?" if requirement is None else requirement.name for requirement in parsed)


def _is_harmless(text: object) -> bool:
    requirement = parse_requirement(text) if isinstance(text, str) else None
    return requirement is not None and requirement.name in _HARMLESS
