from careen.build.unimported import unimported

LARGE = 20_000


def test_folders_without_an_import_are_named_as_wholes_and_as_high_as_can_be() -> None:
    sizes = {"numpy/core.py": LARGE, "numpy/ma/core.py": 10, "numpy/ma/tests/x.py": 10, "six/a.py": 1}

    assert unimported(sizes, {"numpy/core.py"}) == ("numpy/ma/", "six/")


def test_beside_imported_modules_only_large_ones_are_named() -> None:
    sizes = {"demo/__init__.py": 1, "demo/large.py": LARGE, "demo/small.py": 100, "top.py": LARGE, "tiny.py": 1}

    assert unimported(sizes, {"demo/__init__.py"}) == ("demo/large.py", "top.py")


def test_where_nothing_is_imported_there_is_no_folder_above_all() -> None:
    assert unimported({"demo/a.py": 1, "top.py": LARGE}, ()) == ("demo/", "top.py")
