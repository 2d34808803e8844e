"""Distributions without a module of their own, which only say what belongs together: ``fastmcp`` is ``fastmcp-slim``
with the extras that its server needs.

Imports lead to what brings the module, and not to who asked for it with these extras.
"""

from collections.abc import Collection, Iterator

from careen.plan.lock_view import LockView
from careen.python.names import PackageName


def bundles(view: LockView, present: Collection[PackageName]) -> Iterator[tuple[PackageName, str]]:
    """Declared ones that are not ``present`` and by which something is there that is, with the reason.

    Counted are those that ask for extras of it, or bear the name of the module that it brings.
    """
    for name in sorted(view.declared_extras):
        package, contents = view.available.get(name), view.contents.get(name)
        if name in present or package is None or contents is None or contents.imports or contents.is_estimate:
            continue
        module = name.replace("-", "_")
        for edge in package.dependencies or ():
            brought = view.contents.get(edge.name)
            named = brought is not None and module in brought.imports
            if edge.name in present and (edge.extras or named):
                yield name, f"has no module of its own, and says with what {edge.name} is installed"
                break
