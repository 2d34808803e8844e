"""Which modules of distributions and the standard library the services of a stack import.

The answer decides only what gets bytecode, so it may err: a module too many costs bytes, one too few costs time at
start. Therefore sources are searched for what imports look like, a hundred times faster than they are parsed, once
for each wheel. What only type checkers import is passed over. In a distribution, what functions import is passed over
too: measured on web servers and workers, that misses one module in a hundred and saves a tenth of the bytes. Text that
names a module exactly counts, since lazy packages (celery, uvicorn) name what they will import; but of a table of
alternatives (kombu's transports) only those that the stack speaks of.
"""

import re
from collections import Counter
from collections.abc import Mapping

from careen.text.values import dataclass

_IMPORT = re.compile(r"import[ \t(*\\]")
_BEFORE_FROM = re.compile(r"(?:^|[;:])[ \t]*from[ \t]+(?P<origin>\.*[ \t]*[\w.]*)[ \t]+$")
_BEFORE_IMPORT = re.compile(r"(?:^|[^#\"']*[;:])[ \t]*$")
_NAMES = re.compile(r"[ \t]*+(?:\((?:[^)#]|\#[^\n]*+)*+\)|(?:[^\n#\\;]|\\\r?\n)*+)")
"""Possessive: where the parenthesis never closes, as in a list behind comment signs, nothing is tried twice."""

_DEFINITION = re.compile(r"(?:def|class|async[ \t]+def)\b")
_NO_STATEMENT = frozenset({"", "\n", "\r", "#", ")", "]", "}"})
_NEVER = re.compile(r"""TYPE_CHECKING[ \t]*:|__name__[ \t]*==[ \t]*["']__main__["'][ \t]*:""")
_TEXT = re.compile(r"""["'](\.?[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)["':]""")
_NAME = re.compile(r"[A-Za-z_]\w*")
_COMMENT = re.compile(r"#[^\n]*")


_TWINS = frozenset({"_pydatetime", "_pydecimal", "_pyio", "_py_abc"})
"""Stand in for modules in C that every CPython has."""

_ALTERNATIVES = 6
"""So many modules of one package, named in one module, are a table to choose from."""


@dataclass(frozen=True, slots=True)
class Imports:
    """``eager`` are absolute dotted names that are imported with the module, or names of what is imported from them;
    ``lazy`` are those of its functions and classes; ``texts`` may name modules.
    """

    eager: tuple[str, ...]
    lazy: tuple[str, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Starts:
    """What the services import by themselves, and ``words`` (lower case) that choose among alternatives."""

    imports: tuple[str, ...]
    texts: tuple[str, ...]
    words: frozenset[str]


def find_imports(source: str, module: str, *, is_package: bool) -> Imports:
    """``module`` is the dotted name of the source, for what it imports relative to itself."""
    package = module if is_package else module.rpartition(".")[0]
    eager: dict[str, None] = {}
    lazy: dict[str, None] = {}
    blocks = _blocks_never_run(source)
    for match in _IMPORT.finditer(source):
        place = match.start()
        if any(start <= place < end for start, end in blocks):
            continue
        line = source.rfind("\n", 0, place) + 1
        before = source[line:place]
        found = lazy if before[:1] in (" ", "\t") and _is_deferred(source, line) else eager
        if not before.strip() or _BEFORE_IMPORT.match(before):
            found.update(dict.fromkeys(_dotted_names(_listed(source, place))))
        elif (origin_match := _BEFORE_FROM.search(before)) is not None:
            origin = _absolute(origin_match["origin"].replace(" ", ""), package)
            if origin:
                found[origin] = None
                found.update((f"{origin}.{name}", None) for name in _imported_names(_listed(source, place)))
    texts = {f"{package}{text}" if text.startswith(".") else text: None for text in _TEXT.findall(source)}
    return Imports(tuple(eager), tuple(name for name in lazy if name not in eager), tuple(texts))


def _listed(source: str, place: int) -> str:
    """What stands behind the ``import`` there, over several lines if need be."""
    names = _NAMES.match(source, place + len("import"))
    return names[0] if names is not None else ""


def _is_deferred(source: str, line: int) -> bool:
    """Whether the line that begins there is inside a function or class, however deep in conditions these are."""
    indent = _indent(source, line)
    while indent and line > 0:
        line = source.rfind("\n", 0, line - 1) + 1
        own = _indent(source, line)
        if own < indent and source[line + own : line + own + 1] not in _NO_STATEMENT:
            if _DEFINITION.match(source, line + own) is not None:
                return True
            indent = own
    return False


def _indent(source: str, line: int) -> int:
    end = line
    while source[end : end + 1] in (" ", "\t"):
        end += 1
    return end - line


def _blocks_never_run(source: str) -> list[tuple[int, int]]:
    """Those for type checkers, and for when the module is the program; from the condition to where its lines end."""
    found = []
    for match in _NEVER.finditer(source):
        line = source.rfind("\n", 0, match.start()) + 1
        before = source[line : match.start()]
        indent = len(before) - len(before.lstrip())
        if not before.lstrip().startswith(("if ", "elif ")) or " or " in before or "not " in before:
            continue
        rest = re.compile(rf"^[ \t]{{0,{indent}}}(?=[^\s#])", re.MULTILINE)
        end = rest.search(source, source.find("\n", match.end()) + 1)
        found.append((match.end(), len(source) if end is None else end.start()))
    return found


def _dotted_names(text: str) -> list[str]:
    names = (part.split(" as ")[0].strip() for part in text.replace("\\\n", " ").split(","))
    return [name for name in names if name and all(_NAME.fullmatch(piece) for piece in name.split("."))]


def _absolute(name: str, package: str) -> str | None:
    bare = name.lstrip(".")
    level = len(name) - len(bare)
    if level == 0:
        return bare
    parts = package.split(".") if package else []
    if level > len(parts):
        return None
    return ".".join([*parts[: len(parts) - level + 1], *([bare] if bare else [])])


def _imported_names(text: str) -> list[str]:
    bare = _COMMENT.sub("", text).replace("\\\n", " ").strip("() \t\n")
    names = (part.split(" as ")[0].strip() for part in bare.split(","))
    return [name for name in names if _NAME.fullmatch(name)]


@dataclass(frozen=True, slots=True)
class Module:
    """A source of a distribution, or of the standard library: ``path`` is relative to its site folder, ``size`` is in
    bytes.
    """

    path: str
    size: int
    imports: Imports


@dataclass(frozen=True, slots=True)
class ModuleSet:
    """All modules of one distribution by dotted name; ``plugins`` are modules that others find by its entry points."""

    modules: Mapping[str, Module]
    plugins: tuple[str, ...]


def module_name(path: str) -> tuple[str, bool] | None:
    """Dotted name, and whether it is a package; None for what is no module that can be imported."""
    if not path.endswith(".py"):
        return None
    parts = path.removesuffix(".py").split("/")
    is_package = parts[-1] == "__init__"
    if is_package:
        parts = parts[:-1]
    if not parts or not all(part.isidentifier() for part in parts):
        return None
    return ".".join(parts), is_package


def reached_modules(sets: Mapping[str, ModuleSet], starts: Starts, *, library: str) -> Mapping[str, frozenset[str]]:
    """Paths of the modules that can be imported, by the key of their set.

    ``library`` is the key of the standard library, whose own text names modules only to translate old names, and
    which others name for the same reason.
    """
    providers: dict[str, list[tuple[str, Module]]] = {}
    for key, module_set in sets.items():
        for name, module in module_set.modules.items():
            providers.setdefault(name, []).append((key, module))
    named = {name for key, module_set in sets.items() if key != library for name in module_set.modules}
    found: dict[str, set[str]] = {key: set() for key in sets}
    seen: set[str] = set()
    waiting = [*starts.imports, *(text for text in starts.texts if text in providers)]
    waiting += [plugin for module_set in sets.values() for plugin in module_set.plugins]
    while waiting:
        name = waiting.pop()
        while name and name not in seen and name not in _TWINS:  # importing a.b.c imports a and a.b
            seen.add(name)
            for key, module in providers.get(name, ()):
                found[key].add(module.path)
                waiting += module.imports.eager
                if key != library:
                    waiting += _chosen([text for text in module.imports.texts if text in named], starts.words)
            name = name.rpartition(".")[0]
    return {key: frozenset(paths) for key, paths in found.items()}


def _chosen(texts: list[str], words: frozenset[str]) -> list[str]:
    """Of many modules of one package, those that the words speak of; else all."""
    siblings = Counter(text.rpartition(".")[0] for text in texts)
    return [
        text
        for text in texts
        if siblings[text.rpartition(".")[0]] < _ALTERNATIVES or not words.isdisjoint(text.lower().split(".")[1:])
    ]
