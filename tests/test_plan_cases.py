"""Whole plans: every case is a project, the index its lock was made with, and the plan that it must get.

``CAREEN_ACCEPT=1`` writes what careen says now; read the difference before committing it.
"""

import json
import os
from pathlib import Path

import pytest

from careen.app.plan_request import PlanRequest
from careen.app.planning import plan_stack
from careen.platforms import Platform
from careen.report.plan_json import plan_document
from fakes.cases import stand_up
from fakes.index import FakeIndex, serve
from fakes.sessions import fake_session

CASES = Path(__file__).parent / "cases" / "plan"


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_the_plan_is_as_expected(case: str, tmp_path: Path) -> None:
    with serve(FakeIndex()) as index:
        project = stand_up(CASES / case, tmp_path, index)
        session = fake_session(tmp_path, index.address)
        try:
            planned = plan_stack(session, PlanRequest(root=project, platform=Platform.parse("linux/amd64")))
        finally:
            session.close()
    document = plan_document(planned.plan)
    written = json.dumps(document, indent=2, sort_keys=True).replace(index.address, "https://index.example") + "\n"
    expected = CASES / case / "expected.json"
    if os.environ.get("CAREEN_ACCEPT"):
        expected.write_text(written)
    assert json.loads(written) == json.loads(expected.read_text())
