"""The lists that a recast writes say what each was made from."""

from pathlib import Path

from careen.app.plan_request import PlanRequest
from careen.app.rewrite import propose
from careen.platforms import Platform
from careen.rewrite.options import RewriteOptions
from fakes.cases import stand_up
from fakes.index import FakeIndex, serve
from fakes.sessions import fake_session

CASE = Path(__file__).parents[2] / "cases" / "plan" / "requirements-of-each-service"


def test_each_service_names_the_requirements_that_its_own_image_installs(tmp_path: Path) -> None:
    with serve(FakeIndex()) as index:
        project = stand_up(CASE, tmp_path, index)
        session = fake_session(tmp_path, index.address)
        try:
            request = PlanRequest(root=project, platform=Platform.parse("linux/amd64"))
            patch = propose(session, request, RewriteOptions()).patch
        finally:
            session.close()

    heads = {
        change.path.stem: change.after.partition("\n")[0]
        for change in patch.changes
        if change.after is not None and "hashes of " in change.after.partition("\n")[0]
    }
    assert {name: head.partition("hashes of ")[2].partition(";")[0] for name, head in heads.items()} == {
        "web": "requirements/web.txt",
        "worker": "requirements/worker.txt",
    }
