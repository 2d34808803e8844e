"""Distributions that a project put in another's place: uv's overrides take ``opencv-python`` out of the lock for all
that require it, and the project declares ``opencv-python-headless``, which brings the same module.

Nothing in the lock joins the two, and the project's own code need not import the module. Which distribution stands in
is told by names alone, since the lock has no files of what was taken out; it is kept as possible.
"""

from collections.abc import Collection, Iterator

from careen.plan.lock_view import LockView
from careen.python.names import PackageName
from careen.python.requirements import dependencies_of

_SAYS_NOTHING = frozenset({"python", "py", "lib"})
"""Words that names of unlike distributions begin with."""


def stand_ins(view: LockView, present: Collection[PackageName]) -> Iterator[tuple[PackageName, str]]:
    """Declared distributions that are not ``present`` and whose place is asked for by one that is, with the reason."""
    for missing in view.lock.overridden:
        requirer = None if missing in present else _requirer(view, present, missing)
        if requirer is None:
            continue
        for name in sorted(view.declared_extras):
            if name not in present and _may_replace(view, name, missing):
                yield (
                    name,
                    f"stands in for {missing}, which {requirer} requires and the project's settings for uv leave out",
                )


def _requirer(view: LockView, present: Collection[PackageName], missing: PackageName) -> PackageName | None:
    """By the distribution's own metadata: the lock has lost the edge where the override's marker never holds."""
    for name in sorted(present):
        contents = view.contents.get(name)
        if contents is None or contents.requires is None:
            continue
        plain, extras = dependencies_of(contents.requires)
        if any(edge.name == missing for edges in (plain, *extras.values()) for edge in edges):
            return name
    return None


def _may_replace(view: LockView, name: PackageName, missing: PackageName) -> bool:
    contents = view.contents.get(name)
    module = missing.replace("-", "_")
    return _kind(name) == _kind(missing) or (contents is not None and module in contents.imports)


def _kind(name: PackageName) -> str:
    """The first word that tells something: ``opencv`` of ``opencv-python-headless``."""
    return next((word for word in name.split("-") if word not in _SAYS_NOTHING), name)
