"""A text that cannot be read as what it claims to be."""

from pathlib import PurePosixPath

from careen.errors import CareenError


class SyntaxProblem(CareenError):  # noqa: N818 - read aloud it is a problem in a file, told as path:line
    """Raised by the readers of careen's languages; ``line`` starts at 1."""

    def __init__(self, path: PurePosixPath, line: int, reason: str, *, hints: tuple[str, ...] = ()) -> None:
        super().__init__(f"{path}:{line}: {reason}", hints=hints)
        self.path = path
        self.line = line
        self.reason = reason
