"""Lets every test import ``fakes``, as mypy does, from wherever pytest is started."""

import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))

# How long an example takes depends on what else the machine does, so no test fails for it.
settings.register_profile("careen", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("careen")
