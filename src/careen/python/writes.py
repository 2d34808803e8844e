"""Where a module's code writes files, as far as its text tells: read, never run.

Over-approximates: a call counts wherever it stands, and a path that is made when the program runs counts as unknown.
Temporary files do not count. Names are looked up in the module alone, all that they are ever given taken together.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from enum import Enum
from pathlib import PurePosixPath
from posixpath import normpath

from careen.text.values import dataclass


class Kind(Enum):
    """``FOLDER`` is one that is made, where it is not there."""

    FILE = "file"
    FOLDER = "folder"
    UPLOADS = "uploads"
    DATABASE = "database"


@dataclass(frozen=True, slots=True)
class Write:
    """``folder`` is where it is written; relative to the folder that the program is started in unless absolute, None
    when the text does not tell. ``what`` is the call or setting in a few words.
    """

    line: int
    what: str
    kind: Kind
    folder: PurePosixPath | None


_TELLS = re.compile(
    r"open\(|mkdir|makedirs|write_text|write_bytes|touch\(|FileHandler|sqlite|basicConfig|urlretrieve|ZipFile"
    r"|copyfile|copytree|\bcopy2?\(|\bmove\(|UPLOAD_FOLDER|MEDIA_ROOT|to_csv|to_parquet|to_excel|savefig"
    r"|loguru|handlers"
)
"""A module without any of these writes nothing that is looked for here, and is not parsed for it."""

_TEMPORARY = "/tmp/_"  # noqa: S108 - a path in the container
_MODES = re.compile(r"[rwxabt+U]{1,4}")
_HANDLERS = frozenset({"FileHandler", "RotatingFileHandler", "TimedRotatingFileHandler", "WatchedFileHandler"})
_HANDLED = re.compile(r"(?:^|\.)\w*FileHandler$")
_COPIES = frozenset({"copy", "copy2", "copyfile", "copytree", "move"})
_COPYING_MODULES = frozenset({"shutil", "aioshutil"})
_EXPORTS = frozenset({"to_csv", "to_parquet", "to_excel", "savefig"})
_FOLDER_SETTINGS = frozenset({"UPLOAD_FOLDER", "MEDIA_ROOT"})
_SQLITE_WORDS = "a database of SQLite"
_SQLITE = re.compile(r"sqlite(?:\+\w+)?://(?:/(?P<path>[^?]*))?")


@dataclass(frozen=True, slots=True)
class _Text:
    """A string or path; ``is_open`` when more follows that is made when the program runs."""

    text: str
    is_open: bool = False


def may_write(text: str) -> bool:
    """Whether :func:`writes_of` can find anything in the module, whatever the service is given."""
    return _TELLS.search(text) is not None


def writes_of(text: str, place: PurePosixPath, environment: Mapping[str, str]) -> tuple[Write, ...]:
    """What the module's text says. ``place`` is its absolute place in the image, ``environment`` what the service is
    given. A module that cannot be parsed says nothing.
    """
    if not may_write(text):
        return ()
    try:
        tree = ast.parse(text.removeprefix("\ufeff"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    reader = _Reader(place, environment)
    reader.learn(tree)
    found = {(write.line, write.folder): write for write in reader.writes(tree)}
    return tuple(sorted(found.values(), key=lambda write: write.line))


@dataclass(slots=True)
class _Reader:
    place: PurePosixPath
    environment: Mapping[str, str]
    names: dict[str, list[ast.expr | None]] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    looking: set[str] = field(default_factory=set)
    overruled: set[int] = field(default_factory=set)

    def learn(self, tree: ast.AST) -> None:
        """Every value that a name is given anywhere in the module; None where the text does not say which."""
        for node in ast.walk(tree):
            match node:
                case ast.Assign(targets=targets, value=value):
                    for target in targets:
                        self._give(target, value)
                case ast.AnnAssign(target=target, value=given) if given is not None:
                    self._give(target, given)
                case ast.NamedExpr(target=target, value=value):
                    self._give(target, value)
                case ast.With(items=items) | ast.AsyncWith(items=items):
                    for item in items:
                        if item.optional_vars is not None:
                            self._give(item.optional_vars, item.context_expr)
                case ast.AugAssign(target=target) | ast.For(target=target) | ast.AsyncFor(target=target):
                    self._give(target, None)
                case ast.comprehension(target=target):
                    self._give(target, None)
                case ast.Call():
                    self._overrule(node)
                case ast.arg(arg=name):
                    self.names.setdefault(name, []).append(None)
                case ast.Import(names=aliases):
                    self.modules |= {alias.asname or alias.name: alias.name for alias in aliases}
                case ast.ImportFrom(module=module, names=aliases):
                    self.modules |= {alias.asname or alias.name: f"{module}.{alias.name}" for alias in aliases}

    def _give(self, target: ast.expr, value: ast.expr | None) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            for part in target.elts:
                self._give(part, None)
        elif name := _name(target):
            self.names.setdefault(name, []).append(value)
            if value is not None and {name, name.upper()} & self.environment.keys():
                self._leave(value)

    def _overrule(self, call: ast.Call) -> None:
        """A default that the environment of the service replaces is not used."""
        name = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
        if isinstance(name, str) and name in self.environment:
            for argument in (*call.args[1:], *(keyword.value for keyword in call.keywords)):
                self._leave(argument)

    def _leave(self, value: ast.expr) -> None:
        self.overruled.update(id(node) for node in ast.walk(value) if isinstance(node, ast.Constant | ast.JoinedStr))

    # Calls and settings that write

    def writes(self, tree: ast.AST) -> Iterator[Write]:
        for node in ast.walk(tree):
            match node:
                case ast.Call():
                    yield from self._call(node)
                case ast.Constant(value=str()) | ast.JoinedStr():
                    yield from self._address(node)
                case ast.Dict():
                    yield from self._mapping(node)
                case ast.Assign(targets=[target], value=value) if _last(target) in _FOLDER_SETTINGS:
                    yield from self._setting(_last(target), value)
                case ast.AnnAssign(target=target, value=value) if value is not None and (
                    _last(target) in _FOLDER_SETTINGS
                ):
                    yield from self._setting(_last(target), value)

    def _call(self, call: ast.Call) -> Iterator[Write]:
        name, owner = _last(call.func), _owner(call.func)
        if name == "open":
            yield from self._open(call, owner)
        elif (
            name in {"mkdir", "touch", "write_text", "write_bytes"} and owner is not None and not self._is("os", owner)
        ):
            yield self._write(call, name, owner, Kind.FOLDER if name == "mkdir" else Kind.FILE)
        elif name in {"makedirs", "mkdir"} and call.args:
            yield self._write(call, name, call.args[0], Kind.FOLDER)
        elif name in _HANDLERS or (name == "basicConfig" and _keyword(call, "filename") is not None):
            target = _keyword(call, "filename") or (call.args[0] if call.args and name in _HANDLERS else None)
            if target is not None:
                yield self._write(call, name, target, Kind.FILE)
        elif name in _COPIES and self._copies(name, owner):
            target = _argument(call, 1, "dst")
            if target is not None:
                yield self._write(call, f"shutil.{name}", target, Kind.FILE)
        elif name == "urlretrieve":
            target = _argument(call, 1, "filename")
            if target is not None:
                yield self._write(call, name, target, Kind.FILE)
        elif name in _EXPORTS or name == "ZipFile":
            writes = name in _EXPORTS or _is_writing(_argument(call, 1, "mode"))
            if writes and call.args and self._names_a_file(call.args[0]):
                yield self._write(call, name, call.args[0], Kind.FILE)
        elif name == "connect" and owner is not None and _name(owner) in {"sqlite3", "aiosqlite"} and call.args:
            yield from self._database(call, call.args[0])
        elif name == "add" and owner is not None and self._is_loguru(owner) and call.args:
            yield from self._sink(call)

    def _is_loguru(self, owner: ast.expr) -> bool:
        return self.modules.get(_name(owner)) == "loguru.logger"

    def _sink(self, call: ast.Call) -> Iterator[Write]:
        if self._names_a_file(call.args[0]):
            yield self._write(call, "logger.add", call.args[0], Kind.FILE)

    def _open(self, call: ast.Call, owner: ast.expr | None) -> Iterator[Write]:
        """``open(path, "w")``, ``gzip.open(path, "wb")``, and ``path.open("w")``, whose first word is the mode."""
        known = owner is None or self.modules.get(_name(owner)) in {
            "io", "gzip", "bz2", "lzma", "tarfile", "codecs", "aiofiles", "anyio", "shelve", "dbm", "PIL.Image", "os",
        }  # fmt: skip
        if not known and (owner is None or _name(owner) in self.modules):
            return
        if known:
            mode = _argument(call, 1, "mode")
            if call.args and (_is_writing(mode) or self.modules.get(_name(owner)) in {"shelve", "dbm"}):
                yield self._write(call, "open", call.args[0], Kind.FILE)
        elif owner is not None and _is_writing(_argument(call, 0, "mode")):
            yield self._write(call, "open", owner, Kind.FILE)

    def _copies(self, name: str, owner: ast.expr | None) -> bool:
        if owner is None:
            return self.modules.get(name, "").partition(".")[0] in _COPYING_MODULES
        return self.modules.get(_name(owner)) in _COPYING_MODULES

    def _is(self, module: str, owner: ast.expr) -> bool:
        return self.modules.get(_name(owner)) in {module, f"aiofiles.{module}"}

    def _names_a_file(self, node: ast.expr) -> bool:
        """Not a stream such as ``sys.stderr``, a buffer, or nothing at all."""
        if isinstance(node, ast.Lambda) or _name(node).startswith("sys."):
            return False
        return self._path(node) is not None

    def _address(self, node: ast.Constant | ast.JoinedStr) -> Iterator[Write]:
        value = self._path(node) if id(node) not in self.overruled else None
        if value is not None and value.text.startswith("sqlite"):
            match = _SQLITE.match(value.text)
            path = match["path"] if match is not None else None
            if path is not None and (path or value.is_open) and not path.startswith(":memory:"):
                yield Write(node.lineno, _SQLITE_WORDS, Kind.DATABASE, _folder(_Text(path, value.is_open)))

    def _database(self, call: ast.Call, node: ast.expr) -> Iterator[Write]:
        value = self._path(node)
        if value is None or not value.text.startswith((":memory:", "file:")):
            folder = _folder(value) if value is not None else None
            yield Write(call.lineno, _SQLITE_WORDS, Kind.DATABASE, folder)

    def _mapping(self, node: ast.Dict) -> Iterator[Write]:
        """A handler of ``dictConfig``, and a database of Django's."""
        entries = {
            key.value: value
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant) and isinstance(key.value, str)
        }
        handler, engine = (self._path(entries[key]) if key in entries else None for key in ("class", "ENGINE"))
        if handler is not None and _HANDLED.search(handler.text) and "filename" in entries:
            yield self._write(entries["filename"], handler.text.rpartition(".")[2], entries["filename"], Kind.FILE)
        if engine is not None and "sqlite" in engine.text and "NAME" in entries:
            yield from self._database_of(entries["NAME"])

    def _database_of(self, node: ast.expr) -> Iterator[Write]:
        value = self._path(node)
        if value is None or not value.text.startswith(":memory:"):
            folder = _folder(value) if value is not None else None
            yield Write(node.lineno, _SQLITE_WORDS, Kind.DATABASE, folder)

    def _setting(self, name: str, value: ast.expr) -> Iterator[Write]:
        if not (isinstance(value, ast.Constant) and not value.value):
            yield self._write(value, name, value, Kind.UPLOADS)

    def _write(self, node: ast.expr, what: str, target: ast.expr, kind: Kind) -> Write:
        value = self._path(target)
        folder = None
        if value is not None:
            is_folder = kind in {Kind.FOLDER, Kind.UPLOADS} and not value.is_open
            folder = PurePosixPath(normpath(value.text or ".")) if is_folder else _folder(value)
        return Write(node.lineno, what, kind, folder)

    # What a path is

    def _path(self, node: ast.expr) -> _Text | None:
        """None when the text does not say where it is."""
        match node:
            case ast.Constant(value=str(text)):
                return _Text(text)
            case ast.JoinedStr(values=parts):
                return self._joined(parts)
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return _below(self._path(left), [self._path(right)])
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return _followed(self._path(left), self._path(right))
            case ast.BinOp(left=left, op=ast.Mod()):
                first = self._path(left)
                return _Text(first.text.partition("%")[0], is_open=True) if first is not None else None
            case ast.BoolOp(op=ast.Or(), values=values):
                return self._path(values[-1]) if self._path(values[0]) is None else self._path(values[0])
            case ast.Await(value=value):
                return self._path(value)
            case ast.Name() | ast.Attribute():
                return self._named(node)
            case ast.Subscript():
                return self._subscript(node)
            case ast.Call():
                return self._made(node)
        return None

    def _joined(self, parts: Iterable[ast.expr]) -> _Text | None:
        found = _Text("")
        for part in parts:
            piece = self._path(part.value if isinstance(part, ast.FormattedValue) else part)
            found = _followed(found, piece) or _Text("", is_open=True)
            if found.is_open:
                break
        return found if found.text else None

    def _subscript(self, node: ast.Subscript) -> _Text | None:
        owner = node.value
        if _last(owner) == "parents" and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int):
            whole = self._path(owner.value) if isinstance(owner, ast.Attribute) else None
            for _ in range(node.slice.value + 1):
                whole = _parent(whole)
            return whole
        if _last(owner) == "environ" and isinstance(node.slice, ast.Constant):
            return self._variable(node.slice.value)
        return None

    def _named(self, node: ast.Name | ast.Attribute) -> _Text | None:
        name = _name(node)
        if isinstance(node, ast.Attribute):
            if node.attr == "parent":
                return _parent(self._path(node.value))
            if node.attr == "name" and name not in self.names:
                return None
        if name == "__file__":
            return _Text(str(self.place))
        given = self.names.get(name, [])
        if not given or name in self.looking:
            return None
        self.looking.add(name)
        try:
            values = {self._path(value) if value is not None else None for value in given}
        finally:
            self.looking.discard(name)
        return values.pop() if len(values) == 1 else None

    def _made(self, call: ast.Call) -> _Text | None:
        name, owner = _last(call.func), _owner(call.func)
        module = self.modules.get(_name(owner)) if owner is not None else self.modules.get(name)
        if (module or "").partition(".")[0] == "tempfile" or name in {"NamedTemporaryFile", "TemporaryDirectory"}:
            return _Text(_TEMPORARY) if _keyword(call, "dir") is None else None
        if name in {
            "Path",
            "PurePath",
            "PurePosixPath",
            "PosixPath",
            "str",
            "fspath",
            "abspath",
            "realpath",
            "normpath",
        }:
            parts = [self._path(argument) for argument in call.args]
            return _below(parts[0], parts[1:]) if parts else _Text(".")
        if name == "join" and owner is not None and _name(owner) in {"os.path", "path", "osp"}:
            parts = [self._path(argument) for argument in call.args]
            return _below(parts[0], parts[1:]) if parts else None
        if name == "dirname" and call.args:
            return _parent(self._path(call.args[0]))
        if name in {"getcwd", "cwd"}:
            return _Text(".")
        if name in {"resolve", "absolute", "expanduser", "as_posix"} and owner is not None:
            return self._path(owner)
        if name == "joinpath" and owner is not None:
            return _below(self._path(owner), [self._path(argument) for argument in call.args])
        if name in {"getenv", "get", "env", "config"} and call.args and isinstance(call.args[0], ast.Constant):
            if name == "get" and (owner is None or _last(owner) != "environ"):
                return None
            return self._variable(call.args[0].value) or self._default(call)
        if name == "Field":
            return self._default(call, 0)
        return None

    def _default(self, call: ast.Call, position: int = 1) -> _Text | None:
        given = _argument(call, position, "default")
        return self._path(given) if given is not None else None

    def _variable(self, name: object) -> _Text | None:
        value = self.environment.get(name) if isinstance(name, str) else None
        return _Text(value) if value else None


def _folder(value: _Text) -> PurePosixPath | None:
    """Of a file; None where what is known of its path does not reach as far as a folder that is its own."""
    if value.is_open and "/" not in value.text and not value.text:
        return None
    return PurePosixPath(normpath(value.text.rpartition("/")[0] or ("/" if value.text.startswith("/") else ".")))


def _below(first: _Text | None, parts: Iterable[_Text | None]) -> _Text | None:
    for part in parts:
        if first is None or first.is_open:
            return first
        if part is None or (part.is_open and not part.text):
            first = _Text(f"{first.text.rstrip('/')}/", is_open=True)
        elif part.text.startswith("/"):
            first = part
        else:
            first = _Text(f"{first.text.rstrip('/')}/{part.text}" if first.text else part.text, part.is_open)
    return first


def _followed(first: _Text | None, second: _Text | None) -> _Text | None:
    if first is None or first.is_open:
        return first
    return _Text(first.text, is_open=True) if second is None else _Text(first.text + second.text, second.is_open)


def _parent(value: _Text | None) -> _Text | None:
    """The folder above; nobody knows it of a path whose end is not known."""
    if value is None or value.is_open:
        return None
    return _Text(str(PurePosixPath(normpath(value.text)).parent))


def _name(node: ast.AST | None) -> str:
    """``a.b.c`` as it is written; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = _name(node.value)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


def _last(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    return node.id if isinstance(node, ast.Name) else ""


def _owner(node: ast.expr) -> ast.expr | None:
    return node.value if isinstance(node, ast.Attribute) else None


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def _argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    return call.args[position] if len(call.args) > position else _keyword(call, name)


def _is_writing(mode: ast.expr | None) -> bool:
    """Whether a mode of ``open`` writes; one that is made when the program runs may."""
    if mode is None:
        return False
    if isinstance(mode, ast.Constant):
        text = mode.value
        return (
            isinstance(text, str)
            and _MODES.fullmatch(text.partition(":")[0]) is not None
            and bool(set("wax+") & set(text))
        )
    return not isinstance(mode, ast.Attribute | ast.Dict | ast.List | ast.Tuple)
