"""What the configuration says of services that are not there."""

from pathlib import Path

from careen.workspace.configuration import configuration_of, settings_of_nobody
from careen.workspace.discover import discover


def test_a_service_that_the_stack_has_not_is_told_of_with_the_one_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:3.11-slim\n")
    (tmp_path / "compose.yaml").write_text("services:\n  web: {build: .}\n  worker: {build: .}\n")
    (tmp_path / "careen.toml").write_text('[services.wbe]\nbudget = "1MB"\n[services.worker]\n[services.x]\n')
    workspace = discover(tmp_path)

    told = list(settings_of_nobody(configuration_of(workspace), workspace))

    assert told == [
        "the configuration speaks of a service wbe, which this stack has not: did you mean web?",
        "the configuration speaks of a service x, which this stack has not: there are web, worker",
    ]
