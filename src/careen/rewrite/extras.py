"""Files that a team may ask for besides the set-up: a bake file for all targets, a workflow that builds and gates."""

import json
import os.path
from collections.abc import Mapping
from pathlib import PurePosixPath

from careen.findings import FixKind
from careen.plan.target import Plan
from careen.rewrite.patchset import FileChange

BAKE_NAME = "docker-bake.json"
WORKFLOW_PATH = PurePosixPath(".github", "workflows", "images.yaml")


def bake_file(plan: Plan, dockerfile: PurePosixPath, targets: Mapping[str, str]) -> str:
    """All targets in one ``docker buildx bake`` (bake file reference; JSON is one of its two forms)."""
    relative = os.path.relpath(dockerfile, plan.root)
    document = {
        "group": {"default": {"targets": list(targets.values())}},
        "target": {
            target: {
                "context": ".",
                "dockerfile": relative,
                "target": target,
                "tags": [plan.service(service).image],
            }
            for service, target in targets.items()
        },
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def workflow(root: PurePosixPath) -> str:
    """Judges the set-up, checks that it is what the plan says, then builds and proves; nothing is pushed."""
    folder = str(root)
    return f"""\
# Written by careen: the images stay what they are, or the pull request says why not.
name: images
on:
  pull_request:
  push:
    branches: [main]
permissions:
  contents: read
jobs:
  images:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - run: pip install careen
      - run: careen scan {folder} --format github
      - run: careen fix {folder} --check
      - run: careen build {folder} --output images
      - run: sudo apt-get update && sudo apt-get install -y runc redis-server
      - run: sudo "$(command -v careen)" prove {folder}
"""


def extra_changes(changes: Mapping[PurePosixPath, str], before: Mapping[PurePosixPath, str | None]) -> list[FileChange]:
    return [
        FileChange(
            path=path,
            before=before[path],
            after=text,
            disposition=FixKind.SAFE if before[path] is None else FixKind.REVIEW,
            why=("asked for",),
        )
        for path, text in changes.items()
    ]
