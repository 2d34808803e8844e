"""New files that git would not see, because the project's own rules ignore them."""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from careen.process.run import run
from careen.rewrite.patchset import FileChange

_PATIENCE_SECONDS = 20
# What a configuration inside of the project could have git start.
_HARMLESS = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")


def ignored_by_git(root: Path, changes: Iterable[FileChange], environment: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each; none where there is no git, or no repository of it (git-check-ignore(1))."""
    new = sorted(change.path for change in changes if change.before is None and change.after is not None)
    git = shutil.which("git", path=environment.get("PATH"))
    if not new or git is None:
        return
    asked = "".join(f"{path}\0" for path in new).encode()
    argv = [git, *_HARMLESS, "check-ignore", "--verbose", "-z", "--stdin"]
    told = run(argv, timeout=_PATIENCE_SECONDS, cwd=root, environment=environment, stdin=asked)
    if told.status != 0:  # 1: none is ignored; 128: no repository
        return
    fields = told.stdout.decode("utf-8", "replace").split("\0")
    for source, line, pattern, path in zip(*[iter(fields)] * 4, strict=False):
        if not pattern.startswith("!"):
            yield f"{path} is new, and git will not see it: {source}:{line} ignores {pattern} (git add --force {path})"
