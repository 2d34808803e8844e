"""The ignore file lets through what is copied, and keeps out the rest."""

from pathlib import PurePosixPath

from careen.ignorefile.patterns import parse_ignorefile
from careen.rewrite.allowlist import AllowListInputs, allow_list
from careen.rewrite.copies import pieces_of
from careen.text.source import Source

PATH = PurePosixPath(".dockerignore")
TREE = tuple(
    PurePosixPath(name)
    for name in [
        "src/a/__init__.py",
        "src/a/x.py",
        "src/a/fixtures/big.json",
        "src/b/__init__.py",
        "notes.md",
        "uv.lock",
        ".env",
    ]
)
NEEDED = tuple(PurePosixPath(name) for name in ("src/a/__init__.py", "src/a/x.py"))


def written(before: str | None = None, extra: tuple[str, ...] = (), tree: tuple[PurePosixPath, ...] = TREE) -> str:
    return allow_list(
        AllowListInputs(
            path=PATH,
            pieces=pieces_of(NEEDED, tree),
            needed=frozenset({*NEEDED, PurePosixPath("uv.lock")}),
            extra=tuple(map(PurePosixPath, extra)),
            tree=tree,
            before=parse_ignorefile(Source(PATH, before)) if before is not None else None,
        )
    )


def test_only_what_is_needed_passes() -> None:
    ignore = parse_ignorefile(Source(PATH, written()))

    assert [str(path) for path in TREE if not ignore.excludes(str(path))] == [
        "src/a/__init__.py",
        "src/a/x.py",
        "uv.lock",
    ]


def test_what_a_kept_stage_copies_passes_without_its_packages() -> None:
    ignore = parse_ignorefile(Source(PATH, written(extra=("web", "web/package.json"))))

    assert not ignore.excludes("web/src/index.js")
    assert ignore.excludes("web/node_modules/x/index.js")


def test_a_pattern_of_the_users_stays_when_it_still_keeps_something_out() -> None:
    tree = (*(path for path in TREE if "fixtures" not in path.parts), PurePosixPath("src/a/secret.py"))

    assert written("*.md\n**/secret.py\n", tree=tree).endswith("# Kept from the file as it was.\n**/secret.py\n")


def test_a_pattern_that_keeps_out_what_is_needed_goes() -> None:
    tree = tuple(path for path in TREE if "fixtures" not in path.parts)

    assert "Kept" not in written("src/a\n", tree=tree)
