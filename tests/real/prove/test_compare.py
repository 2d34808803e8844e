"""What a service offers is asked of it while it runs, and held against what it offered before."""

import json

import pytest

from careen.prove.comparison import compare
from careen.prove.evidence import ProofReport, Verdict
from careen.prove.originals import Given
from fakes.tiny_images import PYTHON, Tiny, file, stack
from real.prove.conftest import Prove

pytestmark = pytest.mark.real

_SERVED = """\
def app(environ, start_response):
    body = {document!r} if environ["PATH_INFO"] == "/openapi.json" else b"ok"
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


@pytest.fixture
def proof_of(prove: Prove, tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]  # noqa: ANN201
    def run(*paths: str, **changed: object) -> ProofReport:
        given = changed.pop("given", {})
        document = json.dumps({"openapi": "3.1.0", "paths": {path: {} for path in paths}}).encode()
        made = Tiny(files=(file("app/tiny.py", _SERVED.format(document=document)),), **changed)  # type: ignore[arg-type]
        return prove(made=stack(tmp_path_factory.mktemp("compared") / "layout", made), given=given)

    return run


def test_a_lost_path_is_seen_and_an_order_is_not(proof_of) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    before = proof_of("/pages", "/search")
    (same,) = compare(proof_of("/search", "/pages"), before)
    assert same.contract.verdict is Verdict.PASS
    assert {(both.now, both.before) for both in same.checks} <= {(verdict, verdict) for verdict in Verdict}
    (other,) = compare(proof_of("/pages"), before)
    assert other.contract.verdict is Verdict.FAIL
    assert '-  "/search": {}' in other.contract.evidence.output


def test_an_image_that_compose_starts_is_compared_with_one_that_starts_by_itself(proof_of) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    now = proof_of("/pages")
    # As before careen: neither a command nor careen's health check.
    command = (str(PYTHON), "/app/serve.py", "tiny:app", "8000")
    given = {"web": Given(command=command)}
    before = proof_of("/pages", argv=(), without=("/opt/careen",), given=given)
    assert before.services[0].result("starts").evidence.command == command
    assert "health" not in {result.check for result in before.services[0].checks}
    (same,) = compare(now, before)
    assert same.contract.verdict is Verdict.PASS
    # What starts by itself is not told how.
    wrong = {"web": Given(command=("/nowhere",))}
    assert proof_of("/pages", given=wrong).services[0].result("starts").verdict is Verdict.PASS
