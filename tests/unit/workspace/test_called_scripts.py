"""A RUN does what the repository's scripts do that it calls, and those that they call."""

from pathlib import Path

import pytest

from careen.workspace.discover import discover
from careen.workspace.facts import Memory, derive

SCRIPTS = {
    "bin/one.sh": "#!/bin/sh\nset -e\nsh /opt/scripts/two.sh\n",
    "bin/lib.sh": "add_all() { pip install from-function; }\nTOOL=from-variable\npip install $TOOL\n",
    "scripts/two.sh": "pip install from-two\n/opt/scripts/three.sh\n",
    "scripts/three.sh": "#!/usr/bin/env bash\nset -euo pipefail\npip install from-three\nsh /opt/scripts/two.sh\n",
    "scripts/tool.py": "#!/usr/bin/env python\npip = 'install'\n",
}
COPIES = "WORKDIR /srv\nCOPY bin/one.sh bin/lib.sh ./\nCOPY scripts/ /opt/scripts/\n"


def installed(root: Path, run: str, copies: str = COPIES) -> list[str]:
    for name, text in SCRIPTS.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    (root / "Dockerfile").write_text(f"FROM python:3.11-slim\n{copies}{run}\n")
    (root / "compose.yaml").write_text("services: {a: {build: .}}\n")
    [image] = derive(discover(root), Memory()).images
    [step] = image.runs
    return [package for action in step.installs() for package in action.packages]


@pytest.mark.parametrize(
    ("run", "packages"),
    [
        ("RUN sh ./one.sh", ["from-two", "from-three"]),
        ("RUN bash -c '/opt/scripts/three.sh'", ["from-three", "from-two"]),
        ("RUN . ./lib.sh && add_all", ["from-function", "from-variable"]),
        ("RUN chmod +x one.sh && ./one.sh", ["from-two", "from-three"]),
        ("RUN D=/opt/scripts; bash -e $D/three.sh", ["from-three", "from-two"]),
        ('SHELL ["/bin/bash", "-euo", "pipefail", "-c"]\nRUN /srv/one.sh', ["from-two", "from-three"]),
        ("RUN /opt/scripts/tool.py", []),
        ("RUN /opt/scripts/gone.sh", []),
    ],
    ids=["chain", "bash -c", "sourced", "relative", "variable", "SHELL", "python", "missing"],
)
def test_scripts_are_followed_however_they_are_called(tmp_path: Path, run: str, packages: list[str]) -> None:
    assert installed(tmp_path, run) == packages


def test_scripts_that_a_bind_mount_shows_are_read(tmp_path: Path) -> None:
    run = "RUN --mount=type=bind,source=scripts,target=/opt/scripts /opt/scripts/two.sh"

    assert installed(tmp_path, run, copies="") == ["from-two", "from-three"]


def test_scripts_of_another_image_are_not_those_of_the_repository(tmp_path: Path) -> None:
    assert installed(tmp_path, "RUN /opt/scripts/two.sh", copies="COPY --from=tools scripts/ /opt/scripts/\n") == []
