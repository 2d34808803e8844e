"""Which runner to take."""

from collections.abc import Callable, Mapping

from careen.errors import CareenError, MissingToolError
from careen.prove.runner import Runner
from careen.prove.settings import RunnerName


def choose(wanted: RunnerName | None) -> Runner:
    """The wanted one, or the first that works here, the most telling first. Raises MissingToolError."""
    if wanted is not None:
        return _MAKERS[wanted]()
    reasons = []
    for name in (RunnerName.RUNC, RunnerName.BWRAP):
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


_MAKERS: Mapping[RunnerName, Callable[[], Runner]] = {RunnerName.RUNC: _runc, RunnerName.BWRAP: _bwrap}
