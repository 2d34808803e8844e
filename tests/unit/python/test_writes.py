from pathlib import PurePosixPath
from textwrap import dedent

import pytest

from careen.python.writes import Kind, writes_of

PLACE = PurePosixPath("/app/shop/core/files.py")
IMPORTS = """
import os, shutil, tempfile, logging, sqlite3, gzip, zipfile, os.path
from logging.handlers import RotatingFileHandler
from pathlib import Path
from loguru import logger
"""


def folders(text: str, environment: dict[str, str] | None = None) -> list[str | None]:
    found = writes_of(IMPORTS + dedent(text), PLACE, environment or {})
    return [str(write.folder) if write.folder is not None else None for write in found]


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ('open("logs/app.log", "a")', "logs"),
        ('open("app.log", mode="w")', "."),
        ('open(f"logs/{name}.log", "x")', "logs"),
        ('open(f"app_{today}.log", "w")', "."),
        ('gzip.open("out/x.gz", "wb")', "out"),
        ('Path("out/x.txt").open("w")', "out"),
        ('Path("out/x.txt").write_text("x")', "out"),
        ('(Path("out") / name).write_bytes(b"")', "out"),
        ('(Path(__file__).parent / "data" / "x").touch()', "/app/shop/core/data"),
        ('Path(__file__).resolve().parents[2].joinpath("logs").mkdir(exist_ok=True)', "/app/logs"),
        ('os.makedirs(os.path.join(os.path.dirname(__file__), "..", "up"), exist_ok=True)', "/app/shop/up"),
        ('BASE = Path(__file__).parent\nLOGS = BASE / "logs"\nopen(LOGS / "x.log", "w")', "/app/shop/core/logs"),
        (
            'class A:\n def a(self):\n  self.logs = Path("logs")\n def b(self):\n  open(self.logs / "x", "w")',
            "logs",
        ),
        ('shutil.copy(source, "out/x")', "out"),
        ('logging.FileHandler("logs/x.log")', "logs"),
        ('RotatingFileHandler(filename="logs/x.log", maxBytes=1)', "logs"),
        ('logging.basicConfig(level=1, filename="/var/log/shop/x.log")', "/var/log/shop"),
        ('{"class": "logging.handlers.RotatingFileHandler", "filename": "logs/x.log"}', "logs"),
        ('logger.add("logs/x.log")', "logs"),
        ('frame.to_csv("out/x.csv")', "out"),
        ('zipfile.ZipFile("out/x.zip", "w")', "out"),
        ('app.config["UPLOAD_FOLDER"] = "uploads"', "uploads"),
        ('MEDIA_ROOT = Path(__file__).parent / "media"', "/app/shop/core/media"),
        ('create_engine("sqlite:///./shop.db")', "."),
        ('create_engine("sqlite+aiosqlite:////data/shop.db?timeout=3")', "/data"),
        ('sqlite3.connect("data/shop.db")', "data"),
        ('{"ENGINE": "django.db.backends.sqlite3", "NAME": "data/db.sqlite3"}', "data"),
    ],
)
def test_a_place_that_writes_names_its_folder(text: str, folder: str) -> None:
    assert folders(text) == [folder]


@pytest.mark.parametrize(
    "text",
    [
        'def save(path):\n open(path, "w")',
        'open(settings.path, "w")',
        'open(os.path.join(folder, "x"), "w")',
        'name = "a"\nname = "b"\nopen(f"{name}/x", "w")',
        "Path(place).mkdir()",
        'create_engine(f"sqlite:///{place}")',
        'UPLOAD_FOLDER = os.environ["UPLOADS"]',
        "open(path, mode)",
    ],
)
def test_a_path_that_is_made_at_run_time_is_unknown(text: str) -> None:
    assert folders(text) == [None]


@pytest.mark.parametrize(
    "text",
    [
        'open("x")',
        'open("x", "rb")',
        'open(path, encoding="utf-8")',
        'Path("x").open()',
        'Image.open("x.png")',
        'shutil.which("x")',
        "items.copy(1, 2)",
        "logging.basicConfig(level=1)",
        "logger.add(sys.stderr)",
        'create_engine("sqlite://")',
        'create_engine("sqlite:///:memory:")',
        'sqlite3.connect(":memory:")',
        'url.startswith("sqlite:///")',
        "frame.to_csv(buffer)",
        'UPLOAD_FOLDER = ""',
        'open("x", "w',
    ],
)
def test_what_writes_no_file_is_no_place(text: str) -> None:
    assert folders(text) == []


@pytest.mark.parametrize(
    "text",
    [
        'with tempfile.TemporaryDirectory() as folder:\n open(os.path.join(folder, "x"), "w")',
        'folder = Path(tempfile.mkdtemp())\n(folder / "x").write_text("")',
        'open(os.path.join(tempfile.gettempdir(), "x"), "w")',
    ],
)
def test_temporary_files_lie_below_tmp(text: str) -> None:
    assert all(PurePosixPath(folder or "/").is_relative_to("/tmp") for folder in folders(text))


def test_the_environment_of_the_service_decides() -> None:
    text = (
        'open(os.getenv("LOGS", "logs") + "/x", "w")\nDATABASE_URL = os.environ.get("DATABASE_URL", "sqlite:///x.db")'
    )
    assert folders(text) == ["logs", "."]
    assert folders(text, {"LOGS": "/data/logs", "DATABASE_URL": "postgresql://db/shop"}) == ["/data/logs"]
    field = 'class Settings(BaseSettings):\n database_url: str = "sqlite:///x.db"'
    assert folders(field) == ["."]
    assert folders(field, {"DATABASE_URL": "postgresql://db/shop"}) == []


def test_a_place_says_what_it_is_and_where() -> None:
    (made, opened) = writes_of('os.makedirs("logs")\n\nopen("logs/x", "w")\n', PLACE, {})
    assert (made.line, made.what, made.kind) == (1, "makedirs", Kind.FOLDER)
    assert (opened.line, opened.what, opened.kind) == (3, "open", Kind.FILE)
