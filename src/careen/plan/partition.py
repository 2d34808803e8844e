"""What a service needs of the lock, and why: from its import graph to distributions and their closure.

Over-approximates where it must: a name with several providers keeps them all, marked as possible.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from functools import cached_property

from careen.plan.bundles import bundles
from careen.plan.entry_points import EntryPoint
from careen.plan.integrations import (
    COMMANDS_GROUP,
    COMPANIONS,
    FORMERLY_STANDARD,
    NAMED_MODULES,
    SERIALIZER_SETTINGS,
    SERIALIZERS,
    UNDECLARED,
    URL_SCHEMES,
)
from careen.plan.lock_view import LockView
from careen.plan.stand_ins import stand_ins
from careen.plan.target import Certainty
from careen.python.imports import ExternalImport, Mention, Reach
from careen.python.locked import LockedPackage
from careen.python.names import PackageName, normal_name, package_name
from careen.python.selection import Selected, Wanted, closure
from careen.text.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    package: LockedPackage
    reasons: tuple[str, ...]
    certainty: Certainty


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """``kept`` by name; ``unknown`` are imports that nothing in the lock provides, with their place."""

    kept: tuple[Kept, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """The user's words; what is excluded goes even if something requires it, with what only it requires."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass
class _Roots:
    view: LockView
    without: frozenset[PackageName] = frozenset()
    reasons: dict[PackageName, dict[str, None]] = field(default_factory=dict)
    certain: set[PackageName] = field(default_factory=set)

    def want(self, name: PackageName, reason: str, *, certain: bool) -> None:
        if name in self.view.available:
            self.reasons.setdefault(name, {})[reason] = None
            if certain:
                self.certain.add(name)

    def want_import(self, module: str, reason: str, *, certain: bool) -> bool:
        """Whether anything provides the name; several providers are all kept, as possible."""
        return self._want_all(self.view.index.exact(module), reason, certain=certain)

    def want_namespace(self, module: str, reason: str) -> bool:
        """Whether anything lies below the name; which of it is meant nobody knows, so all of it is kept."""
        return self._want_all(self.view.index.below(module), reason, certain=False)

    def _want_all(self, names: Sequence[PackageName], reason: str, *, certain: bool) -> bool:
        providers = [name for name in names if name in self.view.available]
        for name in providers:
            self.want(name, reason, certain=certain and len(providers) == 1)
        return bool(providers)

    def want_unread(self, module: str, reason: str) -> bool:
        """For a name that nothing provides: what is held by distributions whose files nobody could read?

        Whether one of them bears the name, or one whose build may make what its sources do not have. Else all that the
        project declares are kept, as possible.
        """
        unread = [name for name, package in self.view.available.items() if self._is_unread(name, package)]
        own = PackageName(normal_name(module.partition(".")[0]))
        estimated = self.view.contents.get(own)
        if own in self.view.available and estimated is not None and estimated.is_estimate:
            self.want(own, reason, certain=True)
            return True
        for name in unread:
            if name == own:
                self.want(name, reason, certain=True)
            elif own not in unread and name in self.view.declared_extras:
                self.want(name, f"may bring what is {reason}", certain=False)
        return own in unread

    def _is_unread(self, name: PackageName, package: LockedPackage) -> bool:
        return name not in self.view.contents and not package.is_local

    def wanted(self) -> tuple[Wanted, ...]:
        roots: list[Wanted] = []
        for name, reasons in self.reasons.items():
            package = self.view.available[name]
            extras = self.view.declared_extras.get(name, ())
            roots += [Wanted(name, (), reason, package.version, package.source) for reason in reasons]
            if extras:
                asked = f"{name}[{','.join(extras)}] asked for in pyproject.toml"
                roots.append(Wanted(name, extras, asked, package.version, package.source))
        return tuple(roots)

    def closure(self) -> tuple[Selected, ...]:
        return self.closure_of(self.wanted())

    def closure_of(self, wanted: Iterable[Wanted]) -> tuple[Selected, ...]:
        view = self.view
        return closure(view.lock, wanted, view.environment, view.active, without=self.without)

    @cached_property
    def scripts(self) -> Mapping[str, PackageName]:
        """Console scripts of distributions, by name."""
        found: dict[str, PackageName] = {}
        for name in self.view.available:
            contents = self.view.contents.get(name)
            for script, _ in contents.console_scripts if contents is not None else ():
                found.setdefault(script, name)
        return found


def partition(
    view: LockView, entries: Sequence[EntryPoint], reach: Reach, overrides: Overrides | None = None
) -> Partition:
    """``entries`` are the service's command, and before it in time whatever runs first (migrations, say)."""
    overrides = overrides or Overrides()
    roots = _Roots(view, frozenset(package_name(name) for name in overrides.exclude))
    unknown = [
        f"{program}, started by the command"
        for entry in entries
        for program in entry.programs
        if not roots.want_import(program, "started by the command", certain=True)
    ]
    unknown += _want_imports(roots, [imported for imported in reach.external if not imported.typing_only])
    _want_dynamic(roots, reach)
    for name in overrides.include:
        roots.want(package_name(name), "included in the configuration", certain=True)
    words = {word for entry in entries for word in entry.arguments}
    selected = _with_companions(view, roots, words)
    needed = _certain_closure(roots)
    kept = tuple(
        Kept(
            package=item.package,
            reasons=item.reasons,
            certainty=Certainty.NEEDED if item.package.name in needed else Certainty.POSSIBLE,
        )
        for item in selected
        if not item.package.is_local
    )
    return Partition(kept=kept, unknown=tuple(dict.fromkeys(unknown)))


def _want_imports(roots: _Roots, imports: Sequence[ExternalImport]) -> list[str]:
    """The names that nothing provides. A namespace counts as found when something inside it is imported by name."""
    found: set[str] = set()
    missing: list[ExternalImport] = []
    for imported in imports:
        wanted = _bringer(roots.view, imported.module)
        if roots.want_import(wanted, _reason(imported), certain=not imported.optional):
            parts = imported.module.split(".")
            found.update(".".join(parts[:length]) for length in range(1, len(parts) + 1))
        else:
            missing.append(imported)
    unknown: list[str] = []
    for imported in missing:
        if imported.module in found or roots.want_namespace(imported.module, _reason(imported)):
            continue
        top = imported.module.partition(".")[0]
        if top in found or imported.optional or _is_standard(top, roots.view):
            continue
        if not roots.want_unread(imported.module, _reason(imported)):
            unknown.append(f"{top}, imported in {imported.place}")
    return unknown


def _reason(imported: ExternalImport) -> str:
    return f"imported in {imported.place}" + (" if it is there" if imported.optional else "")


def _want_dynamic(roots: _Roots, reach: Reach) -> None:
    """Drivers behind addresses, modules that strings name, programs that are started."""
    for scheme, place in reach.schemes.items():
        for module in URL_SCHEMES.get(scheme, ()):
            roots.want_import(module, f"a {scheme}:// address in {place}", certain=False)
    for mention in reach.mentions:
        _want_mention(roots, mention)
    for prefix, place in reach.open_prefixes.items():
        reason = f"a module of {prefix} is imported by a name made in {place}"
        if not roots.want_import(prefix, reason, certain=False):
            roots.want_namespace(prefix, reason)
    for program, place in reach.programs.items():
        owner = roots.scripts.get(program)
        if owner is not None:
            roots.want(owner, f"{program} is started in {place}", certain=True)
        else:
            roots.want_import(program, f"{program} is started in {place}", certain=True)


def _want_mention(roots: _Roots, mention: Mention) -> None:
    reason = f"named in {mention.place}"
    if mention.target in SERIALIZER_SETTINGS:
        for module in SERIALIZERS.get(mention.text, ()):
            roots.want_import(module, f"the serializer {mention.text} in {mention.place}", certain=True)
    parts = mention.text.split(".")
    if len(parts) == 1 and not mention.in_settings:
        return
    last = parts[-1]
    # `pkg.module.Class` is loaded; `sqlalchemy.engine` may be but the name of a logger.
    roots.want_import(mention.text, reason, certain=mention.in_settings or last[:1].isupper())
    for length in range(len(parts), 0, -1):
        companions = NAMED_MODULES.get(".".join(parts[:length]))
        if companions is not None:
            for module in companions:
                roots.want_import(module, f"{mention.text} named in {mention.place} may load it", certain=False)
            return


def _with_companions(view: LockView, roots: _Roots, words: set[str]) -> tuple[Selected, ...]:
    """Adds what kept distributions use without requiring it, when the project itself declares it.

    Only what the project declares counts: something that came into the lock for another distribution's sake
    is not there for this one. What is known to be imported undeclared is taken wherever it came from.
    """
    declared = set(view.declared_extras)
    plugins = _plugins(view, declared)
    selected = roots.closure()
    while True:
        present = {item.package.name for item in selected}
        before = len(roots.reasons)
        for companion in (*COMPANIONS, *UNDECLARED):
            if companion.requirer not in present:
                continue
            for module in companion.imports:
                for name in view.index.exact(module):
                    if name not in present and (name in declared or companion in UNDECLARED):
                        roots.want(name, companion.reason, certain=False)
        for name, group, entry in plugins:
            if name in present:
                continue
            wanted = entry in words if group.endswith(f".{COMMANDS_GROUP}") else True
            if wanted and normal_name(group.partition(".")[0]) in present:
                roots.want(name, f"plugs itself into {group.partition('.')[0]} ({group})", certain=False)
        for name, reason in (*stand_ins(view, present), *bundles(view, present)):
            roots.want(name, reason, certain=False)
        if len(roots.reasons) == before:
            return selected
        selected = roots.closure()


def _plugins(view: LockView, declared: set[PackageName]) -> tuple[tuple[PackageName, str, str], ...]:
    """Declared distributions with the groups and names of the entry points by which others find them."""
    return tuple(
        (name, group, entry)
        for name in sorted(declared)
        if (contents := view.contents.get(name)) is not None
        for group, entry, _ in contents.plugins
    )


def _certain_closure(roots: _Roots) -> frozenset[PackageName]:
    certain = [root for root in roots.wanted() if root.name in roots.certain]
    return frozenset(item.package.name for item in roots.closure_of(certain))


def _bringer(view: LockView, module: str) -> str:
    """What is to be there so that ``module`` can be imported: mostly the module itself."""
    top = module.partition(".")[0]
    return FORMERLY_STANDARD[top][1] if top in FORMERLY_STANDARD and not _is_standard(top, view) else module


def _is_standard(name: str, view: LockView) -> bool:
    import sys  # noqa: PLC0415 - one name of it

    left = FORMERLY_STANDARD.get(name)
    if left is not None:
        return view.environment.python.minor < left[0]
    return name in sys.stdlib_module_names or name == "__future__"
