"""What files alone tell of a service, before any wheel is asked for."""

from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from careen.app.service_reading import ReadService, ServiceReader
from careen.plan.entry_points import interpret
from careen.python.pyproject import read_pyproject
from careen.python.uvlock import read_uvlock
from careen.text.source import Source
from careen.workspace.configuration import configuration_of
from careen.workspace.discover import discover
from careen.workspace.facts import derive
from careen.workspace.model import PythonProject
from fakes.locks import package, project, view


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


def read_one(found: ServiceReader) -> ReadService | None:
    requires = ("alembic", "alembic-enums", "uvicorn", "celery")
    locked = view("".join((project(requires=requires), *(package(name, "1.0") for name in requires))), {})
    (service,) = found.services
    return found.read(service, locked, {})


def test_a_variable_that_nobody_says_is_noted_with_its_line_and_kept_as_the_obstacle(tmp_path: Path) -> None:
    found = reader(tmp_path, "celery -A shop worker -Q $QUEUES", "shop/__init__.py")
    read = read_one(found)
    assert read is not None
    assert read.entry.obstacle is not None
    assert read.entry.obstacle.startswith("Dockerfile:3: ")
    assert "QUEUES" in read.entry.obstacle
    assert read.entry.obstacle in found.notes
    assert {kept.package.name for kept in read.partition.kept} == {"celery"}


def test_a_command_that_names_no_module_is_noted_with_its_line_and_the_service_left_out(tmp_path: Path) -> None:
    found = reader(tmp_path, "./serve-it", "shop/__init__.py")
    assert read_one(found) is None
    assert [note.partition(" ")[0] for note in found.notes] == ["Dockerfile:3:"]


def test_a_module_with_a_syntax_error_is_named_and_what_its_lines_import_is_kept(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("import celery\ndef broken(:\n")
    found = reader(tmp_path, "uvicorn shop:app")
    read = read_one(found)
    assert read is not None
    assert any(note.startswith("shop.py:2") for note in found.notes)
    assert {kept.package.name for kept in read.partition.kept} == {"celery", "uvicorn"}


def test_a_service_that_migrates_first_needs_what_its_migrations_import(tmp_path: Path) -> None:
    (tmp_path / "alembic/versions").mkdir(parents=True)
    (tmp_path / "alembic/env.py").write_text("from alembic import context\n")
    (tmp_path / "alembic/versions/0001.py").write_text("import alembic_enums\n")
    found = reader(tmp_path, 'sh -c "alembic upgrade head && exec uvicorn shop:app"', "shop.py", "alembic.ini")
    read = read_one(found)
    assert read is not None
    assert {kept.package.name for kept in read.partition.kept} == {"alembic", "alembic-enums", "uvicorn"}


def test_a_program_that_an_earlier_rendering_copied_by_its_name_stays(tmp_path: Path) -> None:
    """A start script ran it, and is gone; a step of its own may run it now. What is merely imported is let go."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "ping.py").write_text("import celery\n\nwhile not celery:\n    pass\n")
    (tmp_path / "settled.py").write_text("import alembic\n")
    (tmp_path / "docker" / "careen").mkdir(parents=True)
    (tmp_path / "docker" / "careen" / "health.py").write_text("import alembic\nprint(alembic)\n")
    found = reader(tmp_path, "uvicorn shop:app")
    dockerfile = "FROM python:3.11\nCOPY ping.py settled.py /app/\nCOPY shop/ /app/shop/\n"
    dockerfile += "COPY docker/careen/health.py /opt/careen/\nCMD uvicorn shop:app\n"

    def kept(text: str) -> set[str]:
        (tmp_path / "Dockerfile").write_text(text)
        facts = derive(discover(tmp_path))
        read = read_one(replace(found, files=facts.workspace.files, services=facts.built))
        assert read is not None
        return {each.package.name for each in read.partition.kept}

    assert kept(dockerfile) == {"uvicorn"}
    assert kept(f"# Rendered by careen\n{dockerfile}") == {"uvicorn", "celery"}
