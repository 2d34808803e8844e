"""A program's time limit, whatever it is that is done with the program meanwhile."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from careen.process.run import CommandFailedError


@contextmanager
def within(seconds: float, process: "subprocess.Popen[bytes]", name: str) -> Iterator[None]:
    """Raises CommandFailedError when the program had to be killed because its time was up.

    Whatever else leaves the block by an error kills it, too.
    """
    late = threading.Event()

    def give_up() -> None:
        late.set()
        process.kill()

    watch = threading.Timer(seconds, give_up)
    watch.daemon = True
    watch.start()
    try:
        yield
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        watch.cancel()
    if late.is_set():
        raise CommandFailedError(f"{name} did not finish within {seconds:g} s")
