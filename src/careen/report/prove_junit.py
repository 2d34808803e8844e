"""A proof as JUnit's XML, which CI servers draw: a suite a service, a case a check.

<testsuites name="careen prove" tests="2" failures="1" skipped="0">
  <testsuite name="api" tests="2" failures="1" skipped="0">
    <testcase classname="api" name="starts" time="0.900"><system-out>healthy after 0.9 s</system-out></testcase>
    <testcase classname="api" name="stops"><failure message="it still ran ...">$ signal SIGTERM ...</failure></testcase>
  </testsuite>
</testsuites>
"""

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from careen.prove.evidence import CheckResult, Evidence, ProofReport, Verdict

_STACK = "stack"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 (section 2.2) cannot hold, not even escaped."""


def prove_junit(report: ProofReport, *, reproducible: bool = False) -> str:
    """``reproducible`` leaves times and what was measured out."""
    root = ET.Element("testsuites", {"name": "careen prove"})
    suites = [(service.name, service.checks) for service in report.services]
    suites += [(_STACK, report.stack)] if report.stack else []
    for name, results in suites:
        suite = ET.SubElement(root, "testsuite", {"name": _text(name), **_counts(results)})
        for result in results:
            _case(suite, name, result, reproducible=reproducible)
    root.attrib.update(_counts([result for _, results in suites for result in results]))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ET.Element, service: str, result: CheckResult, *, reproducible: bool) -> None:
    evidence = result.evidence
    case = ET.SubElement(suite, "testcase", {"classname": _text(service), "name": _text(result.check)})
    if evidence.seconds is not None and not reproducible:
        case.set("time", f"{evidence.seconds:.3f}")
    if result.verdict is Verdict.FAIL:
        message = {} if reproducible else {"message": _text(evidence.summary)}
        ET.SubElement(case, "failure", message).text = "" if reproducible else _told(evidence)
    elif result.verdict is Verdict.SKIPPED:
        ET.SubElement(case, "skipped", {"message": _text(evidence.summary)})
    elif not reproducible:
        ET.SubElement(case, "system-out").text = _told(evidence)


def _told(evidence: Evidence) -> str:
    lines = [evidence.summary, *(f"hint: {hint}" for hint in evidence.hints)]
    lines += [f"$ {' '.join(evidence.command)}" if evidence.command else "", evidence.output]
    return _text("\n".join(line for line in lines if line))


def _text(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)


def _counts(results: Sequence[CheckResult]) -> dict[str, str]:
    verdicts = [result.verdict for result in results]
    return {
        "tests": str(len(verdicts)),
        "failures": str(verdicts.count(Verdict.FAIL)),
        "skipped": str(verdicts.count(Verdict.SKIPPED)),
    }
