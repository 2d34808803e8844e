"""Files that the user asked for by name: whole, or not there."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from careen.errors import CareenError


class NotWrittenError(CareenError):
    """What was asked for cannot be put where it was asked for."""


def write_file(path: Path, data: bytes) -> None:
    """Replaced when it is whole; folders above it are made. Raises NotWrittenError."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as aside:
            try:
                aside.write(data)
                aside.flush()
                Path(aside.name).chmod(0o644)
                Path(aside.name).replace(path)
            except BaseException:
                Path(aside.name).unlink(missing_ok=True)
                raise


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Failures of the system inside as NotWrittenError about ``path``."""
    try:
        yield
    except OSError as error:
        raise NotWrittenError(
            f"{path} cannot be written: {(error.strerror or type(error).__name__).lower()}",
            hints=("name another place, or make room and ask for the right to write there",),
        ) from error
