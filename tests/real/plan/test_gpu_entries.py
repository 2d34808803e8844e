"""uv takes the build for the processor from the entries that a plan's notes name, and knows where torch's are."""

import os
import subprocess
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from careen.app.gpu_notes import index_that_uv_knows
from careen.app.uv import uv_program
from careen.plan.gpu import cpu_entries
from fakes.wheels import write_wheel

PROJECT = """\
[project]
name = "desk"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["torch", "uvicorn"]

[[tool.uv.index]]
name = "main"
url = "{main}"
default = true
"""

pytestmark = pytest.mark.real


@pytest.fixture
def uv() -> Path:
    program = uv_program()
    if program is None:
        pytest.skip("uv is not on this machine")
    return program


def index(folder: Path, wheels: Iterable[tuple[str, str, tuple[str, ...]]]) -> str:
    """A simple index in a folder (PEP 503): wheels as name, version and what they require."""
    for name, version, requires in wheels:
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        metadata += "".join(f"Requires-Dist: {other}\n" for other in requires)
        wheel = write_wheel(
            folder / name, name, {f"{name}/__init__.py": b""}, version=version, metadata={"METADATA": metadata.encode()}
        )
        page = f'<!DOCTYPE html><html><body><a href="{wheel.name}">{wheel.name}</a></body></html>'
        (folder / name / "index.html").write_text(page)
    return folder.as_uri()


def locked(uv: Path, folder: Path) -> Mapping[str, str]:
    """Versions by name, of what uv locks for the project in the folder."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
    words: list[str | Path] = [uv, "lock", "--quiet", "--no-cache"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, env=own)
    assert done.returncode == 0, done.stderr
    packages = tomllib.loads((folder / "uv.lock").read_text())["package"]
    return {package["name"]: package["version"] for package in packages}


def test_uv_takes_the_build_for_the_processor_from_there_and_all_else_from_where_it_was(
    uv: Path, tmp_path: Path
) -> None:
    main = index(
        tmp_path / "main",
        [("torch", "2.9.1", ("triton",)), ("triton", "3.5", ()), ("uvicorn", "1.0", ()), ("numpy", "1.0", ())],
    )
    cpu = index(tmp_path / "cpu", [("torch", "2.9.1+cpu", ("numpy",)), ("uvicorn", "9.9", ())])
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(PROJECT.format(main=main))

    assert locked(uv, project) == {"desk": "1.0", "torch": "2.9.1", "triton": "3.5", "uvicorn": "1.0"}

    (project / "pyproject.toml").write_text(f"{PROJECT.format(main=main)}\n{cpu_entries(['torch'], cpu)}")

    assert locked(uv, project) == {"desk": "1.0", "numpy": "1.0", "torch": "2.9.1+cpu", "uvicorn": "1.0"}


def test_uv_tells_where_it_would_look_without_asking_there(uv: Path) -> None:
    address = urlsplit(index_that_uv_knows(dict(os.environ)) or "")

    assert address.scheme == "https"
    assert address.path.endswith("/cpu")


def test_what_a_user_has_set_for_uv_does_not_mislead(uv: Path) -> None:
    told = index_that_uv_knows({**os.environ, "UV_INDEX": "https://index.example/simple", "UV_OFFLINE": "1"})

    assert told == index_that_uv_knows(dict(os.environ))
