"""What a service needs of the lock, and why: from its import graph to distributions and their closure.

Over-approximates where it must: a name with several providers keeps them all, marked as possible.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from careen.plan.entry_points import EntryPoint
from careen.plan.integrations import COMPANIONS, URL_SCHEMES
from careen.plan.lock_view import LockView
from careen.plan.target import Certainty
from careen.python.imports import ExternalImport, Reach
from careen.python.locked import LockedPackage
from careen.python.names import PackageName, package_name
from careen.python.selection import Selected, Wanted, closure


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


@dataclass(slots=True)
class _Roots:
    view: LockView
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


def partition(
    view: LockView, entry: EntryPoint, reach: Reach, *, include: Iterable[str] = (), exclude: Iterable[str] = ()
) -> Partition:
    """``include`` and ``exclude`` are the user's words; what is excluded goes even if something requires it."""
    roots = _Roots(view)
    unknown: list[str] = []
    unknown += [
        f"{program}, started by the command"
        for program in entry.programs
        if not roots.want_import(program, "started by the command", certain=True)
    ]
    unknown += _want_imports(roots, [imported for imported in reach.external if not imported.typing_only])
    for scheme, place in reach.schemes.items():
        for module in URL_SCHEMES.get(scheme, ()):
            roots.want_import(module, f"a {scheme}:// address in {place}", certain=False)
    for name in include:
        roots.want(package_name(name), "included in the configuration", certain=True)
    selected = _closure(view, roots.wanted())
    selected = _with_companions(view, roots, selected)
    dropped = {package_name(name) for name in exclude}
    needed = _certain_closure(view, roots)
    kept = tuple(
        Kept(
            package=item.package,
            reasons=item.reasons,
            certainty=Certainty.NEEDED if item.package.name in needed else Certainty.POSSIBLE,
        )
        for item in selected
        if item.package.name not in dropped and not item.package.is_local
    )
    return Partition(kept=kept, unknown=tuple(dict.fromkeys(unknown)))


def _want_imports(roots: _Roots, imports: Sequence[ExternalImport]) -> list[str]:
    """The names that nothing provides. A namespace counts as found when something inside it is imported by name."""
    found: set[str] = set()
    missing: list[ExternalImport] = []
    for imported in imports:
        if roots.want_import(imported.module, _reason(imported), certain=not imported.optional):
            parts = imported.module.split(".")
            found.update(".".join(parts[:length]) for length in range(1, len(parts) + 1))
        else:
            missing.append(imported)
    unknown: list[str] = []
    for imported in missing:
        if imported.module in found or roots.want_namespace(imported.module, _reason(imported)):
            continue
        top = imported.module.partition(".")[0]
        if top not in found and not imported.optional and not _is_standard(top):
            unknown.append(f"{top}, imported in {imported.place}")
    return unknown


def _reason(imported: ExternalImport) -> str:
    return f"imported in {imported.place}" + (" if it is there" if imported.optional else "")


def _with_companions(view: LockView, roots: _Roots, selected: tuple[Selected, ...]) -> tuple[Selected, ...]:
    """Adds what kept distributions use without requiring it, when the project itself declares it.

    Only what the project declares counts: something that came into the lock for another distribution's sake
    is not there for this one.
    """
    declared = set(view.declared_extras)
    while True:
        present = {item.package.name for item in selected}
        before = len(roots.reasons)
        for companion in COMPANIONS:
            if companion.requirer not in present:
                continue
            for module in companion.imports:
                for name in view.index.exact(module):
                    if name in declared and name not in present:
                        roots.want(name, companion.reason, certain=False)
        if len(roots.reasons) == before:
            return selected
        selected = _closure(view, roots.wanted())


def _certain_closure(view: LockView, roots: _Roots) -> frozenset[PackageName]:
    certain = tuple(root for root in roots.wanted() if root.name in roots.certain)
    return frozenset(item.package.name for item in _closure(view, certain))


def _closure(view: LockView, wanted: Iterable[Wanted]) -> tuple[Selected, ...]:
    return closure(view.lock, wanted, view.environment, view.active)


def _is_standard(name: str) -> bool:
    import sys  # noqa: PLC0415 - one name of it

    return name in sys.stdlib_module_names or name == "__future__"
