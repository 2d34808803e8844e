"""A bake file and a workflow, for those who ask."""

import json
from pathlib import Path, PurePosixPath

from ruamel.yaml import YAML

from careen.rewrite.extras import WORKFLOW_PATH
from careen.rewrite.options import RewriteOptions
from careen.rewrite.patchset import PatchSet
from careen.rewrite.stack import rewrite_stack
from careen.workspace.discover import discover
from careen.workspace.facts import derive
from fakes.plans import PlanWords, ServiceWords, plan_for


def rewritten(folder: Path, options: RewriteOptions) -> PatchSet:
    (folder / "Dockerfile").write_text('FROM python:3.11\nWORKDIR /app\nCOPY . .\nCMD ["uvicorn", "app:app"]\n')
    (folder / "app.py").write_text("app = 1\n")
    (folder / "pyproject.toml").write_text('[project]\nname = "shop"\nversion = "1"\n')
    (folder / "compose.yaml").write_text("services:\n  api:\n    build: .\n")
    facts = derive(discover(folder))
    return rewrite_stack(plan_for(facts, PlanWords(services={"api": ServiceWords()})), facts, options)


def test_every_target_is_baked_under_its_image_name(tmp_path: Path) -> None:
    change = rewritten(tmp_path, RewriteOptions(bake=True)).change_of(PurePosixPath("docker-bake.json"))

    assert change is not None
    assert change.after is not None
    assert json.loads(change.after) == {
        "group": {"default": {"targets": ["api"]}},
        "target": {"api": {"context": ".", "dockerfile": "Dockerfile", "target": "api", "tags": ["stack_api"]}},
    }


def test_the_workflow_is_one(tmp_path: Path) -> None:
    change = rewritten(tmp_path, RewriteOptions(workflow=True)).change_of(WORKFLOW_PATH)

    assert change is not None
    document = YAML(typ="safe").load(change.after)
    commands = [step["run"] for step in document["jobs"]["images"]["steps"] if "run" in step]
    assert "careen fix . --check" in commands


def test_nobody_gets_them_unasked(tmp_path: Path) -> None:
    paths = {change.path.name for change in rewritten(tmp_path, RewriteOptions()).changes}

    assert not paths & {"docker-bake.json", "images.yaml"}


def test_a_debug_target_has_a_shell_and_the_same_files(tmp_path: Path) -> None:
    change = rewritten(tmp_path, RewriteOptions(debug_targets=True)).change_of(PurePosixPath("Dockerfile"))

    assert change is not None
    assert change.after is not None
    assert "AS api-debug\nCOPY --from=api / /\n" in change.after
    assert change.after.rstrip().endswith('ENTRYPOINT ["/bin/sh"]')
