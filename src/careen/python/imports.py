"""The import graph of first-party code, read from source and never run.

Over-approximates: an import anywhere counts, also inside a function. What only a type checker reads is marked, as are
imports whose failure is caught. Beside plain imports it follows the ways in which frameworks load modules by name:
strings that name one, Celery's discovery of tasks, Django's applications, packages that list themselves.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from pathlib import PurePosixPath

from careen.python.modules import ImportSite, Literal, ModuleReading, read_module
from careen.text.values import dataclass

_MESSAGES = frozenset({"send_task", "signature", "subtask", "getLogger", "get_logger", "patch", "task", "shared_task"})
_MESSAGE_KEYS = frozenset({"task", "name", "queue", "routing_key", "loggers", "__version__", "description", "title"})
_DJANGO_LISTS = frozenset(
    {"INSTALLED_APPS", "DJANGO_APPS", "THIRD_PARTY_APPS", "LOCAL_APPS", "PROJECT_APPS", "SHARED_APPS", "TENANT_APPS",
     "MIDDLEWARE", "MIDDLEWARE_CLASSES", "TEMPLATES", "AUTHENTICATION_BACKENDS", "ROOT_URLCONF", "WSGI_APPLICATION",
     "ASGI_APPLICATION", "DATABASES", "STORAGES", "CACHES"}
)  # fmt: skip
_DJANGO_PARTS = ("models", "admin", "apps", "urls", "signals", "receivers", "checks", "translation", "search_indexes")
_DJANGO_FOLDERS = ("models", "migrations", "management", "templatetags", "admin")
_MODULE = re.compile(r"\w+")
"""Also what no import statement can say: Django loads ``0001_initial`` by its name."""

_DJANGO_STARTERS = frozenset({"manage.py", "wsgi.py", "asgi.py"})
_SETTINGS_NAMED = re.compile(r"""DJANGO_SETTINGS_MODULE["']\]?\s*[,=]\s*["']([\w.]+)["']""")
_SCHEME = re.compile(r"[a-z][a-z0-9]*\+[a-z][a-z0-9_]*")
_SCHEME_TARGETS = frozenset({"scheme", "drivername"})


@dataclass(frozen=True, slots=True)
class Place:
    path: PurePosixPath
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class Setting:
    """Something said outside the sources: an environment variable, the command itself."""

    name: str

    def __str__(self) -> str:
        return self.name


Origin = Place | Setting


@dataclass(frozen=True, slots=True)
class ExternalImport:
    """A dotted name that no first-party module has, and where it is imported first."""

    module: str
    place: Origin
    optional: bool
    typing_only: bool


@dataclass(frozen=True, slots=True)
class Mention:
    """A string that may name something outside the project, such as ``whitenoise.middleware.WhiteNoiseMiddleware``.

    ``target`` is the variable, keyword or key that it is given to. ``in_settings`` when the module is one of
    Django's settings, where a single word may name an application.
    """

    text: str
    place: Origin
    target: str
    in_settings: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What can be reached from the entry modules. ``modules`` maps dotted names to files.

    ``schemes`` are those of URL literals such as ``redis`` or ``postgresql+asyncpg``; ``programs`` what is started as
    a process; ``open_prefixes`` the fixed starts of names made at run time; ``paths`` strings that may name a file.
    """

    modules: Mapping[str, PurePosixPath]
    external: tuple[ExternalImport, ...]
    schemes: Mapping[str, Origin] = field(default_factory=dict)
    named: Mapping[str, Origin] = field(default_factory=dict)
    mentions: tuple[Mention, ...] = ()
    programs: Mapping[str, Origin] = field(default_factory=dict)
    open_prefixes: Mapping[str, Origin] = field(default_factory=dict)
    paths: Mapping[str, Origin] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


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
            depth = len(root.parts)
            for path in self._sources:
                if path.parts[:depth] != root.parts:
                    continue
                parts = (*path.parts[depth:-1], path.stem)
                if parts[-1] == "__init__":
                    parts = parts[:-1]
                if parts and all(_MODULE.fullmatch(part) for part in parts):
                    found.setdefault(".".join(parts), path)
        return found

    @cached_property
    def _sources(self) -> tuple[PurePosixPath, ...]:
        return tuple(path for path in self.files if path.suffix == ".py")

    @cached_property
    def packages(self) -> frozenset[str]:
        """Every dotted prefix of a module, namespace packages included."""
        found: set[str] = set()
        for name in self.modules:
            parts = name.split(".")
            found.update(".".join(parts[:length]) for length in range(1, len(parts)))
        return frozenset(found)

    @cached_property
    def _children(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for name in sorted({*self.modules, *self.packages}):
            found.setdefault(name.rpartition(".")[0], []).append(name)
        return {package: tuple(names) for package, names in found.items()}

    def is_first_party(self, name: str) -> bool:
        return name in self.modules or name in self.packages

    def below(self, package: str) -> Iterable[str]:
        """Every module inside a package, however deep."""
        waiting = [package]
        while waiting:
            for name in self._children.get(waiting.pop(), ()):
                waiting.append(name)
                if name in self.modules:
                    yield name

    def directly_in(self, package: str) -> tuple[str, ...]:
        return tuple(name for name in self._children.get(package, ()) if name in self.modules)


@dataclass(frozen=True)
class Sources:
    """The project's modules and their texts; each is read and parsed once, whichever services reach it, and services
    that start alike are followed once.

    ``read`` gives a file's text, or None when it cannot be read; ``source`` the same for the readings, where those who
    read care which of both it is.
    """

    tree: SourceTree
    read: Callable[[PurePosixPath], str | None]
    source: Callable[[PurePosixPath], str | None] | None = None
    _readings: dict[tuple[PurePosixPath, str], ModuleReading | None] = field(default_factory=dict, repr=False)
    reached: dict[tuple[object, ...], Reach] = field(default_factory=dict, repr=False)

    def reading(self, path: PurePosixPath, name: str) -> ModuleReading | None:
        key = (path, name)
        if key not in self._readings:
            text = (self.source or self.read)(path)
            is_package = path.name == "__init__.py"
            self._readings[key] = None if text is None else read_module(text, name, is_package=is_package)
        return self._readings[key]

    @property
    def readings(self) -> Mapping[tuple[PurePosixPath, str], ModuleReading | None]:
        """What was read so far, by file and the name it is a module by."""
        return self._readings


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Where a service begins: modules (dotted) and files that are run.

    ``mentions`` are words of the command that may name a module; ``environment`` the variables that it is given.
    """

    modules: Sequence[str] = ()
    scripts: Sequence[PurePosixPath] = ()
    mentions: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def reach(sources: Sources, start: Start) -> Reach:
    """Everything that can be loaded from ``start``.

    ``from a import b`` puts ``a.b`` among the external names beside ``a``, since ``b`` may be a module of a namespace
    package.
    """
    key = (*map(tuple, (start.modules, start.scripts, start.mentions, start.environment.items())),)
    known = sources.reached.get(key)
    if known is None:
        known = sources.reached[key] = _reach(sources, start)
    return known


def _reach(sources: Sources, start: Start) -> Reach:
    walk = _Walk(sources)
    walk.begin(start)
    walk.finish()
    return Reach(
        modules=walk.modules,
        external=tuple(walk.external.values()),
        schemes=walk.schemes,
        named=walk.named,
        mentions=tuple(walk.mentions.values()),
        programs=walk.programs,
        open_prefixes=walk.open_prefixes,
        paths=walk.paths,
        notes=tuple(walk.notes),
    )


def reachable(
    tree: SourceTree,
    entries: Iterable[str],
    scripts: Iterable[PurePosixPath],
    read: Callable[[PurePosixPath], str | None],
) -> Reach:
    """As :func:`reach`, for callers that ask once."""
    return reach(Sources(tree, read), Start(modules=tuple(entries), scripts=tuple(scripts)))


@dataclass(slots=True)
class _Walk:
    sources: Sources
    modules: dict[str, PurePosixPath] = field(default_factory=dict)
    external: dict[str, ExternalImport] = field(default_factory=dict)
    schemes: dict[str, Origin] = field(default_factory=dict)
    named: dict[str, Origin] = field(default_factory=dict)
    mentions: dict[str, Mention] = field(default_factory=dict)
    programs: dict[str, Origin] = field(default_factory=dict)
    open_prefixes: dict[str, Origin] = field(default_factory=dict)
    paths: dict[str, Origin] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    queue: deque[str] = field(default_factory=deque)
    discovered: set[str] = field(default_factory=set)
    applications: set[str] = field(default_factory=set)
    settings: set[str] = field(default_factory=set)

    @property
    def tree(self) -> SourceTree:
        return self.sources.tree

    def begin(self, start: Start) -> None:
        names = {path: name for name, path in self.tree.modules.items()}
        for script in start.scripts:
            self._run(script, names.get(script))
        for entry in start.modules:
            self._entry(entry)
        for word in start.mentions:
            self._word(word, Setting("the command"))
        for variable, value in start.environment.items():
            origin = Setting(f"the variable {variable}")
            scheme, separator, _ = value.partition("://")
            if separator and scheme.replace("+", "").replace("-", "").isalnum():
                self.schemes.setdefault(scheme.lower(), origin)
            elif variable == "DJANGO_SETTINGS_MODULE":
                self.settings.add(value)
                self._word(value, origin)
            elif "." in value or self.tree.is_first_party(value):
                self._word(value, origin)

    def _run(self, script: PurePosixPath, module: str | None = None) -> None:
        """Scripts may share a name, as the ``env.py`` of two trees of migrations do; each is followed."""
        name = module or f"__main__.{script.stem}"
        if self.modules.get(name, script) != script:
            name = f"__main__.{script}"
        self.modules[name] = script
        self.queue.append(name)

    def finish(self) -> None:
        while self.queue:
            self.visit(self.queue.popleft())
            if not self.queue:
                self._discover_everywhere()
            if not self.queue:
                self._settle()

    def _settle(self) -> None:
        """Django's settings, when they are named nowhere that is known: an ``.env`` may say, which no repository has.

        Those that ``manage.py`` and its like fall back on, and the ones beside them, such as ``settings.production``.
        """
        known = (*self.external, *self.mentions)  # `config_from_object("django.conf:settings")` imports nothing
        if self.settings or not any(name == "django" or name.startswith("django.") for name in known):
            return
        self.settings.add("")
        starters = [path for path in self.tree.files if path.name in _DJANGO_STARTERS]
        found = {name: path for path in starters for name in _SETTINGS_NAMED.findall(self.sources.read(path) or "")}
        if not any(name in self.modules for name in found):
            for name, path in found.items():
                self._settings_of(name, Place(path, 1))

    def _settings_of(self, name: str, place: Place) -> None:
        if name not in self.tree.modules:
            return
        beside = self.tree.directly_in(name.rpartition(".")[0]) if "settings" in name.split(".")[:-1] else ()
        for module in (name, *beside):
            self.settings.add(module)
            self.named.setdefault(module, place)
            self.enter(module)

    def enter(self, name: str) -> None:
        """A module and every package above it: importing ``a.b.c`` runs ``a`` and ``a.b`` too."""
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            prefix = ".".join(parts[:length])
            path = self.tree.modules.get(prefix)
            if path is not None and prefix not in self.modules:
                self.modules[prefix] = path
                self.queue.append(prefix)

    def enter_all_below(self, package: str) -> None:
        self.enter(package)
        for name in self.tree.below(package):
            self.enter(name)

    def visit(self, name: str) -> None:
        path = self.modules[name]
        reading = self.sources.reading(path, name)
        if reading is None:
            self.notes.append(f"{path}: cannot be read; its imports are not known")
            return
        if reading.problem is not None:
            self.notes.append(f"{path}:{reading.problem}; its imports are read by their lines alone")
        for site in reading.imports:
            self._import(site, Place(path, site.line))
        in_settings = name in self.settings or any(literal.target in _DJANGO_LISTS for literal in reading.literals)
        for literal in reading.literals:
            self._literal(literal, name, Place(path, literal.line), in_settings=in_settings)
        for scheme, line in reading.urls:
            self.schemes.setdefault(scheme, Place(path, line))
        for program, line in reading.programs:
            self.programs.setdefault(program, Place(path, line))
            if self.tree.is_first_party(program):
                self.enter(program)
        self._dynamic(reading, name, path)

    def _entry(self, entry: str) -> None:
        top = entry.partition(".")[0]
        if self.tree.is_first_party(entry):
            self.enter(entry)
            if f"{entry}.__main__" in self.tree.modules:
                self.enter(f"{entry}.__main__")
        elif self.tree.is_first_party(entry.rpartition(".")[0]):  # `celery -A shelf.worker.app` names an attribute
            self.enter(entry.rpartition(".")[0])
        elif not self.tree.is_first_party(top):
            self.external.setdefault(entry, ExternalImport(entry, Setting("the command"), False, False))
        else:
            self.enter(entry)
            self.notes.append(f"the entry module {entry} is not in the project")

    def _word(self, word: str, origin: Origin) -> None:
        """A word of the command or a variable's value: a module, ``module:attribute``, ``module.Class``, or a file."""
        name, colon, _ = word.partition(":")
        owner, _, attribute = name.rpartition(".")
        is_loaded = bool(colon) or attribute[:1].isupper() or attribute in {"app", "application", "celery"}
        for candidate in (name, owner if is_loaded else ""):
            if candidate and self.tree.is_first_party(candidate):
                self.named.setdefault(candidate, origin)
                self.enter(candidate)
                return
        path = PurePosixPath(word)
        if word.endswith(".py") and path in self.tree.files:
            self._run(path)
        elif "." in name and all(part.isidentifier() for part in name.split(".")):
            self.mentions.setdefault(name, Mention(name, origin, "", in_settings=False))

    def _import(self, site: ImportSite, place: Place) -> None:
        candidates = [site.module, *(f"{site.module}.{name}" for name in site.names)]
        top = site.module.partition(".")[0]
        if self.tree.is_first_party(top):
            for candidate in candidates:
                if self.tree.is_first_party(candidate):
                    self.enter(candidate)
            # A folder `alembic` without __init__ gives way to a distribution of that name, wherever it stands.
            if top in self.tree.modules or any(candidate in self.tree.modules for candidate in candidates):
                return
        for candidate in candidates:
            known = self.external.get(candidate)
            found = ExternalImport(candidate, place, site.optional, site.typing_only)
            if known is None or (known.optional, known.typing_only) > (found.optional, found.typing_only):
                self.external[candidate] = found

    def _literal(self, literal: Literal, name: str, place: Place, *, in_settings: bool) -> None:
        text = literal.text
        if literal.is_key:
            return
        if literal.target in _SCHEME_TARGETS or _SCHEME.fullmatch(text):
            self.schemes.setdefault(text.lower(), place)
        if not literal.is_dotted_name:
            self.paths.setdefault(text, place)
            return
        module = text.partition(":")[0]
        if self.tree.is_first_party(module.partition(".")[0]):
            self._first_party_string(literal, module, name, place, in_settings=in_settings)
        elif literal.call not in _MESSAGES:
            self.mentions.setdefault(module, Mention(module, place, literal.target, in_settings=in_settings))
        if "." not in text:
            self.paths.setdefault(text, place)

    def _first_party_string(self, literal: Literal, module: str, name: str, place: Place, *, in_settings: bool) -> None:
        """A string that names a module exactly, or a class in one, is an import waiting to happen.

        ``pkg.module.function``, as in ``send_task``, is a message, unless it stands in Django's settings.
        """
        if "." not in module and not in_settings and literal.call not in {"include", "config_from_object"}:
            return
        if literal.call in _MESSAGES or (literal.target in _MESSAGE_KEYS and not in_settings):
            return
        owner, _, attribute = module.rpartition(".")
        if self.tree.is_first_party(module) and not name.startswith(f"{module}."):
            found = module
        elif self.tree.is_first_party(owner) and (in_settings or attribute[:1].isupper() or literal.text != module):
            found = owner
        else:
            return
        self.named.setdefault(found, place)
        self.enter(found)
        if in_settings:
            self._application(found.removesuffix(".apps"))

    def _application(self, package: str) -> None:
        """What Django loads of an installed application beside the package itself."""
        if package in self.applications or package not in self.tree.packages:
            return
        self.applications.add(package)
        for part in _DJANGO_PARTS:
            self.enter(f"{package}.{part}")
        for folder in _DJANGO_FOLDERS:
            self.enter_all_below(f"{package}.{folder}")

    def _dynamic(self, reading: ModuleReading, name: str, path: PurePosixPath) -> None:
        own = name if path.name == "__init__.py" else name.rpartition(".")[0]
        for package in reading.walked:
            self.enter_all_below(package if package and self.tree.is_first_party(package) else own)
        for found in reading.open_imports:
            prefix = found.prefix.rstrip(".")
            if prefix and self.tree.is_first_party(prefix):
                self.enter_all_below(prefix)
            elif prefix and "." in found.prefix:
                self.open_prefixes.setdefault(prefix, Place(path, found.line))
            elif reading.knows_its_place and own:
                for sibling in self.tree.directly_in(own):
                    self.enter(sibling)
        for discovery in reading.discoveries:
            if discovery.packages:
                for package in discovery.packages:
                    self.enter(f"{package}.{discovery.related}" if discovery.related else package)
            else:
                self.discovered.add(discovery.related)

    def _discover_everywhere(self) -> None:
        """``autodiscover_tasks()`` without packages, as Django projects have it: in whatever has been reached."""
        for related in self.discovered:
            for name in tuple(self.modules):
                if f"{name}.{related}" in self.tree.modules:
                    self.enter(f"{name}.{related}")
                    if f"{name}.{related}" in self.tree.packages:
                        self.enter_all_below(f"{name}.{related}")
