"""The program ``careen``. Nothing is imported before an interrupt would be told in a word."""

import gc
import sys

from careen.errors import ExitCode

_OBJECTS_BETWEEN_LOOKS = 100_000


def main() -> None:
    # A run makes objects that live to its end; looking through them for cycles at every 700th costs a tenth of it.
    gc.set_threshold(_OBJECTS_BETWEEN_LOOKS)
    try:
        from careen.cli.failures import guarded  # noqa: PLC0415 - a tenth of a second in which a user may change his mind
        from careen.cli.verbs import careen  # noqa: PLC0415
    except KeyboardInterrupt:
        sys.stderr.write("\nerror: interrupted\n")
        sys.exit(ExitCode.INTERRUPTED)
    sys.exit(guarded(careen, sys.argv[1:]))
