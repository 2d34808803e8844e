"""A service without a fault passes every check that applies to it."""

import pytest

from careen.prove.evidence import Verdict
from fakes.tiny_images import Tiny
from real.prove.conftest import Prove

pytestmark = pytest.mark.real


def test_every_check_passes(prove: Prove) -> None:
    report = prove(Tiny(), in_flight=True)
    told = {result.check: (result.verdict, result.evidence.summary) for result in report.service("web").checks}
    # An image that careen did not build has no bill of materials to be held against it.
    expected = {**dict.fromkeys(told, Verdict.PASS), "bill-of-materials": Verdict.SKIPPED}
    assert {check: verdict for check, (verdict, _) in told.items()} == expected, told
    assert {"starts", "health", "health-honest", "request-in-flight", "stops", "modules"} <= told.keys()
    assert report.passed
