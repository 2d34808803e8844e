"""The files of a context by their paths, so that asking what one COPY takes costs nothing."""

import fnmatch
import re
from bisect import bisect_left
from collections.abc import Iterable
from pathlib import PurePosixPath

from careen.ignorefile.context import ContextFile
from careen.workspace.files import normal_path

_WILDCARDS = re.compile(r"[*?\[]")


class SentFiles:
    """What the ignore file lets through."""

    def __init__(self, files: Iterable[ContextFile]) -> None:
        self._files = sorted(files)
        self._paths = [file.path for file in self._files]

    def at(self, source: str) -> tuple[ContextFile, ...]:
        """The file that a source of COPY names, or all below the folder; with Go's wildcards."""
        path = inside_context(source)
        if not path:
            return tuple(self._files)
        if _WILDCARDS.search(path):
            return self._matching(path)
        start = bisect_left(self._paths, path)
        single = self._files[start : start + 1] if self._paths[start : start + 1] == [path] else []
        first, last = bisect_left(self._paths, f"{path}/"), bisect_left(self._paths, f"{path}0")  # "0" follows "/"
        return (*single, *self._files[first:last])

    def _matching(self, path: str) -> tuple[ContextFile, ...]:
        wildcard = _WILDCARDS.search(path)
        prefix = path[: wildcard.start()] if wildcard is not None else path
        expression = fnmatch.translate(path).replace(".*", "[^/]*").removesuffix(r"\Z") + r"(/.*)?\Z"
        pattern = re.compile(expression, re.DOTALL)
        found = []
        for index in range(bisect_left(self._paths, prefix), len(self._paths)):
            if not self._paths[index].startswith(prefix):
                break
            if pattern.match(self._paths[index]) is not None:
                found.append(self._files[index])
        return tuple(found)


def inside_context(source: str) -> str:
    """A source of COPY as a path of the context; the empty text for all of it."""
    path = str(normal_path(PurePosixPath(source.lstrip("/") or ".")))
    return "" if path in {".", "*", "**"} else path
