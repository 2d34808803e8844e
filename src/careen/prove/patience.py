"""How much longer a busy machine may take: a service is not to blame for what else runs beside its proof."""

import os

_MOST = 4.0


def patience() -> float:
    """A factor for limits that nobody chose, 1 on a machine that is not busy."""
    return factor(os.getloadavg()[0], os.cpu_count() or 1)


def factor(load: float, processors: int) -> float:
    """``load`` is the number of processes that want to run (getloadavg(3)). Bounded, so that every proof ends."""
    return min(_MOST, max(1.0, load / processors))
