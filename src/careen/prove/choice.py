"""Which runner to take."""

import os
from collections.abc import Callable, Mapping
from functools import partial

from careen.errors import CareenError, MissingToolError
from careen.prove.runner import Runner
from careen.prove.settings import RunnerName

_FOR_ROOT = (RunnerName.RUNC, RunnerName.DOCKER, RunnerName.PODMAN, RunnerName.BWRAP)
_FOR_USERS = (RunnerName.BWRAP, RunnerName.RUNC)
"""bwrap first: it gives a service its own user where the caller is lent none."""


def choose(wanted: RunnerName | None) -> Runner:
    """The wanted one, or the first that works here, the most telling first. Raises MissingToolError."""
    if wanted is not None:
        return _MAKERS[wanted]()
    reasons = []
    for name in _FOR_ROOT if os.geteuid() == 0 else _FOR_USERS:
        try:
            return _MAKERS[name]()
        except CareenError as error:
            reasons.append(error.message)
    raise MissingToolError(
        f"nothing on this machine can run containers: {'; '.join(reasons)}",
        hints=("install one: apt-get install runc", "or as a user without root: apt-get install bubblewrap"),
    )


def _runc() -> Runner:
    from careen.prove.runners.runc import RuncRunner  # noqa: PLC0415 - only the chosen one

    return RuncRunner()


def _bwrap() -> Runner:
    from careen.prove.runners.bwrap import BwrapRunner  # noqa: PLC0415 - only the chosen one

    return BwrapRunner()


def _engine(name: RunnerName) -> Runner:
    from careen.prove.runners.engine import EngineRunner  # noqa: PLC0415 - only the chosen one

    return EngineRunner(name)


_MAKERS: Mapping[RunnerName, Callable[[], Runner]] = {
    RunnerName.RUNC: _runc,
    RunnerName.BWRAP: _bwrap,
    RunnerName.DOCKER: partial(_engine, RunnerName.DOCKER),
    RunnerName.PODMAN: partial(_engine, RunnerName.PODMAN),
}
