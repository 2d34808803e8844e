"""Where uv is, for what only it can do: building distributions that have no wheel."""

import shutil
import sys
from pathlib import Path


def uv_program() -> Path | None:
    """uv on the path, or the one that was installed beside this interpreter."""
    beside = Path(sys.executable).parent / "uv"
    found = shutil.which("uv")
    return Path(found) if found is not None else beside if beside.is_file() else None
