from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

import pytest

from careen.plan.application import application, migration_scripts
from careen.python.imports import Sources, SourceTree, Start, reach


def chosen(
    files: Mapping[str, str], *entries: str, roots: Iterable[str] = ("src", ""), data: tuple[str, ...] = ()
) -> set[str]:
    tree = SourceTree(tuple(map(PurePosixPath, roots)), tuple(map(PurePosixPath, files)))
    found = reach(Sources(tree, lambda path: files.get(str(path))), Start(modules=entries))
    own = application(tree, found, dict.fromkeys(tree.files, 1), data)
    return {str(file.source) for file in own.files}


FILES = {
    "src/shelf/__init__.py": "",
    "src/shelf/main.py": 'Jinja2Templates(directory="templates")\nopen("conf/logging.yaml")\nBASE / "static"',
    "src/shelf/unused.py": "",
    "src/shelf/schema.sql": "",
    "src/shelf/py.typed": "",
    "src/other/__init__.py": "",
    "src/other/data.json": "",
    "templates/base.html": "",
    "templates/mail/a.txt": "",
    "static/site.css": "",
    "conf/logging.yaml": "",
    "conf/secret.yaml": "",
    "docs/index.html": "",
    "tests/test_a.py": "",
    "README.md": "",
}


def test_reached_modules_come_with_their_data_and_with_what_they_name() -> None:
    assert chosen(FILES, "shelf.main") == {
        "src/shelf/__init__.py",
        "src/shelf/main.py",
        "src/shelf/schema.sql",
        "src/shelf/py.typed",
        "templates/base.html",
        "templates/mail/a.txt",
        "static/site.css",
        "conf/logging.yaml",
    }


def test_the_users_patterns_add_files() -> None:
    assert "docs/index.html" in chosen(FILES, "shelf.main", data=("docs/**",))


def test_secrets_tests_and_caches_never_come_unasked() -> None:
    files = {
        "app/__init__.py": 'open(".env")\nopen("tests/x.json")',
        "app/__pycache__/a.pyc": "",
        "app/.env": "",
        "app/key.pem": "",
        ".env": "",
        "tests/x.json": "",
    }

    assert chosen(files, "app", roots=("",)) == {"app/__init__.py"}


def test_a_package_called_test_that_is_imported_brings_its_data_and_not_its_own_tests() -> None:
    files = {
        "app/__init__.py": "from app.test import harness",
        "app/test/__init__.py": "",
        "app/test/harness.py": "",
        "app/test/cases.json": "",
        "app/test/tests/x.json": "",
        "app/testing/__init__.py": "",
        "app/testing/y.json": "",
    }

    assert chosen(files, "app", roots=("",)) == {
        "app/__init__.py",
        "app/test/__init__.py",
        "app/test/harness.py",
        "app/test/cases.json",
    }


def test_a_folder_of_code_is_not_data() -> None:
    files = {"app/__init__.py": 'x = Path("jobs")', "jobs/a.py": "", "jobs/readme.txt": ""}

    assert chosen(files, "app", roots=("",)) == {"app/__init__.py"}


def test_migrations_come_where_alembic_is_used() -> None:
    files = {
        "app/__init__.py": "from alembic import command",
        "alembic.ini": "",
        "migrations/env.py": "",
        "migrations/script.py.mako": "",
        "migrations/versions/1.py": "",
    }

    assert chosen(files, "app", roots=("",)) == {*files}


def test_a_script_inside_its_package_does_not_hide_the_folder_that_the_package_is_imported_from() -> None:
    files = {"backend/app/__init__.py": "", "backend/app/wait.py": "from app.db import engine", "backend/app/db.py": ""}
    tree = SourceTree(tuple(map(PurePosixPath, ("backend/app", "backend"))), tuple(map(PurePosixPath, files)))
    start = Start(scripts=[PurePosixPath("backend/app/wait.py")])
    found = reach(Sources(tree, lambda path: files.get(str(path))), start)
    own = application(tree, found, dict.fromkeys(tree.files, 1), ())
    assert PurePosixPath("/app/backend") in own.search_path


@pytest.mark.parametrize("template", ["backend/alembic/script.py.mako", "backend/alembic/README"])
def test_migrations_come_with_the_settings_that_name_them_wherever_they_lie(template: str) -> None:
    files = {
        "backend/alembic.ini": "",
        "backend/alembic/env.py": "from alembic import context\nimport alembic_enums",
        template: "",
        "backend/alembic/versions/0001.py": "",
        "backend/app/__init__.py": "",
        "backend/other/env.py": "",
    }
    scripts = migration_scripts(map(PurePosixPath, files))
    assert list(map(str, scripts)) == ["backend/alembic/env.py", "backend/alembic/versions/0001.py"]
    tree = SourceTree((PurePosixPath("backend"),), tuple(map(PurePosixPath, files)))
    found = reach(Sources(tree, lambda path: files.get(str(path))), Start(modules=["app"], scripts=scripts))
    assert "alembic_enums" in {imported.module for imported in found.external}
    own = application(tree, found, dict.fromkeys(tree.files, 1), ())
    assert {str(file.source) for file in own.files} == set(files) - {"backend/other/env.py"}
