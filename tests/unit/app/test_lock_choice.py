from pathlib import Path, PurePosixPath

import pytest

from careen.app.lock_choice import LockChoice, LockKind, lock_choice
from careen.app.locks import lock_of
from careen.python.locked import StaleLockError
from careen.workspace.discover import discover
from careen.workspace.facts import StackFacts, derive
from fakes.sessions import fake_session

COMPOSE = "services:\n  web:\n    build: {context: ., dockerfile: Dockerfile}\n    command: python -m shop\n"
PYPROJECT = '[tool.poetry]\nname = "shop"\nversion = "1"\n[tool.poetry.dependencies]\npython = "^3.11"\n'
POETRY = '[metadata]\nlock-version = "2.1"\npython-versions = "^3.11"\ncontent-hash = "0123"\n'
PIPFILE = '{"_meta": {"hash": {"sha256": "0123"}, "pipfile-spec": 6, "sources": []}, "default": {}}\n'
FILES = {
    "uv.lock": 'version = 1\nrequires-python = ">=3.11"\n',
    "poetry.lock": POETRY,
    "Pipfile.lock": PIPFILE,
    "Pipfile": "[packages]\n",
    "requirements.txt": "click==8.1\n",
    "requirements/web.txt": "click==7.0\n",
    "pylock.toml": 'lock-version = "1.0"\ncreated-by = "uv"\npackages = []\n',
}


def stack(folder: Path, run: str, files: tuple[str, ...], *, project: bool = True) -> StackFacts:
    for name in files:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(FILES[name])
    if project:
        (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "compose.yaml").write_text(COMPOSE)
    (folder / "Dockerfile").write_text(f"FROM python:3.11-slim\nWORKDIR /app\nCOPY . .\nRUN {run}\n")
    return derive(discover(folder))


def chosen(facts: StackFacts) -> LockChoice | None:
    return lock_choice(facts.built[0], facts)


@pytest.mark.parametrize(
    ("run", "kind", "path"),
    [
        ("uv sync --frozen", LockKind.UV, "uv.lock"),
        ("poetry install --only main", LockKind.POETRY, "poetry.lock"),
        ("pipenv install --system --deploy", LockKind.PIPENV, "Pipfile.lock"),
        ("pip install -r requirements.txt", LockKind.REQUIREMENTS, "requirements.txt"),
        ("uv pip install --system -r requirements/web.txt", LockKind.REQUIREMENTS, "requirements/web.txt"),
        ("uv pip install --system -r pylock.toml", LockKind.PYLOCK, "pylock.toml"),
        ("uv pip install --system -r pyproject.toml", LockKind.UV, "uv.lock"),
        ("true", LockKind.UV, "uv.lock"),
    ],
)
def test_the_lock_that_the_image_installs_counts_whatever_else_is_there(
    run: str, kind: LockKind, path: str, tmp_path: Path
) -> None:
    choice = chosen(stack(tmp_path, run, tuple(FILES)))

    assert choice is not None
    assert (choice.kind, choice.paths) == (kind, (PurePosixPath(path),))


def test_files_that_several_steps_install_are_one_list(tmp_path: Path) -> None:
    run = "pip install -r requirements.txt && pip install -r requirements/web.txt gunicorn==23.0"
    choice = chosen(stack(tmp_path, run, ("requirements.txt", "requirements/web.txt"), project=False))

    assert choice is not None
    assert [str(path) for path in choice.paths] == ["requirements.txt", "requirements/web.txt"]
    assert [text for _, _, text in choice.named] == ["gunicorn==23.0"]


def test_what_an_image_installs_by_name_alone_is_a_list_too(tmp_path: Path) -> None:
    choice = chosen(stack(tmp_path, "pip install --no-cache-dir flask==3.0 uv", (), project=False))

    assert choice is not None
    assert choice.named == ((PurePosixPath("Dockerfile"), 4, "flask==3.0"),)


@pytest.mark.parametrize(
    ("run", "name"), [("poetry install", "poetry.lock:4"), ("pipenv install --deploy --system", "Pipfile.lock:1")]
)
def test_a_stale_lock_that_its_tool_would_refuse_is_refused(run: str, name: str, tmp_path: Path) -> None:
    with pytest.raises(StaleLockError, match=f"{name}: the lock is older than what the project asks for, and `"):
        read(tmp_path, stack(tmp_path, run, tuple(FILES)))


@pytest.mark.parametrize(
    ("run", "files"),
    [
        ("pipenv sync --system", ("Pipfile.lock", "Pipfile")),
        ("true", ("poetry.lock",)),
        ("poetry export -o r.txt && pip install -r r.txt", ("poetry.lock",)),
    ],
)
def test_a_stale_lock_that_nothing_checks_is_told(run: str, files: tuple[str, ...], tmp_path: Path) -> None:
    [note] = read(tmp_path, stack(tmp_path, run, files))

    assert note.startswith(f"{files[0]}:")
    assert "is taken as it is" in note


UV_LOCK = """version = 1
requires-python = ">=3.11"

[[package]]
name = "shop"
version = "1"
source = { virtual = "." }

[package.metadata]
requires-dist = [{ name = "click", specifier = ">=8" }]
"""
UV_PROJECT = '[project]\nname = "shop"\nversion = "1"\ndependencies = [\n  "click>=8",\n  "celery",\n]\n'


@pytest.mark.parametrize(("option", "refused"), [("--locked", True), ("--frozen", False)])
def test_a_requirement_that_uvs_lock_was_not_made_for_is_named_with_its_line(
    option: str, refused: bool, tmp_path: Path
) -> None:
    stack(tmp_path, f"uv sync {option}", ())
    (tmp_path / "pyproject.toml").write_text(UV_PROJECT)
    (tmp_path / "uv.lock").write_text(UV_LOCK)
    facts = derive(discover(tmp_path))
    told = "pyproject.toml:6: celery is not what the lock was made for"

    if refused:
        with pytest.raises(StaleLockError, match=told):
            read(tmp_path, facts)
    else:
        [note] = read(tmp_path, facts)
        assert note.startswith(told)


def read(folder: Path, facts: StackFacts) -> tuple[str, ...]:
    choice = chosen(facts)
    assert choice is not None
    session = fake_session(folder, "http://127.0.0.1:9")
    try:
        return lock_of(session, facts.workspace.files, [choice]).notes
    finally:
        session.close()


UNLOCKED = """\
[project]
name = "shop"
version = "1"
dependencies = [
  "fastapi>=0.110",
]
[project.optional-dependencies]
postgres = ["asyncpg"]
docs = ["mkdocs"]
[dependency-groups]
web = ["uvicorn", {include-group = "docs"}]
"""


@pytest.mark.parametrize(
    ("run", "more"),
    [
        ("pip install .", ()),
        ("pip install '.[postgres]'", ("asyncpg",)),
        ("uv sync --extra postgres", ("asyncpg",)),
        ("uv sync --extra=postgres --group web", ("asyncpg", "uvicorn")),
        ("pip install . gunicorn==23.0", ("gunicorn==23.0",)),
    ],
)
def test_a_project_without_a_lock_asks_by_its_own_words(run: str, more: tuple[str, ...], tmp_path: Path) -> None:
    facts = stack(tmp_path, run, (), project=False)
    (tmp_path / "pyproject.toml").write_text(UNLOCKED)
    facts = derive(discover(tmp_path))

    choice = chosen(facts)

    assert choice is not None
    assert choice.kind is LockKind.REQUIREMENTS
    assert [text for _, _, text in choice.named] == ["fastapi>=0.110", *more]
    assert choice.named[0][:2] == (PurePosixPath("pyproject.toml"), 5)
    session = fake_session(tmp_path / "session", "http://index.example")
    read = lock_of(session, facts.workspace.files, [choice])
    assert read.notes == ("pyproject.toml: the project has no lock; `uv lock` makes one that lasts",)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('version = "1"', 'version = "1"\ndynamic = ["dependencies"]'),
        ("[dependency-groups]", '[tool.uv.sources]\nFastAPI = {path = "../fastapi"}\n[dependency-groups]'),
        ('"fastapi>=0.110"', '"???"'),
    ],
)
def test_what_more_than_the_text_decides_is_not_asked_for(before: str, after: str, tmp_path: Path) -> None:
    stack(tmp_path, "pip install .", (), project=False)
    (tmp_path / "pyproject.toml").write_text(UNLOCKED.replace(before, after))

    choice = chosen(derive(discover(tmp_path)))

    assert choice is not None
    assert (choice.kind, choice.paths) == (LockKind.UV, (PurePosixPath("uv.lock"),))


OF_POETRY = """\
[tool.poetry]
name = "demo"

[tool.poetry.dependencies]
python = "^3.11"
FastAPI = {version = "^0.110", extras = ["all"]}
sqlalchemy-utils = "~1.2"
"psycopg" = [{version = "1.*", markers = "sys_platform == 'linux'"}]
asyncpg = {version = "*", optional = true}

[tool.poetry.extras]
postgres = ["asyncpg"]

[tool.poetry.group.web.dependencies]
uvicorn = ">=0.20,<1"

[tool.poetry.group.dev.dependencies]
pytest = "*"
"""


@pytest.mark.parametrize(
    ("run", "more"),
    [
        ("poetry install --only main", ()),
        ("poetry install --with web", ("uvicorn>=0.20,<1",)),
        ("poetry install --extras postgres", ("asyncpg",)),
    ],
)
def test_a_project_of_poetrys_without_a_lock_asks_in_standard_words(
    run: str, more: tuple[str, ...], tmp_path: Path
) -> None:
    stack(tmp_path, run, (), project=False)
    (tmp_path / "pyproject.toml").write_text(OF_POETRY)
    facts = derive(discover(tmp_path))

    choice = chosen(facts)

    assert choice is not None
    assert choice.kind is LockKind.REQUIREMENTS
    assert [text for _, _, text in choice.named] == [
        "fastapi[all]>=0.110,<0.111",
        "sqlalchemy-utils>=1.2,<1.3",
        "psycopg==1.*; sys_platform == 'linux'",
        *more,
    ]
    assert [line for _, line, _ in choice.named[:3]] == [6, 7, 8]
    session = fake_session(tmp_path / "session", "http://index.example")
    read = lock_of(session, facts.workspace.files, [choice])
    assert read.notes == ("pyproject.toml: the project has no lock; `poetry lock` makes one that lasts",)


@pytest.mark.parametrize(
    "line",
    [
        'kombu = "^1 || ^2"',
        'kombu = {path = "../kombu"}',
        'kombu = {version = "*", source = "inner"}',
        'kombu = {git = "https://git.example/kombu.git"}',
    ],
)
def test_what_only_poetry_can_choose_is_not_asked_for(line: str, tmp_path: Path) -> None:
    stack(tmp_path, "poetry install", (), project=False)
    (tmp_path / "pyproject.toml").write_text(OF_POETRY.replace("[tool.poetry.extras]", f"{line}\n[tool.poetry.extras]"))

    choice = chosen(derive(discover(tmp_path)))

    assert choice is not None
    assert (choice.kind, choice.paths) == (LockKind.UV, (PurePosixPath("uv.lock"),))


RENDERED = (
    "--mount=type=bind,source=docker/careen/web.txt,target=/build/requirements.txt "
    "uv pip install --no-deps --require-hashes -r requirements.txt"
)


@pytest.mark.parametrize(
    ("origin", "kind"),
    [
        ("uv.lock", LockKind.UV),
        ("poetry.lock", LockKind.POETRY),
        ("Pipfile.lock", LockKind.PIPENV),
        ("pylock.toml", LockKind.PYLOCK),
        ("requirements/web.txt", LockKind.REQUIREMENTS),
    ],
)
def test_a_list_of_our_own_leads_to_the_lock_it_was_made_of(origin: str, kind: LockKind, tmp_path: Path) -> None:
    """Whatever else lies about: the file that the list is mounted as has a name that others have, too."""
    facts = stack(tmp_path, RENDERED, tuple(FILES))
    put_list(tmp_path, origin)

    choice = chosen(facts)

    assert choice is not None
    assert (choice.kind, choice.paths) == (kind, (PurePosixPath(origin),))


def test_a_list_of_our_own_stands_for_a_lock_that_is_gone(tmp_path: Path) -> None:
    facts = stack(tmp_path, RENDERED, ("requirements.txt",))
    put_list(tmp_path, "requirements/gone.txt")

    choice = chosen(facts)

    assert choice is not None
    assert (choice.kind, choice.paths) == (LockKind.REQUIREMENTS, (PurePosixPath("docker/careen/web.txt"),))


def test_a_list_of_our_own_of_a_project_without_a_lock_leads_to_the_project(tmp_path: Path) -> None:
    stack(tmp_path, RENDERED, (), project=False)
    (tmp_path / "pyproject.toml").write_text(UNLOCKED)
    put_list(tmp_path, "pyproject.toml")

    choice = chosen(derive(discover(tmp_path)))

    assert choice is not None
    assert [text for _, _, text in choice.named] == ["fastapi>=0.110"]


def put_list(folder: Path, origin: str) -> None:
    path = folder / "docker" / "careen" / "web.txt"
    path.parent.mkdir(parents=True)
    path.write_text(f"# What web installs, at the versions and hashes of {origin}; `careen fix` writes it again.\n")
