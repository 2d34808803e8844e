"""OpenCV's usual wheels carry Qt and ask for libGL, which nothing in a container shows; the headless ones do not.

Both bring the same ``cv2``, and windows cannot open where there is no display (``cv2.imshow`` fails with either).
"""

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from careen.plan.target import PlannedDistribution, ServicePlan
from careen.python.locked import Lock
from careen.python.names import PackageName
from careen.text.units import format_bytes

HEADLESS = {
    PackageName("opencv-python"): PackageName("opencv-python-headless"),
    PackageName("opencv-contrib-python"): PackageName("opencv-contrib-python-headless"),
}
_DISPLAYS = frozenset({"DISPLAY", "WAYLAND_DISPLAY"})
_DISPLAY_SOCKETS = PurePosixPath("/tmp/.X11-unix")  # noqa: S108 - where X servers listen
_DISPLAY_SERVERS = frozenset({"Xvfb", "xvfb-run", "Xephyr", "vncserver"})
_GRAPHICS_LIBRARY = "libgl1"


def window_notes(services: Iterable[ServicePlan], lock: Lock) -> Iterator[str]:
    """One for each service that carries a window toolkit for a display that it has not."""
    told: set[PackageName] = set()
    for service in services:
        for item in service.distributions:
            if item.name in HEADLESS and not _has_display(service):
                yield _note(service, item, lock, again=item.name in told)
                told.add(item.name)


def _note(service: ServicePlan, item: PlannedDistribution, lock: Lock, *, again: bool) -> str:
    headless = HEADLESS[item.name]
    weight = "" if item.installed_bytes is None else f" ({format_bytes(item.installed_bytes)})"
    graphics = any(package.name == _GRAPHICS_LIBRARY for package in service.system_packages)
    asks = ", and libGL with what it needs from the system" if graphics else ""
    what_to_do = "the same change helps" if again else _change(item.name, headless, lock)
    return (
        f"{service.name} carries {item.name}{weight} with Qt for windows that no container shows{asks}; "
        f"{headless} brings the same modules without: {what_to_do}"
    )


def _change(name: PackageName, headless: PackageName, lock: Lock) -> str:
    """By renaming what the project asks for, where nobody else asks; else uv has to be told to leave the other out."""
    others = any(
        edge.name == name
        for package in lock.packages
        if not package.is_local
        for edges in (package.dependencies or (), *package.extras.values())
        for edge in edges
    )
    if not others:
        return f"depend on {headless} instead, and lock again"
    if lock.path.name != "uv.lock":
        return f"depend on {headless}, and have {name} left out of the lock"
    override = f"[tool.uv]\noverride-dependencies = [\"{name}; sys_platform == 'never'\"]"
    return f"add {headless} to the dependencies in pyproject.toml, write there, and lock again:\n\n{override}"


def _has_display(service: ServicePlan) -> bool:
    names = {name for name, _ in (*service.environment, *service.run_environment)}
    started = {word.rpartition("/")[2] for word in service.entry_point}
    return bool(names & _DISPLAYS or started & _DISPLAY_SERVERS) or _DISPLAY_SOCKETS in service.writable
