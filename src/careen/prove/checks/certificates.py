"""Connections over TLS can be trusted: Python finds certificate authorities where the image keeps them."""

import time

from careen.prove.evidence import CheckResult, Evidence, failed, judged
from careen.prove.subjects import RunningSubject

SLUG = "certificates"
_TIMEOUT = 10.0
_QUESTION = "import ssl; print(ssl.create_default_context().cert_store_stats()['x509_ca'])"


def check(subject: RunningSubject) -> CheckResult:
    argv = (str(subject.plan.base.runtime.executable), "-I", "-S", "-c", _QUESTION)
    begun = time.monotonic()
    done = subject.container.execute(argv, _TIMEOUT)
    evidence = Evidence(summary="", command=argv, output=done.tail(), seconds=time.monotonic() - begun)
    if not done.succeeded or not done.stdout.strip().isdigit():
        summary = "Python cannot say which certificate authorities it trusts"
        return failed(SLUG, Evidence(summary=summary, command=argv, output=done.tail(), seconds=evidence.seconds))
    count = int(done.stdout)
    complaints = () if count else ("no certificate authority is found: every TLS connection would fail",)
    told = Evidence(summary=f"{count} authorities", command=argv, output=done.tail(), seconds=evidence.seconds)
    return judged(SLUG, complaints, told)
