"""What files alone tell of a service, before any wheel is asked for."""

from pathlib import Path, PurePosixPath

import pytest

from careen.app.service_reading import ServiceReader
from careen.plan.entry_points import interpret
from careen.python.pyproject import read_pyproject
from careen.python.uvlock import read_uvlock
from careen.text.source import Source
from careen.workspace.configuration import configuration_of
from careen.workspace.discover import discover
from careen.workspace.facts import derive
from careen.workspace.model import PythonProject


def reader(root: Path, command: str, *files: str) -> ServiceReader:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    (root / "Dockerfile").write_text(f"FROM python:3.11\nCOPY . .\nCMD {command}\n")
    facts = derive(discover(root))
    pyproject = read_pyproject(Source(PurePosixPath("pyproject.toml"), '[project]\nname = "shop"\nversion = "1"\n'))
    return ServiceReader(
        files=facts.workspace.files,
        project=PythonProject(folder=PurePosixPath(), pyproject=pyproject, lock_path=None),
        services=facts.built,
        lock=read_uvlock(Source(PurePosixPath("uv.lock"), 'version = 1\nrequires-python = ">=3.11"\n')),
        config=configuration_of(facts.workspace),
        without=(),
        notes=[],
    )


@pytest.mark.parametrize("command", ["fastapi run src/shop", "fastapi run src/shop/__init__.py"])
def test_a_package_is_run_from_the_folder_that_its_path_is_given_from(command: str, tmp_path: Path) -> None:
    read = reader(tmp_path, command, "src/shop/__init__.py", "src/shop/basket.py")
    assert PurePosixPath("src") in read.tree.roots
    assert PurePosixPath("src/shop") not in read.tree.roots
    assert read.home(interpret(command.split(), {})) == PurePosixPath("/app")
