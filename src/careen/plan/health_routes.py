"""Routes that look like health checks, as code declares them, with the prefixes that they are mounted under.

Reads FastAPI, Starlette, Flask, Quart, Sanic, Django and django-ninja. What is not written as a literal, or as a name
that stands for one, is passed over; so is a route with arguments in its path, or one that asks who is there.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field

from careen.text.values import dataclass

_WORDS = r"healthz?|healthcheck|health[_-]check|livez?|liveness|readyz?|readiness|heartbeat|ping|status"
_HEALTH_PATH = re.compile(rf"/(?:[\w.~-]+/)*(?:{_WORDS})/?")
_NAMED = re.compile(rf"""["'][\w./^~-]*(?:{_WORDS})[/?$]*["']""")
_WIRING = re.compile(
    r"\b(?:include_router|register_blueprint|urlpatterns|Mount|mount|blueprint"
    r"|FastAPI|Starlette|Flask|Quart|Sanic|APIRouter|Blueprint|NinjaAPI)\b"
)
_APPLICATIONS = frozenset({"FastAPI", "Starlette", "Flask", "Quart", "Sanic", "Bottle"})
_ROUTERS = frozenset({"APIRouter", "Router", "Blueprint", "NinjaAPI", "APIFlask"})
_ASKED_BY = frozenset({"get", "head", "route", "api_route", "add_api_route", "add_route", "add_url_rule"})
_JOINING = frozenset({"include_router", "register_blueprint", "mount", "blueprint", "add_router"})
_DJANGO = frozenset({"path", "re_path", "url"})
_URLCONF = re.compile(r"""\bROOT_URLCONF\s*=\s*["']([\w.]+)["']""")
_GUARD = re.compile(r"auth|login|permission|token|api_?key|current_?user|require", re.IGNORECASE)
_THIRD_PARTY = frozenset({"health_check.urls"})
"""URL modules of other distributions that answer where they are included."""
_DEEPEST = 8
_MOST_PATHS = 50

_Owner = tuple[str, str]
"""A module and the name in it that routes hang on."""


def health_routes(texts: Mapping[str, str]) -> tuple[str, ...]:
    """``texts`` are modules by dotted name. The most telling path comes first: ``/health`` before ``/status``."""
    if not any(map(_NAMED.search, texts.values())):
        return ()
    paths = _Wiring(texts).paths()
    return tuple(sorted(set(paths), key=lambda path: ("health" not in path, "live" not in path, len(path), path)))


@dataclass(slots=True)
class _Module:
    tree: ast.Module
    nodes: list[ast.AST]
    imports: dict[str, tuple[str, str | None]] = field(default_factory=dict)


class _Wiring:
    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._modules: dict[str, _Module | None] = {}
        self._literals: dict[str, str | None] = {}
        self._roots: set[_Owner] = {
            (match[1], "urlpatterns") for text in texts.values() for match in _URLCONF.finditer(text)
        }
        self._prefixes: dict[_Owner, str | None] = {}
        self._mounts: dict[_Owner, list[tuple[_Owner, str, bool]]] = {}
        self._routes: list[tuple[_Owner, str]] = []
        for name, text in texts.items():
            if _NAMED.search(text) or _WIRING.search(text):
                self._read(name)

    def paths(self) -> Iterator[str]:
        for owner, path in self._routes:
            for above in self._above(owner, 0)[:_MOST_PATHS]:
                whole = re.sub(r"/{2,}", "/", f"/{above}{path}")
                if _HEALTH_PATH.fullmatch(whole):
                    yield whole

    def _above(self, owner: _Owner, depth: int) -> list[str]:
        """What stands before the paths of an owner: nothing for an application, nowhere for what nobody mounts."""
        if owner in self._roots and owner not in self._mounts:
            return [""]
        own = self._prefixes.get(owner, "")
        if own is None or depth > _DEEPEST:
            return []
        found: list[str] = []
        for parent, prefix, replaces in self._mounts.get(owner, ()):
            tail = prefix if replaces else prefix + own
            found += [above + tail for above in self._above(parent, depth + 1)]
        return list(dict.fromkeys(found))

    def _read(self, name: str) -> None:
        module = self._module(name)
        for node in module.nodes if module is not None else ():
            if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
                self._assigned(name, node, node.value)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self._decorated(name, node)
            if isinstance(node, ast.Call):
                self._called(name, node)
            elif isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign) and _targets(node) == "urlpatterns":
                self._patterns(name, node)

    def _assigned(self, name: str, node: ast.Assign | ast.AnnAssign, call: ast.Call) -> None:
        target = _targets(node)
        kind = _last(call.func)
        if target is None or kind is None:
            return
        if kind in _APPLICATIONS:
            self._roots.add((name, target))
            self._mounted(name, (name, target), _keyword(call, "routes"), "")
        elif kind in _ROUTERS:
            given = _keyword(call, "prefix") or _keyword(call, "url_prefix")
            prefix = self._text(given) if given is not None else ""
            self._prefixes[(name, target)] = None if _keyword(call, "dependencies") or _guards(call) else prefix

    def _decorated(self, name: str, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        signature = ast.unparse(node.args) if not isinstance(node, ast.ClassDef) else ""
        others = [ast.unparse(each) for each in node.decorator_list if not isinstance(each, ast.Call)]
        others += [ast.unparse(each.func) for each in node.decorator_list if isinstance(each, ast.Call)]
        if _GUARD.search(signature) or any(_GUARD.search(other) for other in others):
            return
        for each in node.decorator_list:
            if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and each.func.attr in _ASKED_BY:
                self._route(name, each.func.value, each)

    def _called(self, name: str, call: ast.Call) -> None:
        function = call.func
        if not isinstance(function, ast.Attribute):
            return
        if function.attr.startswith("add_") and function.attr in _ASKED_BY:
            self._route(name, function.value, call)
        elif function.attr in _JOINING and call.args and not _keyword(call, "dependencies"):
            parent = self._owner(name, function.value)
            given = _keyword(call, "prefix") or _keyword(call, "url_prefix")
            child: ast.expr | None = call.args[0]
            if function.attr in {"mount", "add_router"} and len(call.args) > 1:
                given, child = call.args[0], call.args[1]
            prefix = self._text(given) if given is not None else ""
            if parent is None or prefix is None or child is None:
                return
            owner = self._owner(name, child)
            if owner is not None:
                replaces = "blueprint" in function.attr and given is not None
                self._mounts.setdefault(owner, []).append((parent, prefix, replaces))

    def _route(self, name: str, owner: ast.expr, call: ast.Call) -> None:
        written = call.args[0] if call.args else _keyword(call, "path") or _keyword(call, "rule")
        path = self._text(written)
        methods = _keyword(call, "methods")
        found = self._owner(name, owner)
        if path is None or found is None or "{" in path or "<" in path or _keyword(call, "dependencies"):
            return
        if methods is not None and not re.search(r"""["'](?:GET|HEAD)["']""", ast.unparse(methods), re.IGNORECASE):
            return
        if found not in self._prefixes and found[1].lower().endswith(("app", "application")):
            self._roots.add(found)  # an application that is handed in
        self._routes.append((found, path))

    def _mounted(self, name: str, owner: _Owner, routes: ast.expr | None, above: str) -> None:
        """Starlette's lists: ``[Route("/health", ...), Mount("/api", routes=[...])]``, in place or by name."""
        if isinstance(routes, ast.Name):
            routes = self._value(name, routes.id)
        for node in routes.elts if isinstance(routes, ast.List | ast.Tuple) else ():
            if not isinstance(node, ast.Call) or (path := self._text(node.args[0] if node.args else None)) is None:
                continue
            if _last(node.func) == "Route":
                self._routes.append((owner, above + path))
            elif _last(node.func) == "Mount":
                self._mounted(name, owner, _keyword(node, "routes"), above + path)

    def _patterns(self, name: str, node: ast.Assign | ast.AugAssign | ast.AnnAssign) -> None:
        own = (name, "urlpatterns")
        for call in ast.walk(node.value) if node.value is not None else ():
            if not isinstance(call, ast.Call) or _last(call.func) not in _DJANGO or len(call.args) < 2:
                continue
            path = self._text(call.args[0])
            if path is None or _GUARD.search(ast.unparse(call.args[1])):
                continue
            if _last(call.func) != "path":
                path = re.sub(r"/\?(?=\$?$)", "", path).removeprefix("^").removesuffix("$")
            view = call.args[1]
            included = self._included(name, view)
            if included is None or included[0] in _THIRD_PARTY:
                self._routes.append((own, path))
            else:
                self._mounts.setdefault(included, []).append((own, path, False))

    def _included(self, name: str, view: ast.expr) -> _Owner | None:
        if isinstance(view, ast.Call) and _last(view.func) == "include" and view.args:
            target = view.args[0].elts[0] if isinstance(view.args[0], ast.Tuple) and view.args[0].elts else view.args[0]
            text = self._text(target)
            return (text, "urlpatterns") if text else ("", "urlpatterns")
        if isinstance(view, ast.Attribute) and view.attr == "urls":  # django-ninja: path("api/", api.urls)
            return self._owner(name, view.value)
        return None

    def _owner(self, name: str, node: ast.expr) -> _Owner | None:
        words = _dotted(node)
        return self._named(name, words, 0) if words else None

    def _named(self, name: str, words: Sequence[str], depth: int) -> _Owner | None:
        module = self._module(name)
        if module is None or depth > _DEEPEST:
            return None
        origin = module.imports.get(words[0])
        if origin is None:
            return (name, words[0]) if len(words) == 1 else None
        full = [*origin[0].split("."), *([origin[1]] if origin[1] else []), *words[1:]]
        for length in range(len(full) - 1, 0, -1):
            if (home := ".".join(full[:length])) in self._texts:
                return self._named(home, full[length:], depth + 1)
        return None

    def _module(self, name: str) -> _Module | None:
        if name not in self._modules:
            self._modules[name] = None
            try:
                tree = ast.parse(self._texts[name])
            except (KeyError, SyntaxError, ValueError, RecursionError):
                return None  # what is no Python has no routes
            nodes = list(ast.walk(tree))
            self._modules[name] = _Module(tree, nodes, dict(self._imports(name, nodes)))
        return self._modules[name]

    def _imports(self, name: str, nodes: Iterable[ast.AST]) -> Iterator[tuple[str, tuple[str, str | None]]]:
        is_package = any(other.startswith(f"{name}.") for other in self._texts)
        for node in nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    top = alias.name.partition(".")[0]
                    yield (alias.asname, (alias.name, None)) if alias.asname else (top, (top, None))
            elif isinstance(node, ast.ImportFrom):
                parts = name.split(".")
                above = parts[: len(parts) - node.level + is_package] if node.level else []
                home = ".".join([*above, *([node.module] if node.module else [])])
                for alias in node.names:
                    if home:
                        yield alias.asname or alias.name, (home, alias.name)

    def _value(self, name: str, target: str) -> ast.expr | None:
        module = self._module(name)
        for node in module.tree.body if module is not None else ():
            if isinstance(node, ast.Assign | ast.AnnAssign) and _targets(node) == target:
                return node.value
        return None

    def _literal(self, word: str) -> str | None:
        if word not in self._literals:
            given = re.compile(rf"""\b{re.escape(word)}\b\s*(?::[^=\n]+)?=\s*["']([^"'\n]*)["']""")
            texts = (text for text in self._texts.values() if word in text)
            values = {match[1] for text in texts for match in given.finditer(text)}
            self._literals[word] = values.pop() if len(values) == 1 else None
        return self._literals[word]

    def _text(self, node: ast.expr | None) -> str | None:
        """A literal, a name that everywhere stands for one literal, or what is put together from such."""
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.Name(id=word) | ast.Attribute(attr=word):
                return self._literal(word)
            case ast.JoinedStr(values=pieces):
                parts = [self._text(part.value if isinstance(part, ast.FormattedValue) else part) for part in pieces]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                parts = [self._text(left), self._text(right)]
            case _:
                return None
        return None if None in parts else "".join(part for part in parts if part is not None)


def _targets(node: ast.Assign | ast.AugAssign | ast.AnnAssign) -> str | None:
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    return target.id if isinstance(target, ast.Name) else None


def _last(node: ast.expr) -> str | None:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None


def _dotted(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return [*before, node.attr] if before else []
    return [node.id] if isinstance(node, ast.Name) else []


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def _guards(call: ast.Call) -> bool:
    return any(keyword.arg in {"auth", "dependencies"} for keyword in call.keywords)
