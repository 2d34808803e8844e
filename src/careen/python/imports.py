"""The import graph of first-party code, read from source and never run.

Over-approximates: an import anywhere counts, also inside a function. What only a type checker reads is
marked, as are imports whose failure is caught.
"""

import ast
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

_URL_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789+.-")
_LONGEST_SCHEME = 40
_IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception"})


@dataclass(frozen=True, slots=True)
class ImportSite:
    """One import: ``module`` is absolute and dotted, ``names`` what ``from`` takes from it."""

    module: str
    names: tuple[str, ...]
    line: int
    optional: bool
    typing_only: bool


@dataclass(frozen=True, slots=True)
class NamedModule:
    """A string that may name a module: ``"shelf.tasks.reading"`` in a call, a list or a setting."""

    text: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleImports:
    imports: tuple[ImportSite, ...]
    strings: tuple[NamedModule, ...]
    urls: tuple[tuple[str, int], ...]
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    path: PurePosixPath
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class ExternalImport:
    """A dotted name that no first-party module has, and where it is imported first."""

    module: str
    place: Place
    optional: bool
    typing_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What can be reached from the entry modules. ``modules`` maps dotted names to files.

    ``schemes`` are those of URL literals such as ``redis`` or ``postgresql+asyncpg``.
    """

    modules: Mapping[str, PurePosixPath]
    external: tuple[ExternalImport, ...]
    schemes: Mapping[str, Place]
    named: Mapping[str, Place]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class SourceTree:
    """First-party modules: folders that stand on ``sys.path``, relative to the project, and the files below them."""

    roots: tuple[PurePosixPath, ...]
    files: tuple[PurePosixPath, ...]

    @cached_property
    def modules(self) -> Mapping[str, PurePosixPath]:
        """Dotted names to files; a package's name leads to its ``__init__``."""
        found: dict[str, PurePosixPath] = {}
        for root in self.roots:
            for path in self.files:
                if path.suffix != ".py" or not path.is_relative_to(root):
                    continue
                parts = path.relative_to(root).with_suffix("").parts
                if parts[-1] == "__init__":
                    parts = parts[:-1]
                if parts and all(part.isidentifier() for part in parts):
                    found.setdefault(".".join(parts), path)
        return found

    @cached_property
    def packages(self) -> frozenset[str]:
        """Every dotted prefix of a module, namespace packages included."""
        found: set[str] = set()
        for name in self.modules:
            parts = name.split(".")
            found.update(".".join(parts[:length]) for length in range(1, len(parts)))
        return frozenset(found)

    def is_first_party(self, name: str) -> bool:
        return name in self.modules or name in self.packages


def scan_module(text: str, name: str, *, is_package: bool) -> ModuleImports:
    """The imports of one module; a syntax error becomes ``problem`` and nothing is lost but this module."""
    try:
        tree = ast.parse(text.removeprefix("\ufeff"))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        return ModuleImports(imports=(), strings=(), urls=(), problem=f"{line}: {getattr(error, 'msg', None) or error}")
    visitor = _Visitor(name, is_package)
    visitor.walk(tree)
    return ModuleImports(imports=tuple(visitor.imports), strings=tuple(visitor.strings), urls=tuple(visitor.urls))


class _Visitor:
    def __init__(self, name: str, is_package: bool) -> None:
        self._package = name if is_package else name.rpartition(".")[0]
        self.imports: list[ImportSite] = []
        self.strings: list[NamedModule] = []
        self.urls: list[tuple[str, int]] = []

    def walk(self, tree: ast.AST) -> None:
        # An explicit stack: generated modules nest deeper than Python's own.
        stack: list[tuple[ast.AST, bool, bool]] = [(tree, False, False)]
        while stack:
            node, optional, typing_only = stack.pop()
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self.imports.append(ImportSite(alias.name, (), node.lineno, optional, typing_only))
            elif isinstance(node, ast.ImportFrom):
                module = self._absolute(node)
                if module:
                    names = tuple(alias.name for alias in node.names)
                    self.imports.append(ImportSite(module, names, node.lineno, optional, typing_only))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                self._string(node.value, node.lineno)
            children: list[tuple[ast.AST, bool, bool]] = []
            if isinstance(node, ast.Try):
                caught = optional or any(_catches_import_error(handler) for handler in node.handlers)
                children += [(child, caught, typing_only) for child in node.body]
                rest = [*node.handlers, *node.orelse, *node.finalbody]
                children += [(child, optional or caught, typing_only) for child in rest]
            elif isinstance(node, ast.If) and _is_type_checking(node.test):
                children += [(child, optional, True) for child in node.body]
                children += [(child, optional, typing_only) for child in node.orelse]
            elif _is_docstring_holder(node):
                children += [(child, optional, typing_only) for child in _without_docstring(node)]
            else:
                children += [(child, optional, typing_only) for child in ast.iter_child_nodes(node)]
            stack += reversed(children)

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self._package.split(".") if self._package else []
        kept = parts[: len(parts) - node.level + 1]
        return ".".join([*kept, *([node.module] if node.module else [])])

    def _string(self, text: str, line: int) -> None:
        scheme, separator, _ = text.partition("://")
        if separator and 0 < len(scheme) <= _LONGEST_SCHEME and set(scheme.lower()) <= _URL_CHARACTERS:
            self.urls.append((scheme.lower(), line))
        elif len(text) < 200 and all(part.isidentifier() for part in text.replace(":", ".").split(".")):
            self.strings.append(NamedModule(text, line))


def _catches_import_error(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or (isinstance(kind, ast.Name) and kind.id in _IMPORT_ERRORS) for kind in kinds)


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
    return name == "TYPE_CHECKING"


def _is_docstring_holder(node: ast.AST) -> bool:
    return isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)


def _without_docstring(node: ast.AST) -> list[ast.AST]:
    children = list(ast.iter_child_nodes(node))
    body = getattr(node, "body", [])
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        return [child for child in children if child is not body[0]]
    return children


@dataclass(slots=True)
class _Walk:
    tree: SourceTree
    read: Callable[[PurePosixPath], str | None]
    modules: dict[str, PurePosixPath] = field(default_factory=dict)
    external: dict[str, ExternalImport] = field(default_factory=dict)
    schemes: dict[str, Place] = field(default_factory=dict)
    named: dict[str, Place] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    queue: deque[str] = field(default_factory=deque)

    def enter(self, name: str) -> None:
        """A module and every package above it: importing ``a.b.c`` runs ``a`` and ``a.b`` too."""
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            prefix = ".".join(parts[:length])
            path = self.tree.modules.get(prefix)
            if path is not None and prefix not in self.modules:
                self.modules[prefix] = path
                self.queue.append(prefix)

    def visit(self, name: str) -> None:
        path = self.modules[name]
        text = self.read(path)
        if text is None:
            self.notes.append(f"{path}: cannot be read; its imports are not known")
            return
        scanned = scan_module(text, name, is_package=path.name == "__init__.py")
        if scanned.problem is not None:
            self.notes.append(f"{path}:{scanned.problem}; its imports are not known")
        for site in scanned.imports:
            self._import(site, Place(path, site.line))
        for string in scanned.strings:
            # A string that names a first-party module exactly is an import waiting to happen (Celery's
            # include, import_string, a settings list); `pkg.module.function`, as in send_task, is a message.
            if "." in string.text and string.text in self.tree.modules and not name.startswith(f"{string.text}."):
                self.named.setdefault(string.text, Place(path, string.line))
                self.enter(string.text)
        for scheme, line in scanned.urls:
            self.schemes.setdefault(scheme, Place(path, line))

    def _import(self, site: ImportSite, place: Place) -> None:
        candidates = [site.module, *(f"{site.module}.{name}" for name in site.names)]
        if self.tree.is_first_party(site.module.partition(".")[0]):
            for candidate in candidates:
                if self.tree.is_first_party(candidate):
                    self.enter(candidate)
            return
        for candidate in candidates[:1] if not site.names else candidates:
            known = self.external.get(candidate)
            found = ExternalImport(candidate, place, site.optional, site.typing_only)
            if known is None or (known.optional, known.typing_only) > (found.optional, found.typing_only):
                self.external[candidate] = found


def reachable(
    tree: SourceTree,
    entries: Iterable[str],
    scripts: Iterable[PurePosixPath],
    read: Callable[[PurePosixPath], str | None],
) -> Reach:
    """Everything that the entry modules (dotted) and scripts (files) can import.

    ``read`` gives a file's text, or None when it cannot be read. ``from a import b`` puts ``a.b`` among the
    external names beside ``a``, since ``b`` may be a module of a namespace package.
    """
    walk = _Walk(tree, read)
    names = {path: name for name, path in tree.modules.items()}
    for script in scripts:
        name = names.get(script, f"__main__.{script.stem}")
        walk.modules[name] = script
        walk.queue.append(name)
    for entry in entries:
        if tree.is_first_party(entry):
            walk.enter(entry)
            if f"{entry}.__main__" in tree.modules:
                walk.enter(f"{entry}.__main__")
        elif not tree.is_first_party(entry.partition(".")[0]):
            walk.external.setdefault(entry, ExternalImport(entry, Place(PurePosixPath("the command"), 1), False, False))
        else:
            walk.notes.append(f"the entry module {entry} is not in the project")
    while walk.queue:
        walk.visit(walk.queue.popleft())
    return Reach(
        modules=walk.modules,
        external=tuple(walk.external.values()),
        schemes=walk.schemes,
        named=walk.named,
        notes=tuple(walk.notes),
    )
