import tomllib
from dataclasses import replace

import pytest

from careen.plan.window_toolkits import window_notes
from fakes.locks import package, project, uvlock
from fakes.plans import distribution
from fakes.plans import package as system_package
from fakes.stacks import service

REQUIRED = project(requires=["ocr"]) + package("ocr", requires=["opencv-python"]) + package("opencv-python")
DECLARED = project(requires=["opencv-python"]) + package("opencv-python")


def test_what_others_require_is_left_out_by_an_override_that_uv_understands() -> None:
    heavy = replace(service("heavy", (distribution("opencv-python"),)), system_packages=(system_package("libgl1"),))

    (note,) = window_notes([heavy, service("api", (distribution("fastapi"),))], uvlock(REQUIRED))

    assert note.startswith("heavy carries opencv-python (1.00 kB) with Qt")
    assert "libGL" in note
    assert "add opencv-python-headless to the dependencies" in note
    entries = tomllib.loads(note.partition("\n\n")[2])
    assert entries["tool"]["uv"]["override-dependencies"] == ["opencv-python; sys_platform == 'never'"]


def test_what_the_project_alone_asks_for_is_renamed_and_said_at_length_once() -> None:
    services = [service(name, (distribution("opencv-python"),)) for name in ("a", "b")]

    first, second = window_notes(services, uvlock(DECLARED))

    assert first.endswith("depend on opencv-python-headless instead, and lock again")
    assert second.endswith("the same change helps")


@pytest.mark.parametrize(
    "shown",
    [
        {"environment": (("DISPLAY", ":0"),)},
        {"run_environment": (("DISPLAY", ":0"),)},
        {"entry_point": ("/usr/bin/xvfb-run", "python")},
    ],
)
def test_a_service_with_a_display_keeps_its_windows(shown: dict[str, tuple[object, ...]]) -> None:
    seen = replace(service("a", (distribution("opencv-python"),)), **shown)  # type: ignore[arg-type]

    assert list(window_notes([seen], uvlock(DECLARED))) == []


def test_the_headless_one_is_no_news() -> None:
    assert list(window_notes([service("a", (distribution("opencv-python-headless"),))], uvlock(DECLARED))) == []
