"""Programs that emitted Dockerfiles run while they build: complete files, which need nothing of careen.

What they leave out is what the native engine leaves out, by the very same words.
"""

import re
from collections.abc import Iterable
from importlib import resources

from careen.debian.trim import FOR_PEOPLE, LICENCES, cuts_of_the_base
from careen.plan.target import DebianBase, ImageBase

UNPACK = "unpack_debian.py"
TRIM = "trim_environment.py"
UNCOMPILED = "uncompiled.txt"
"""What both read beside themselves, if it is there."""

_LINKER = r"usr/sbin/ldconfig"
"""Asked for what is in its cache by ``ctypes.util.find_library``."""


def trim_program() -> str:
    """With the rules inside."""
    rules = (resources.files("careen.python") / "trim_rules.py").read_text(encoding="utf-8")
    body = rules.partition("\nimport re\n")[2].strip()
    text = _shipped(TRIM).replace("import os\n", "import os\nimport re\n", 1)
    return text.replace("from careen.python.trim_rules import is_trimmed, is_trimmed_data\n", f"{body}\n", 1)


def uncompiled_list(paths: Iterable[str]) -> str:
    head = "# What no service imports gets no bytecode; where that changes, it is compiled when it is imported.\n"
    return head + "".join(f"{path}\n" for path in paths)


def unpack_program(base: DebianBase | ImageBase) -> str:
    """With the lists of what is left out of images upon this base."""
    names = base.unneeded if isinstance(base, DebianBase) else ()
    unneeded = [rf"usr/lib/[^/]+-linux-gnu/({'|'.join(names)})\.so(\..*)?"] if names else []
    lists = {
        "LEFT_OUT": FOR_PEOPLE,
        "LEFT_OUT_OF_IMAGES": (*cuts_of_the_base(base.kept_modules), *unneeded),
        "KEPT": (LICENCES.pattern, _LINKER),
    }
    text = _shipped(UNPACK)
    for name, patterns in lists.items():
        text = text.replace(f"\n{name} = ()\n", f"\n{name} = (\n{_rows(patterns)})\n", 1)
    return text


def _rows(patterns: Iterable[str]) -> str:
    return "".join(f'    r"{pattern}",\n' for pattern in patterns)


def _shipped(name: str) -> str:
    # A folder of data, not a package: these run with an image's Python and never in careen's own process.
    text = (resources.files("careen.rewrite") / "shipped" / name).read_text(encoding="utf-8")
    return re.sub(r"^# ruff: noqa: .*$", "# ruff: noqa", text, count=1, flags=re.MULTILINE)
