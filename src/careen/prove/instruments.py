"""What a proof adds to containers to see more: an import audit, probe tasks, a door that holds requests.

All of it is mounted and set in the environment, for the proof only; images stay as they are.
"""

import json
import os
import re
import stat
import time
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path, PurePosixPath

from careen.prove.launch import Launch, Mount
from careen.prove.originals import ends_in_worker

PLACE = PurePosixPath("/run/careen-proof")
PROBE = "careen_probe"
_LIBRARY, _MARKS, _MAILBOX, _IMPORTS = (PLACE / name for name in ("library", "marks", "mailbox", "imports"))
_APPLICATION = re.compile(r"(?:^|(?<=\s))(?!(?:python|file|egg):)[A-Za-z_][\w.]*:[A-Za-z_][\w.]*(?:\(\))?(?=\s|$)")
_LARGEST_MARK = 1 << 20
_LONGEST_PAUSE = 0.02


class Instruments:
    """The folders of one proof that containers see. Every user may write there, so nothing in them is trusted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        self._library = folder / "library"
        self._library.mkdir(mode=0o755)
        shipped = resources.files("careen.prove") / "injected"
        for name in ("sitecustomize.py", f"{PROBE}.py", "careen_sender.py", "careen_held.py"):
            (self._library / name).write_bytes((shipped / name).read_bytes())
        self.marks = _open_to_all(folder / "marks")
        self.mailbox = _open_to_all(folder / "mailbox")

    def imports(self, service: str) -> Path:
        """The folder of a service's import audit."""
        path = self._folder / f"imports-{service}"
        return path if path.is_dir() else _open_to_all(path)

    def audited(self, launch: Launch) -> Launch:
        """With the import audit; the arguments are as shipped."""
        mount = Mount(self.imports(launch.name), _IMPORTS, writable=True)
        return self._with(launch, {"CAREEN_PROOF_IMPORTS": str(_IMPORTS)}, mount)

    def probed(self, launch: Launch, *, held_until: str | None = None, visibility: float | None = None) -> Launch:
        """A Celery worker that also knows the probe tasks; it begins to work when the mark ``held_until`` is there.

        ``visibility`` seconds after a worker's death Redis hands on what that had begun.
        """
        argv = with_include(launch.argv, PROBE)
        mount = Mount(self.marks, _MARKS, writable=True)
        variables = {"CAREEN_PROOF_MARKS": str(_MARKS), "CAREEN_PROOF_SERVICE": launch.name}
        if visibility is not None:
            variables["CAREEN_PROOF_VISIBILITY"] = f"{visibility:g}"
        if held_until is not None:
            variables["CAREEN_PROOF_HELD_UNTIL"] = held_until
        return self._with(replace(launch, argv=argv), variables, mount)

    def held(self, launch: Launch) -> Launch | None:
        """A web server whose application is behind the holding door; None when the arguments name no application."""
        argv = list(launch.argv)
        for index, word in enumerate(argv):
            # It may stand in a shell's text, too.
            found = _APPLICATION.search(word) if index else None
            if found is not None:
                held = f"careen_held:{'factory' if '--factory' in ' '.join(argv).split() else 'app'}"
                argv[index] = word[: found.start()] + held + word[found.end() :]
                variables = {"CAREEN_PROOF_MARKS": str(_MARKS), "CAREEN_PROOF_APPLICATION": found[0]}
                mount = Mount(self.marks, _MARKS, writable=True)
                return self._with(replace(launch, argv=tuple(argv)), variables, mount)
        return None

    def sender(self, launch: Launch, name: str, python: PurePosixPath) -> Launch:
        """A container of a worker's image that sends tasks; see ``careen_sender.py``."""
        argv = (str(python), str(_LIBRARY / "careen_sender.py"))
        mount = Mount(self.mailbox, _MAILBOX, writable=True)
        return self._with(replace(launch, name=name, argv=argv), {"CAREEN_PROOF_MAILBOX": str(_MAILBOX)}, mount)

    def mark(self, name: str) -> str | None:
        """The text of a mark, None while it is not there."""
        return read_untrusted(self.marks / name)

    def put_mark(self, name: str) -> None:
        (self.marks / name).touch()

    def wait_for_mark(self, name: str, timeout: float) -> bool:
        give_up = time.monotonic() + timeout
        while (found := self.mark(name)) is None and time.monotonic() < give_up:
            time.sleep(_LONGEST_PAUSE)
        return found is not None

    def _with(self, launch: Launch, variables: Mapping[str, str], mount: Mount) -> Launch:
        environment = {**dict(launch.environment), **variables}
        path = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = f"{_LIBRARY}:{path}" if path else str(_LIBRARY)
        library = Mount(self._library, _LIBRARY)
        mounts = tuple(dict.fromkeys((*launch.mounts, library, mount)))
        return replace(launch, environment=tuple(sorted(environment.items())), mounts=mounts)


def with_include(argv: tuple[str, ...], module: str) -> tuple[str, ...]:
    """A Celery worker's arguments with one more module to import. Of an option given twice Celery takes the last."""
    words = list(argv)
    if "worker" not in words and ends_in_worker(words[-1] if words else ""):
        return (*words[:-1], f"{words[-1]} --include {module}")
    begin = words.index("worker") + 1 if "worker" in words else len(words)
    for index in reversed(range(begin, len(words))):
        name, equals, value = words[index].partition("=")
        if name in {"-I", "--include"}:
            if equals:
                words[index] = f"{name}={value},{module}"
            elif index + 1 < len(words):
                words[index + 1] += f",{module}"
            return tuple(words)
    return (*words, "--include", module)


def read_untrusted(path: Path, limit: int = _LARGEST_MARK) -> str | None:
    """The beginning of a regular file that a container may have written, no link followed; None when it is none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        return None
    with open(handle, "rb") as stream:  # noqa: PTH123 - opened above, without following a link
        return stream.read(limit).decode("utf-8", "replace")


def read_untrusted_object(path: Path) -> Mapping[str, object] | None:
    """A JSON object from such a file; None when it is not there or something else."""
    text = read_untrusted(path)
    try:
        document = json.loads(text) if text is not None else None
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _open_to_all(folder: Path) -> Path:
    """For whichever user a container runs as."""
    folder.mkdir()
    folder.chmod(0o1777)
    return folder
