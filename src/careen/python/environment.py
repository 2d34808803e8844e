"""Environment markers for the machine an image is for, not the one careen runs on (PEP 508, dependency specifiers)."""

from dataclasses import dataclass
from functools import lru_cache

from careen.platforms import Platform
from careen.python.names import PythonVersion


@dataclass(frozen=True, slots=True)
class TargetEnvironment:
    """CPython on Linux. ``patch`` is the last number of ``python_full_version``."""

    python: PythonVersion
    platform: Platform
    patch: int = 2

    def values(self) -> dict[str, str]:
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
            "extra": "",
        }

    def satisfies(self, marker: str | None) -> bool:
        """True without a marker; a marker that cannot be read holds, so that nothing needed is lost."""
        return marker is None or _evaluate(marker, self)


@lru_cache(maxsize=4096)
def _evaluate(text: str, environment: TargetEnvironment) -> bool:
    from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName  # noqa: PLC0415

    try:
        return Marker(text).evaluate(environment.values())
    except (InvalidMarker, UndefinedEnvironmentName):
        return True
