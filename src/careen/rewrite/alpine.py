"""What an emitted Dockerfile does otherwise upon Alpine: its own packages, and compilers where wheels are missing.

Its shell is ash and there is no bash. Nothing here needs either: steps are plain ``sh``, services and health checks are
started by Python in exec form, and so are the steps that a start script took before.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from careen.plan.alpine import packages_to_compile
from careen.plan.target import Plan, UnbuiltSource
from careen.rewrite.carried import Carried

_NATIVE_PLACE = re.compile(r"^COPY .*?--from=(?P<origin>\S+).*\s(?P<source>/\S*(?:/s?bin/|/lib(?:exec)?/)\S*)\s")


def upon_alpine(carried: Carried, plan: Plan) -> Carried:
    """With the packages that the plan asks for, and what has to be compiled, by whoever accepts that, compilers."""
    wanted = tuple(
        (frozenset({service.name}), service.alpine_packages) for service in plan.services if service.alpine_packages
    )
    return replace(
        carried,
        programs=(*wanted, *carried.programs, *carried.libraries),
        libraries=(),
        build_packages=tuple(dict.fromkeys(_to_build(plan))),
    )


def _to_build(plan: Plan) -> Iterator[str]:
    for service in plan.services:
        for item in service.distributions:
            if isinstance(item.source, UnbuiltSource):
                if " @ " in item.source.requirement:
                    yield "git"
                if any(sentence.startswith(f"{item.name} ") for sentence in service.unfit):
                    yield from packages_to_compile(item.name)


def foreign_copies(carried: Carried) -> Iterator[str]:
    """Notes about what is copied from other images and may be made for another C library."""
    for _, line in carried.copies:
        match = _NATIVE_PLACE.match(line)
        if match is not None:
            yield (
                f"{match['source']} of {match['origin']} runs upon Alpine only if it is linked with musl, or statically"
            )
