"""One Python module as its text tells it: imports, and the strings that may name what is loaded later.

Read, never run. Every string comes with what stands around it, since that is what tells an import waiting to happen
(``include=["shelf.tasks"]``) from a mere message (``send_task("shelf.tasks.reading.read")``).
"""

import ast
import re
from bisect import bisect_left
from collections.abc import Iterator

from careen.text.values import dataclass

_URL_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789+.-")
_LONGEST_SCHEME = 40
_LONGEST_STRING = 200
_IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception"})
_IMPORTERS = frozenset({"import_module", "__import__", "import_string", "load_module", "find_spec", "run_module"})
_WALKERS = frozenset({"walk_packages", "iter_modules"})
_STARTERS = frozenset(
    {"run", "Popen", "call", "check_call", "check_output", "create_subprocess_exec", "execv", "execvp", "execvpe",
     "spawnv", "spawnvp", "getoutput", "getstatusoutput", "system", "popen", "create_subprocess_shell", "run_process"}
)  # fmt: skip
_OWN_PLACE = frozenset({"__file__", "__path__", "__package__", "__name__"})


@dataclass(frozen=True, slots=True)
class ImportSite:
    """One import: ``module`` is absolute and dotted, ``names`` what ``from`` takes from it."""

    module: str
    names: tuple[str, ...]
    line: int
    optional: bool
    typing_only: bool


@dataclass(frozen=True, slots=True)
class Literal:
    """A string, and where it stands.

    ``call`` is the name of the function whose argument it is in (``/`` where paths are joined), ``target`` the
    variable, keyword or key it is given to; ``is_key`` for a key of a mapping. Either name is empty when there is none.
    """

    text: str
    line: int
    call: str
    target: str
    is_key: bool

    @property
    def is_dotted_name(self) -> bool:
        """``pkg.module``, ``pkg.module:attribute`` or ``pkg``."""
        return all(part.isidentifier() for part in self.text.replace(":", ".").split("."))


@dataclass(frozen=True, slots=True)
class OpenImport:
    """An import whose name is made when the program runs; ``prefix`` is its fixed start, dot included, or empty."""

    prefix: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """Celery's ``autodiscover_tasks``: modules called ``related`` in ``packages``, or in every package there is."""

    packages: tuple[str, ...]
    related: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleReading:
    """``walked`` are packages whose modules are listed and loaded, the empty name standing for the module's own.

    ``problem`` is set, as ``line: reason``, when this Python cannot parse the text; then imports and strings are those
    that single lines tell.
    """

    imports: tuple[ImportSite, ...] = ()
    literals: tuple[Literal, ...] = ()
    urls: tuple[tuple[str, int], ...] = ()
    programs: tuple[tuple[str, int], ...] = ()
    open_imports: tuple[OpenImport, ...] = ()
    discoveries: tuple[Discovery, ...] = ()
    walked: tuple[str, ...] = ()
    knows_its_place: bool = False
    problem: str | None = None


def read_module(text: str, name: str, *, is_package: bool) -> ModuleReading:
    """A syntax error becomes ``problem`` and nothing is lost but this module."""
    try:
        tree = ast.parse(text.removeprefix("\ufeff"))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        problem = f"{line}: {getattr(error, 'msg', None) or error}"
        return read_lines(text, name, is_package=is_package, problem=problem)
    reader = _Reader(name, is_package)
    reader.walk(tree)
    return reader.reading()


_LINE_IMPORT = re.compile(
    r"^(?P<indent>[ \t]*)(?:from[ \t]+(?P<origin>\.*[\w.]*)[ \t]+import[ \t]+(?P<names>\([^)]*\)|[^\n#;]*)"
    r"|import[ \t]+(?P<modules>[^\n#;]*))",
    re.MULTILINE,
)
_LINE_STRING = re.compile(r"""(["'])(?P<text>[A-Za-z_][\w.:+/-]{0,120})\1""")


def read_lines(text: str, name: str, *, is_package: bool, problem: str | None = None) -> ModuleReading:
    """For what the parser refuses, which may be the syntax of a newer Python: imports look the same in all of them.

    Also for those in a hurry: ten times faster, and blind to what surrounds an import or a string.
    """
    package = name if is_package else name.rpartition(".")[0]
    ends = [match.start() for match in re.finditer("\n", text)]
    imports: list[ImportSite] = []
    for match in _LINE_IMPORT.finditer(text):
        line = bisect_left(ends, match.start()) + 1
        optional = bool(match["indent"])
        if match["modules"] is not None:
            words = (part.partition(" as ")[0].strip() for part in match["modules"].split(","))
            imports += [ImportSite(word, (), line, optional, False) for word in words if _is_dotted(word)]
            continue
        bare = match["origin"].lstrip(".")
        level = len(match["origin"]) - len(bare)
        parts = package.split(".")[: len(package.split(".")) - level + 1] if level else []
        module = ".".join([*(part for part in parts if part), *([bare] if bare else [])])
        listed = re.sub(r"#[^\n]*", "", match["names"]).strip("() \t\n").split(",")
        names = tuple(word for part in listed if (word := part.partition(" as ")[0].strip()).isidentifier())
        if module and _is_dotted(module):
            imports.append(ImportSite(module, names, line, optional, False))
    literals = [
        Literal(match["text"], bisect_left(ends, match.start()) + 1, "", "", is_key=False)
        for match in _LINE_STRING.finditer(text)
    ]
    urls = [(literal.text.partition("://")[0].lower(), literal.line) for literal in literals if "://" in literal.text]
    return ModuleReading(imports=tuple(imports), literals=tuple(literals), urls=tuple(urls), problem=problem)


def _is_dotted(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


@dataclass(frozen=True, slots=True)
class _Around:
    optional: bool = False
    typing_only: bool = False
    call: str = ""
    target: str = ""


class _Reader:
    def __init__(self, name: str, is_package: bool) -> None:
        self._package = name if is_package else name.rpartition(".")[0]
        self._imports: list[ImportSite] = []
        self._literals: list[Literal] = []
        self._urls: list[tuple[str, int]] = []
        self._programs: list[tuple[str, int]] = []
        self._open: list[OpenImport] = []
        self._discoveries: list[Discovery] = []
        self._walked: list[str] = []
        self._knows_its_place = False

    def reading(self) -> ModuleReading:
        return ModuleReading(
            imports=tuple(self._imports),
            literals=tuple(self._literals),
            urls=tuple(self._urls),
            programs=tuple(self._programs),
            open_imports=tuple(self._open),
            discoveries=tuple(self._discoveries),
            walked=tuple(self._walked),
            knows_its_place=self._knows_its_place,
        )

    def walk(self, tree: ast.AST) -> None:
        # An explicit stack: generated modules nest deeper than Python's own.
        stack: list[tuple[ast.AST, _Around]] = [(tree, _Around())]
        while stack:
            node, around = stack.pop()
            self._note(node, around)
            stack += reversed(list(_children(node, around)))

    def _note(self, node: ast.AST, around: _Around) -> None:
        match node:
            case ast.Import():
                for alias in node.names:
                    self._imports.append(ImportSite(alias.name, (), node.lineno, around.optional, around.typing_only))
            case ast.ImportFrom():
                module = self._absolute(node)
                if module:
                    names = tuple(alias.name for alias in node.names)
                    self._imports.append(ImportSite(module, names, node.lineno, around.optional, around.typing_only))
            case ast.Constant(value=str()):
                self._string(str(node.value), node.lineno, around, is_key=False)
            case ast.Dict():
                for key in node.keys:
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        self._string(key.value, key.lineno, around, is_key=True)
            case ast.Call():
                self._call(node)
            case ast.Name():
                self._knows_its_place = self._knows_its_place or node.id in _OWN_PLACE

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self._package.split(".") if self._package else []
        kept = parts[: len(parts) - node.level + 1]
        return ".".join([*kept, *([node.module] if node.module else [])])

    def _string(self, text: str, line: int, around: _Around, *, is_key: bool) -> None:
        scheme, separator, _ = text.partition("://")
        if separator and 0 < len(scheme) <= _LONGEST_SCHEME and set(scheme.lower()) <= _URL_CHARACTERS:
            self._urls.append((scheme.lower(), line))
        elif 0 < len(text) < _LONGEST_STRING and "\n" not in text:
            self._literals.append(Literal(text, line, around.call, around.target, is_key))

    def _call(self, node: ast.Call) -> None:
        name = _name_of(node.func)
        if name in _IMPORTERS and node.args:
            self._import_call(node.args[0], node.lineno, optional=name == "find_spec")
        elif name in _WALKERS:
            self._walked += _walked_packages(node)
        elif name == "autodiscover_tasks":
            self._discover(node)
        elif name in _STARTERS and node.args:
            self._programs += [(program, node.lineno) for program in _started(node)]

    def _import_call(self, argument: ast.expr, line: int, *, optional: bool) -> None:
        match argument:
            case ast.Constant(value=str() as text):
                module = text.lstrip(".")
                if text != module:
                    module = f"{self._package}.{module}" if self._package else module
                if module:
                    self._imports.append(ImportSite(module.partition(":")[0], (), line, optional, False))
            case ast.JoinedStr(values=[ast.Constant(value=str() as start), *_]):
                self._open.append(OpenImport(self._from_here(start), line))
            case ast.BinOp(left=ast.Constant(value=str() as start), op=ast.Add() | ast.Mod()):
                self._open.append(OpenImport(self._from_here(start.partition("%")[0]), line))
            case _:
                self._open.append(OpenImport("", line))

    def _from_here(self, prefix: str) -> str:
        return f"{self._package}{prefix}" if prefix.startswith(".") and self._package else prefix

    def _discover(self, node: ast.Call) -> None:
        packages: list[str] = []
        related = "tasks"
        arguments = [("packages", argument) for argument in node.args[:1]]
        arguments += [("related_name", argument) for argument in node.args[1:2]]
        arguments += [(keyword.arg or "", keyword.value) for keyword in node.keywords]
        for name, value in arguments:
            if name == "packages" and isinstance(value, ast.List | ast.Tuple):
                packages += [e.value for e in value.elts if isinstance(e, ast.Constant) and isinstance(e.value, str)]
            elif name == "related_name" and isinstance(value, ast.Constant):
                related = str(value.value or "")
        self._discoveries.append(Discovery(packages=tuple(packages), related=related, line=node.lineno))


def _children(node: ast.AST, around: _Around) -> Iterator[tuple[ast.AST, _Around]]:
    match node:
        case ast.Try() | ast.TryStar():
            caught = around.optional or any(_catches_import_error(handler) for handler in node.handlers)
            inner = _Around(caught, around.typing_only, around.call, around.target)
            yield from ((child, inner) for child in (*node.body, *node.handlers, *node.orelse, *node.finalbody))
        case ast.If() if _is_type_checking(node.test):
            inner = _Around(around.optional, True, around.call, around.target)
            yield from ((child, inner) for child in node.body)
            yield from ((child, around) for child in node.orelse)
        case ast.With() if any(_name_of(item.context_expr) == "suppress" for item in node.items):
            inner = _Around(True, around.typing_only, around.call, around.target)
            yield from ((child, inner) for child in node.body)
        case ast.Call():
            inner = _Around(around.optional, around.typing_only, _name_of(node.func) or around.call, "")
            yield node.func, around
            yield from ((child, inner) for child in node.args)
            for keyword in node.keywords:
                yield keyword.value, _Around(inner.optional, inner.typing_only, inner.call, keyword.arg or "")
        case ast.Dict():
            for key, value in zip(node.keys, node.values, strict=True):
                text = key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else around.target
                if key is not None and not isinstance(key, ast.Constant):
                    yield key, around
                yield value, _Around(around.optional, around.typing_only, around.call, text)
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            name = next((found for target in targets if (found := _target_name(target))), "")
            inner = _Around(around.optional, around.typing_only, around.call, name)
            yield from ((child, inner) for child in targets)
            if node.value is not None:
                yield node.value, inner
        case ast.BinOp(op=ast.Div()):  # pathlib's way to join
            inner = _Around(around.optional, around.typing_only, "/", around.target)
            yield node.left, inner
            yield node.right, inner
        case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            yield from ((child, around) for child in _without_docstring(node))
        case _:
            yield from ((child, around) for child in ast.iter_child_nodes(node))


def _name_of(function: ast.expr) -> str:
    """``run`` of ``subprocess.run``, of ``run`` and of ``suppress(...)``."""
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=inner):
            return _name_of(inner)
        case _:
            return ""


def _target_name(target: ast.expr) -> str:
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str() as key)):
            return key
        case _:
            return ""


def _walked_packages(node: ast.Call) -> Iterator[str]:
    """``pkgutil.iter_modules(shelf.tasks.__path__)`` walks ``shelf.tasks``; anything else is taken for its own."""
    arguments = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "path")]
    for argument in arguments[:1]:
        match argument:
            case ast.Attribute(value=owner, attr="__path__"):
                yield ast.unparse(owner)
            case _:
                yield ""


def _started(node: ast.Call) -> Iterator[str]:
    """The programs of an argument list or of a shell's line, and the module behind ``python -m``."""
    first = node.args[0]
    words: list[str] = []
    if isinstance(first, ast.List | ast.Tuple):
        words = [e.value if isinstance(e, ast.Constant) and isinstance(e.value, str) else "" for e in first.elts]
    elif isinstance(first, ast.Constant) and isinstance(first.value, str):
        words = first.value.split()
        if len(node.args) > 1:  # create_subprocess_exec("alembic", "upgrade", ...)
            words = [a.value if isinstance(a, ast.Constant) and isinstance(a.value, str) else "" for a in node.args]
    elif len(node.args) > 1:  # create_subprocess_exec(sys.executable, "-m", ...)
        words = [a.value if isinstance(a, ast.Constant) and isinstance(a.value, str) else "" for a in node.args]
    if words and words[0]:
        yield words[0].rpartition("/")[2]
    if "-m" in words[:3] and words.index("-m") + 1 < len(words):
        yield words[words.index("-m") + 1]


def _catches_import_error(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or (isinstance(kind, ast.Name) and kind.id in _IMPORT_ERRORS) for kind in kinds)


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
    return name == "TYPE_CHECKING"


def _without_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.AST]:
    children = list(ast.iter_child_nodes(node))
    body = node.body
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        return [child for child in children if child is not body[0]]
    return children
