import pytest

from careen.plan.python_version import NoPythonError, target_python, version_in_image
from careen.python.names import PythonVersion

ELEVEN, TWELVE, THIRTEEN = PythonVersion(11), PythonVersion(12), PythonVersion(13)


@pytest.mark.parametrize(
    ("reference", "version"),
    [
        ("python:3.11-slim", ELEVEN),
        ("python:3.12.4-bookworm@sha256:00", TWELVE),
        ("ghcr.io/astral-sh/uv:python3.13-bookworm-slim", THIRTEEN),
        ("gcr.io/distroless/python3-debian13:nonroot", THIRTEEN),
        ("gcr.io/distroless/python3-debian12@sha256:00", ELEVEN),
        ("debian:bookworm", None),
        ("python:3", None),
    ],
)
def test_an_images_name_tells_its_python(reference: str, version: PythonVersion | None) -> None:
    assert version_in_image(reference) == version


def test_todays_python_stays_when_there_is_a_base_for_it() -> None:
    assert target_python([ELEVEN], ">=3.10", [ELEVEN, THIRTEEN]) == (ELEVEN, None)
    assert target_python([], ">=3.12", [ELEVEN, THIRTEEN]) == (THIRTEEN, None)


def test_another_python_is_told() -> None:
    version, note = target_python([TWELVE], ">=3.10", [ELEVEN, THIRTEEN])

    assert version == ELEVEN
    assert note is not None
    assert "3.12" in note


def test_a_project_that_no_base_suits_is_refused_with_a_hint() -> None:
    with pytest.raises(NoPythonError, match=r"wants Python ==3\.12\.\*") as caught:
        target_python([TWELVE], "==3.12.*", [ELEVEN, THIRTEEN])

    assert caught.value.hints
