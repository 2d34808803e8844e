"""What a proof is told of the set-up."""

from pathlib import Path

from careen.app.proving import given_by
from careen.workspace.discover import discover
from careen.workspace.facts import derive


def test_files_with_variables_that_compose_names_and_nobody_has_are_told(tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    (tmp_path / "Dockerfile").write_text("FROM python:3.11-slim\nCOPY . .\nCMD python main.py\n")
    (tmp_path / "there.env").write_text("A=1\n")
    (tmp_path / "docker" / "compose.yaml").write_text(
        "services:\n  web:\n    build: ..\n    command: python main.py\n    stop_signal: SIGINT\n"
        "    env_file: [../there.env, .env, ../src/.env]\n"
    )
    facts = derive(discover(tmp_path))
    (service,) = facts.built

    given = given_by(service.service.compose, facts.workspace)

    assert given.absent_env_files == ("docker/.env", "src/.env")
    assert given.command == ("python", "main.py")
