from pathlib import Path, PurePosixPath

import pytest

from careen.plan.mounted import host_folders, without_mounted
from careen.plan.target import ApplicationFile
from careen.workspace.discover import discover
from careen.workspace.facts import derive

DOCKERFILE = "FROM python:3.11-slim\nWORKDIR /app\nCOPY shop shop\n{more}CMD uvicorn shop.main:app\n"
COMPOSE = "services:\n  api:\n    build: .\n    volumes:\n      - {mount}\n"


def sources(root: Path, mount: str, more: str = "") -> list[str]:
    """What is left of the files that a plan takes."""
    for path in ("shop/main.py", "data/a.txt", "data/deep/b.txt", "settings.ini"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("")
    (root / "Dockerfile").write_text(DOCKERFILE.format(more=more))
    (root / "compose.yaml").write_text(COMPOSE.format(mount=mount))
    facts = derive(discover(root))
    (service,) = facts.built
    files = [
        ApplicationFile(source=PurePosixPath(path), destination=PurePosixPath("/app") / path, bytes=0)
        for path in ("data/a.txt", "data/deep/b.txt", "settings.ini", "shop/main.py")
    ]
    return [str(file.source) for file in without_mounted(files, PurePosixPath(), service, PurePosixPath())]


def test_data_that_compose_brings_stays_out_of_the_image(tmp_path: Path) -> None:
    assert sources(tmp_path, "./data:/app/data") == ["settings.ini", "shop/main.py"]


@pytest.mark.parametrize(
    ("mount", "more"),
    [
        ("./data:/app/data", "COPY data data\n"),  # today's image holds it, too
        ("./data:/srv/data", ""),  # another place
        ("./other:/app/data", ""),  # other files
        ("data:/app/data", ""),  # a volume
        ("./shop:/app/shop", ""),  # code
        (".:/app", ""),
        ("./settings.ini:/app/settings.ini", ""),  # one file
    ],
)
def test_everything_else_goes_in(mount: str, more: str, tmp_path: Path) -> None:
    assert len(sources(tmp_path, mount, more)) == 4


def folders(root: Path, *mounts: str) -> list[str]:
    (root / "Dockerfile").write_text(DOCKERFILE.format(more=""))
    listed = "".join(f"      - {mount}\n" for mount in mounts)
    (root / "compose.yaml").write_text(f"services:\n  api:\n    build: .\n    volumes:\n{listed}")
    (service,) = derive(discover(root)).built
    assert service.service.compose is not None
    files = [
        ApplicationFile(source=PurePosixPath("shop/main.py"), destination=PurePosixPath("/app/shop/main.py"), bytes=0)
    ]
    found = host_folders(service.service.compose.mounts, files, PurePosixPath(), PurePosixPath())
    return [str(path) for path in found]


def test_folders_of_data_that_the_host_lends_are_known(tmp_path: Path) -> None:
    assert folders(tmp_path, "./logs:/var/log/shop", "/srv/uploads:/app/uploads") == ["/var/log/shop", "/app/uploads"]


@pytest.mark.parametrize(
    "mount",
    [
        "./shop:/app/shop",  # source
        ".:/usr/src/app",  # source, where today's image has it
        "./logs:/var/log/shop:ro",
        "./shop.conf:/srv/shop.conf",
        "/var/run/docker.sock:/var/run/docker.sock",
        "/etc/localtime:/etc/localtime",
        "logs:/var/log/shop",  # a volume
    ],
)
def test_source_single_files_and_the_machines_own_are_no_such_folders(tmp_path: Path, mount: str) -> None:
    assert folders(tmp_path, mount) == []
