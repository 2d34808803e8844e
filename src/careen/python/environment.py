"""Environment markers for the machine an image is for, not the one careen runs on."""

from collections.abc import Mapping
from dataclasses import field
from functools import cached_property

from careen.platforms import Platform
from careen.python.markers import NOTHING_ACTIVE, Active, MarkerError, holds, parse_marker
from careen.python.names import PythonVersion
from careen.text.values import dataclass


@dataclass(frozen=True)
class TargetEnvironment:
    """CPython on Linux. ``patch`` is the last number of ``python_full_version``."""

    python: PythonVersion
    platform: Platform
    patch: int = 2
    _known: dict[tuple[str, Active], bool] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def values(self) -> Mapping[str, str]:
        full = f"{self.python}.{self.patch}"
        return {
            "implementation_name": "cpython",
            "implementation_version": full,
            "os_name": "posix",
            "platform_machine": self.platform.architecture.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": full,
            "python_version": str(self.python),
            "sys_platform": "linux",
        }

    def satisfies(self, marker: str | None, active: Active = NOTHING_ACTIVE) -> bool:
        """True without a marker; a marker that cannot be read holds, so that nothing needed is lost."""
        if marker is None:
            return True
        key = (marker, active)
        known = self._known.get(key)
        if known is None:
            try:
                known = holds(parse_marker(marker), self.values, active)
            except MarkerError:
                known = True
            self._known[key] = known
        return known
