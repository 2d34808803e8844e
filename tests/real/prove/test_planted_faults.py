"""Every fault is caught by the check that should catch it: one is planted in a service that has none."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from careen.plan.target import DroppedDistribution, HealthCheck, Limits
from careen.prove.evidence import ServiceProof, Verdict
from careen.python.names import package_name
from fakes.images import Item, folder
from fakes.tiny_images import APPLICATION, PYTHON, SERVER, Tiny, file, program
from real.prove.conftest import Prove

pytestmark = pytest.mark.real

_SERVE = (str(PYTHON), "/app/serve.py", "tiny:app", "8000")
_METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
_GREEDY = "import threading; threading.Timer(1.0, lambda: bytearray(10**9)).start()"
_KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """``made`` gives the service with the fault; ``check`` must fail and say ``says``."""

    check: str
    says: str
    made: Callable[[], Tiny]
    settings: dict[str, Any] | None = None


def application(addition: str) -> Item:
    """The application's module, with code that runs when it is imported."""
    return file("app/tiny.py", f"{addition}\n{APPLICATION}")


def distribution(name: str, version: str) -> Item:
    place = f"usr/local/lib/python3.11/dist-packages/{name}-{version}.dist-info/METADATA"
    return file(place, _METADATA.format(name=name, version=version))


def shell_in_front() -> Tiny:
    command = f"cd /app; {' '.join(_SERVE)}; true"
    return Tiny(files=tuple(program("/bin/dash", "usr/bin/sh")), argv=("/bin/sh", "-c", command))


FAULTS = {
    "a shell is PID 1": Fault(check="process-one", says="is a shell", made=shell_in_front),
    "a shell is in the image": Fault(check="no-tools", says="/usr/bin/sh", made=shell_in_front),
    "a package manager is in the image": Fault(
        check="no-tools",
        says="package manager: /usr/local/bin/pip3.11",
        made=lambda: Tiny(files=(file("usr/local/bin/pip3.11", "#!/usr/bin/python3\n", 0o755),)),
    ),
    "a compiler is in the image": Fault(
        check="no-tools",
        says="compiler: /usr/bin/x86_64-linux-gnu-gcc-12",
        made=lambda: Tiny(files=(file("usr/bin/x86_64-linux-gnu-gcc-12", "", 0o755),)),
    ),
    "root runs it": Fault(check="user", says="runs as root", made=lambda: Tiny(user="")),
    "root by number runs it": Fault(check="user", says="runs as root", made=lambda: Tiny(user="0:0")),
    "the user is a name": Fault(check="user", says="is no number", made=lambda: Tiny(user="app")),
    "a module is missing": Fault(
        check="starts",
        says="it ended",
        made=lambda: Tiny(files=(application("import left_at_home"),)),
    ),
    "a dropped distribution is wanted": Fault(
        check="modules",
        says="humanize was dropped",
        made=lambda: Tiny(
            files=(application("try:\n    import humanize\nexcept ImportError:\n    humanize = None"),),
            plan={
                "dropped": (
                    DroppedDistribution(name=package_name("humanize"), version="4", installed_bytes=1, reason="unused"),
                )
            },
        ),
    ),
    "an unplanned distribution is imported": Fault(
        check="modules",
        says="stowaway, of stowaway, was imported and is not planned",
        made=lambda: Tiny(
            files=(
                application("import stowaway"),
                distribution("stowaway", "1.0"),
                file("usr/local/lib/python3.11/dist-packages/stowaway.py", ""),
                file("usr/local/lib/python3.11/dist-packages/stowaway-1.0.dist-info/RECORD", "stowaway.py,,\n"),
            )
        ),
    ),
    "an unplanned distribution is in the image": Fault(
        check="distributions",
        says="stowaway 1.0 is there and not planned",
        made=lambda: Tiny(files=(distribution("stowaway", "1.0"),)),
    ),
    "a writable root is needed": Fault(
        check="read-only-root",
        says="only when its root is writable",
        made=lambda: Tiny(
            files=(
                application("open('/data/file', 'w').close()"),
                Item("data/", kind=folder("data/").kind, mode=0o755, owner=10001),
            )
        ),
    ),
    "SIGTERM is ignored": Fault(
        check="stops",
        says="had to be killed",
        made=lambda: Tiny(
            files=(file("app/serve.py", SERVER.replace("signal.SIGTERM, lambda", "signal.SIGUSR1, lambda")),)
        ),
        settings={"grace": 1.0},
    ),
    "a request in flight is dropped": Fault(
        check="request-in-flight",
        says="the request in flight was lost",
        made=lambda: Tiny(
            files=(
                file(
                    "app/serve.py",
                    SERVER.replace(
                        "lambda *_: threading.Thread(target=server.shutdown).start()",
                        "lambda *_: __import__('os')._exit(0)",
                    ),
                ),
            )
        ),
        settings={"in_flight": True},
    ),
    "it ends with a failure when it is stopped": Fault(
        check="stops",
        says="ended with status 3",
        made=lambda: Tiny(files=(file("app/serve.py", f"{SERVER}\nsys.exit(3)\n"),)),
    ),
    "health lies": Fault(
        check="health-honest",
        says="passes while every process of the service is stopped",
        made=lambda: Tiny(plan={"health": HealthCheck(argv=(str(PYTHON), "-I", "-S", "-c", "pass"))}),
    ),
    "health flickers": Fault(
        check="health",
        says="it fails with status 1",
        made=lambda: Tiny(
            plan={
                "health": HealthCheck(
                    argv=(
                        str(PYTHON),
                        "-I",
                        "-S",
                        "-c",
                        "import os, sys; there = os.path.exists('/tmp/once'); open('/tmp/once', 'w'); sys.exit(there)",
                    )
                )
            }
        ),
    ),
    "a secret by its name": Fault(
        check="secrets", says="/app/.env is named like a secret", made=lambda: Tiny(files=(file("app/.env", "A=1"),))
    ),
    "a secret by its content": Fault(
        check="secrets", says="holds a private key", made=lambda: Tiny(files=(file("app/notes.txt", _KEY),))
    ),
    "a secret in the environment": Fault(
        check="secrets",
        says="sets DB_PASSWORD",
        made=lambda: Tiny(environment=(*Tiny().environment, ("DB_PASSWORD", "hunter2"))),
    ),
    "a setuid file": Fault(
        check="file-modes", says="/app/tool is setuid", made=lambda: Tiny(files=(file("app/tool", "", 0o4755),))
    ),
    "a file with capabilities": Fault(
        check="file-modes",
        says="/app/tool has capabilities",
        made=lambda: Tiny(
            files=(
                Item(
                    "app/tool",
                    data=b"x",
                    mode=0o755,
                    pax={"SCHILY.xattr.security.capability": "\x01\x00\x00\x02\x00\x20\x00\x00" + "\x00" * 12},
                ),
            )
        ),
    ),
    "a file that everybody may write": Fault(
        check="file-modes",
        says="/app/log is writable by everybody",
        made=lambda: Tiny(files=(file("app/log", "", 0o666),)),
    ),
    "a shared library is missing": Fault(
        check="shared-libraries",
        says="libz.so.1 is missing",
        made=lambda: Tiny(
            files=(Item("usr/lib/x86_64-linux-gnu/.wh.libz.so.1"),),
        ),
    ),
    "memory runs out": Fault(
        check="memory",
        says="the kernel killed",
        made=lambda: Tiny(
            files=(
                file("app/tiny.py", APPLICATION.replace("    start_response", f"    {_GREEDY}\n    start_response", 1)),
            ),
            plan={"limits": Limits(memory_bytes=64_000_000, cpus=1.0)},
        ),
    ),
    "memory runs out in the answer to the third request": Fault(
        check="memory",
        says="the kernel killed",
        made=lambda: Tiny(
            files=(
                file(
                    "app/tiny.py",
                    f"requests = []\n{APPLICATION}".replace(
                        "    start_response",
                        "    requests.append(bytearray(10**9 if len(requests) == 2 else 1))\n    start_response",
                        1,
                    ),
                ),
            ),
            plan={"limits": Limits(memory_bytes=64_000_000, cpus=1.0)},
        ),
    ),
    "memory runs out at the start": Fault(
        check="memory",
        says="the kernel killed",
        made=lambda: Tiny(
            files=(application("bytearray(10**9)"),), plan={"limits": Limits(memory_bytes=64_000_000, cpus=1.0)}
        ),
    ),
    "processes without end": Fault(
        check="number-of-processes",
        says="were refused at the limit of 24",
        made=lambda: Tiny(
            files=(
                application(
                    "import os, time\ntry:\n    for _ in range(200):\n"
                    "        if not os.fork():\n            time.sleep(60)\nexcept OSError:\n    pass"
                ),
            ),
            plan={"limits": Limits(memory_bytes=256_000_000, cpus=1.0, pids=24)},
        ),
    ),
    "the loopback only": Fault(
        check="reachable", says="it listens on its loopback alone", made=lambda: Tiny(argv=(*_SERVE, "127.0.0.1"))
    ),
    "no certificate authorities": Fault(
        check="certificates", says="no certificate authority", made=lambda: Tiny(without=("/etc/ssl/",))
    ),
    "a slow start": Fault(
        check="starts",
        says="not healthy within 2 s",
        made=lambda: Tiny(files=(application("import time; time.sleep(30)"),)),
        settings={"start_timeout": 2.0},
    ),
    "over its budget": Fault(check="size", says="of 1.0 MB", made=lambda: Tiny(plan={"budget_bytes": 1_000_000})),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_check_that_should_catch_it_does(name: str, prove: Prove) -> None:
    fault = FAULTS[name]
    report = prove(fault.made(), **(fault.settings or {}))
    proof = report.service("web")
    result = proof.result(fault.check)
    assert (result.verdict, report.passed) == (Verdict.FAIL, False), told(proof)
    assert fault.says in result.evidence.summary


def told(proof: ServiceProof) -> list[tuple[str, str, str]]:
    return [(result.check, result.verdict, result.evidence.summary) for result in proof.checks]
