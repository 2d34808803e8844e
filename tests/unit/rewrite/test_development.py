from pathlib import Path

import pytest

from careen.rewrite.development import DevelopmentError, refuse_development
from careen.workspace.discover import discover
from careen.workspace.facts import derive
from fakes.plans import PlanWords, ServiceWords, plan_for

DOCKERFILE = 'FROM python:3.11\nCOPY . .\nCMD ["uvicorn", "app:app"]\n'


def ask(root: Path, compose: str, override: str | None) -> None:
    for name in ("Dockerfile", "dev.Dockerfile"):
        (root / name).write_text(DOCKERFILE)
    (root / "app.py").write_text("app = 1\n")
    (root / "compose.yaml").write_text(compose)
    if override is not None:
        (root / "compose.override.yaml").write_text(override)
    facts = derive(discover(root))
    refuse_development(plan_for(facts, PlanWords(services={"api": ServiceWords()})), facts)


PRODUCTION = "services:\n  api:\n    build: .\n"
DEVELOPMENT = "services:\n  api:\n    build:\n      context: .\n      dockerfile: dev.Dockerfile\n"


def test_an_override_file_for_developers_is_no_production(tmp_path: Path) -> None:
    with pytest.raises(DevelopmentError, match=r"dev\.Dockerfile, which api is built from") as caught:
        ask(tmp_path, PRODUCTION, DEVELOPMENT)
    assert caught.value.hints == ("name the files of production: -f compose.yaml",)


@pytest.mark.parametrize("override", [None, PRODUCTION])
def test_other_set_ups_are_rewritten(override: str | None, tmp_path: Path) -> None:
    ask(tmp_path, PRODUCTION, override)


def test_where_there_is_nothing_else_the_file_for_development_is_taken(tmp_path: Path) -> None:
    ask(tmp_path, DEVELOPMENT, None)
