from dataclasses import replace
from pathlib import Path

import pytest

from careen.errors import ExitCode
from careen.plan.obstacles import UnsaidWordError, refuse_obstacles
from careen.workspace.discover import discover
from careen.workspace.facts import StackFacts, derive
from careen.workspace.launch import Launch
from fakes.plans import PlanWords, ServiceWords, plan_for

SCRIPT = """#!/bin/sh
set -e
echo starting
exec celery -A shop worker -Q "$QUEUES"
"""
COMPOSE = "services:\n  heavy:\n    build: .\n    command: ./start.sh\n"


def stack(root: Path, compose: str) -> tuple[StackFacts, Launch]:
    (root / "Dockerfile").write_text("FROM python:3.11\nCOPY . .\nCMD uvicorn shop:app\n")
    (root / "start.sh").write_text(SCRIPT)
    (root / "docker-compose.yml").write_text(compose)
    facts = derive(discover(root))
    (service,) = facts.built
    assert service.launch is not None
    return facts, service.launch


def test_a_variable_of_a_start_script_that_nobody_says_is_told_with_its_line(tmp_path: Path) -> None:
    _, launch = stack(tmp_path, COMPOSE)
    assert launch.unknown == {"QUEUES"}
    assert launch.unknown_at is not None
    assert (str(launch.unknown_at[0]), launch.unknown_at[1]) == ("start.sh", 4)


@pytest.mark.parametrize("said", ["environment: {QUEUES: 'heavy,slow'}", "env_file: queues.env"])
def test_what_compose_or_its_env_file_says_is_known(said: str, tmp_path: Path) -> None:
    (tmp_path / "queues.env").write_text("QUEUES=heavy,slow\n")
    _, launch = stack(tmp_path, f"{COMPOSE}    {said}\n")
    assert not launch.unknown
    assert launch.argv[-1] == "heavy,slow"


def test_a_plan_with_an_obstacle_is_refused_with_its_place_and_what_to_do(tmp_path: Path) -> None:
    facts, _ = stack(tmp_path, COMPOSE)
    plan = plan_for(facts, PlanWords(services={"heavy": ServiceWords()}))
    refuse_obstacles(plan)
    (service,) = plan.services
    stopped = replace(service, obstacle="start.sh:4: heavy: nothing here says what QUEUES stands for")
    with pytest.raises(UnsaidWordError) as caught:
        refuse_obstacles(replace(plan, services=(stopped,)))
    assert caught.value.message.startswith("start.sh:4: heavy:")
    assert "[tool.careen.services.heavy]" in caught.value.hints[1]
    assert caught.value.exit_code is ExitCode.USAGE


def test_what_a_script_is_given_is_known(tmp_path: Path) -> None:
    (tmp_path / "enter.sh").write_text('#!/bin/sh\nset -e\nexec "$@"\n')
    _, launch = stack(tmp_path, COMPOSE.replace("./start.sh", "./enter.sh uvicorn shop:app"))
    assert launch.argv == ("uvicorn", "shop:app")
    assert not launch.unknown
