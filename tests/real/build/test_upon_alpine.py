"""Services with native code upon Alpine's Python, proven to run.

``PYTHON_ALPINE_LAYOUT`` names an OCI layout with one image of a Python that is linked with musl, such as
``skopeo copy docker://python:3.13-alpine oci:alpine`` makes.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from careen.build.sbom import MEDIA_TYPE
from careen.oci.layout import Layout
from real.conftest import run_careen

pytestmark = [pytest.mark.real, pytest.mark.network]

_PROJECT = """\
[project]
name = "shop"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["fastapi>=0.115", "uvicorn>=0.30", "orjson>=3.10", "cryptography>=43"]

[tool.careen]
base = "oci:{layout}"
"""
_MAIN = """\
import ssl

import orjson
from cryptography.fernet import Fernet
from fastapi import FastAPI

app = FastAPI()


@app.get("/health")
def health() -> dict[str, str]:
    token = Fernet(Fernet.generate_key()).encrypt(orjson.dumps({"tls": ssl.OPENSSL_VERSION}))
    return {"status": "ok", "token": token.decode()}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    layout = os.environ.get("PYTHON_ALPINE_LAYOUT", "")
    if not layout or not (Path(layout) / "index.json").is_file():
        pytest.skip("PYTHON_ALPINE_LAYOUT names no layout with a Python upon Alpine")
    if shutil.which("runc") is None or os.geteuid() != 0:
        pytest.skip("runc is not here, or not for this user")
    made = tmp_path / "shop"
    (made / "shop").mkdir(parents=True)
    (made / "pyproject.toml").write_text(_PROJECT.format(layout=Path(layout).resolve()))
    (made / "shop" / "__init__.py").write_text("")
    (made / "shop" / "main.py").write_text(_MAIN)
    (made / "Dockerfile").write_text(
        "FROM python:3.13-alpine\nCOPY . .\nRUN pip install uv && uv sync --frozen\n"
        'CMD ["uvicorn", "shop.main:app", "--host", "0.0.0.0", "--port", "8000"]\n'
    )
    (made / "compose.yaml").write_text("services:\n  api:\n    build: .\n")
    uv = Path(sys.executable).parent / "uv"
    done = subprocess.run([uv, "lock", "--quiet"], cwd=made, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the project cannot be locked: {done.stderr[-400:]}")
    return made


def test_a_service_with_native_wheels_runs_upon_musl(project: Path, tmp_path: Path) -> None:
    layout = tmp_path / "images"
    done = run_careen("prove", project, "--images", layout, "--runner", "runc", "--format", "json", "--quiet")
    assert done.returncode in {0, 1}, done.stderr
    document: Any = json.loads(done.stdout)
    (service,) = document["services"]
    verdicts = {check["check"]: check["verdict"] for check in service["checks"]}
    # The official image has a shell and a package manager, and a proof says so.
    assert {check for check, verdict in verdicts.items() if verdict != "pass"} <= {"no-tools"}
    assert {"starts", "health", "shared-libraries", "bill-of-materials", "request-in-flight"} <= verdicts.keys()

    images = Layout.open(layout)
    bill = images.attachment(next(iter(images.images().values())), MEDIA_TYPE)
    assert bill is not None
    components = json.loads(bill)["components"]
    assert any(str(component.get("purl")).startswith("pkg:apk/alpine/musl@") for component in components)
    wheels = [str(reference["url"]) for item in components for reference in item.get("externalReferences", ())]
    assert any("pydantic_core" in wheel and "musllinux" in wheel for wheel in wheels)
    assert not any("manylinux" in wheel for wheel in wheels)
