"""The emitted Dockerfile starts a service as the plan says: the same words, with its own interpreter."""

import shutil
from pathlib import Path, PurePosixPath

from careen.dockerfile.parser import parse
from careen.plan.starting import START_FILE
from careen.rewrite.options import RewriteOptions
from careen.rewrite.stack import rewrite_stack
from careen.text.source import Source
from careen.workspace.discover import discover
from careen.workspace.facts import derive
from fakes.plans import PlanWords, ServiceWords, plan_for

INPUT = Path(__file__).parents[2] / "cases" / "rewrite" / "start-script-with-migrations" / "input"
START = """#!/bin/sh
set -e
./wait-for-it.sh "$DB_HOST:5432"
alembic upgrade head
python -m shop.api.main --once || true
exec uvicorn shop.api.main:app
"""


def test_the_entry_point_is_the_plans_with_every_step(tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(INPUT, project)
    (project / "start.sh").write_text(START)
    facts = derive(discover(project))
    (name,) = (service.name for service in facts.built)
    files = ("src/shop/__init__.py", "src/shop/api/__init__.py", "src/shop/api/main.py")
    plan = plan_for(facts, PlanWords(services={name: ServiceWords(files=files, distributions=("uvicorn",))}))
    (service,) = plan.services

    patch = rewrite_stack(plan, facts, RewriteOptions(accept=True))

    change = patch.change_of(PurePosixPath("Dockerfile"))
    assert change is not None
    assert change.after is not None
    tree = parse(Source(PurePosixPath("Dockerfile"), change.after))
    (entry,) = (each for each in tree.instructions if each.keyword == "ENTRYPOINT")
    interpreter, planned = entry.arguments[0], str(plan.base.runtime.executable)
    assert entry.json_form
    assert tuple(planned if word == interpreter else word for word in entry.arguments) == service.entry_point
    assert entry.arguments[1:5] == (str(START_FILE), "wait-for", "$DB_HOST:5432", "--then")
    assert entry.arguments.count("--then") == 2
    assert entry.arguments.count("--anyway") == 1
    copied = [each.value for each in tree.instructions if each.keyword == "COPY"]
    assert any(START_FILE.name in value and value.endswith(f"{START_FILE.parent}/") for value in copied)
