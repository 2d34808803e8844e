"""Packages are copied whole where a service reaches all of one; the rest of the tree stays out."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careen.rewrite.copies import MOST_FOLDERS, Extent, Piece, beyond, covered, fewer, pieces_of

TREE = [
    "src/shop/__init__.py",
    "src/shop/settings.py",
    "src/shop/api/__init__.py",
    "src/shop/api/main.py",
    "src/shop/api/logo.png",
    "src/shop/jobs/__init__.py",
    "src/shop/jobs/app.py",
    "src/shop/jobs/__pycache__/app.cpython-311.pyc",
    "main.py",
    "setup.py",
    "conftest.py",
    "scripts/one.py",
    "scripts/two.py",
    "templates/a.html",
    "templates/b.html",
]


def paths(*names: str) -> list[PurePosixPath]:
    return [PurePosixPath(name) for name in names]


def patterns(*needed: str) -> list[str]:
    return [piece.pattern for piece in pieces_of(paths(*needed), paths(*TREE))]


def test_a_package_that_is_reached_whole_is_one_folder() -> None:
    assert patterns("src/shop/api/__init__.py", "src/shop/api/main.py", "src/shop/api/logo.png") == ["src/shop/api/"]


def test_modules_beside_unreached_packages_come_by_their_suffix() -> None:
    assert patterns("src/shop/__init__.py", "src/shop/jobs/__init__.py", "src/shop/jobs/app.py") == [
        "src/shop/*.py",
        "src/shop/jobs/",
    ]


def test_data_that_is_not_needed_keeps_a_package_from_being_copied_whole() -> None:
    assert patterns("src/shop/api/__init__.py", "src/shop/api/main.py") == ["src/shop/api/*.py"]


def test_files_at_the_root_and_scripts_are_named() -> None:
    assert patterns("main.py", "scripts/one.py", "templates/a.html") == [
        "main.py",
        "scripts/one.py",
        "templates/a.html",
    ]


def test_the_whole_source_folder_when_everything_in_it_is_needed() -> None:
    everything = [name for name in TREE if name.startswith("src/") and "__pycache__" not in name]

    assert patterns(*everything) == ["src/"]


def test_what_comes_along_is_told() -> None:
    needed, tree = paths("src/shop/__init__.py"), paths(*TREE)

    assert beyond(pieces_of(needed, tree), needed, tree) == paths("src/shop/settings.py")


@pytest.mark.parametrize(("name", "pattern"), [("a[1].py", "a[[]1].py"), ("what?.py", "what[?].py")])
def test_names_with_wildcards_mean_themselves(name: str, pattern: str) -> None:
    assert Piece(PurePosixPath(name), Extent.FILE).pattern == pattern


NAMES = st.sampled_from(["a", "b", "__init__"])
FILES = st.builds(
    lambda folders, name, suffix: PurePosixPath(*folders, f"{name}{suffix}"),
    st.lists(st.sampled_from(["x", "y", "tests"]), max_size=3),
    NAMES,
    st.sampled_from([".py", ".txt"]),
)


@given(st.sets(FILES, max_size=12), st.data())
def test_everything_needed_is_covered_and_little_else(tree: set[PurePosixPath], data: st.DataObject) -> None:
    needed = data.draw(st.sets(st.sampled_from(sorted(tree)))) if tree else set()

    pieces = pieces_of(needed, tree)

    assert all(any(piece.covers(path) for piece in pieces) for path in needed)
    reached = {path.parent for path in needed if path.suffix == ".py"}
    for path in beyond(pieces, needed, tree):
        assert path.suffix == ".py"
        assert path.parent in reached


@given(st.sets(FILES, max_size=12), st.data(), st.integers(min_value=1, max_value=4))
def test_fewer_folders_bring_the_same_and_of_what_is_sent_alone(
    tree: set[PurePosixPath], data: st.DataObject, most: int
) -> None:
    needed = data.draw(st.sets(st.sampled_from(sorted(tree)))) if tree else set()
    exact = pieces_of(needed, tree)

    pieces = fewer(exact, covered(exact, tree), most)

    assert set(covered(exact, tree)) <= set(covered(pieces, tree))
    above = {piece.folder.parts[:1] for piece in pieces}
    assert len({piece.folder for piece in pieces}) <= max(most, len(above))
    if len({piece.folder for piece in exact}) <= most:
        assert pieces == exact


def test_the_folder_that_brings_least_is_copied_whole() -> None:
    tree = paths(*(f"{top}/{name}/a.py" for top in "xy" for name in "abc"), "x/much.bin", "x/more.bin")
    mine = pieces_of(paths("x/a/a.py", "x/b/a.py", "y/a/a.py", "y/b/a.py"), tree)

    # Both have a c that another service needs; x has more besides.
    found = fewer(mine, tree, 3)

    assert [piece.pattern for piece in found] == ["x/a/", "x/b/", "y/"]
    assert [piece.pattern for piece in fewer(mine, tree, 2)] == ["x/", "y/"]


def test_an_application_of_many_packages_keeps_below_the_layers_that_an_image_may_have() -> None:
    many = [f"shop/part{number}/{name}" for number in range(200) for name in ("needed.py", "tests/test_it.py")]
    pieces = pieces_of(paths(*many[::2]), paths(*many))
    assert len(pieces) == 200

    assert fewer(pieces, covered(pieces, paths(*many))) == (Piece(PurePosixPath("shop"), Extent.FOLDER),)
    assert MOST_FOLDERS < 64, "half of what an image may have is left for what else a project copies"
