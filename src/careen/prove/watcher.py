"""``python -m careen.prove.watcher FOLDER``: outlives careen by just as long as cleaning up takes.

Its standard input is a pipe that only careen holds open: when it ends, careen has ended.
"""

import sys
from pathlib import Path

from careen.prove.runs import bury


def main() -> None:
    sys.stdin.buffer.read()
    bury(Path(sys.argv[1]), wait=True)


if __name__ == "__main__":
    main()
