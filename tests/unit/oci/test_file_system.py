import pytest

from careen.oci.applying import Allowance
from careen.oci.decompress import LayerError
from careen.oci.filesystem import FileSystem
from careen.oci.layer_entries import EntryKind, LayerEntry


def _file(path: str, size: int = 1) -> LayerEntry:
    return LayerEntry(path=path, kind=EntryKind.FILE, mode=0o644, size=size)


def _folder(path: str, mode: int = 0o755) -> LayerEntry:
    return LayerEntry(path=path, kind=EntryKind.DIRECTORY, mode=mode)


def _link(path: str, target: str) -> LayerEntry:
    return LayerEntry(path=path, kind=EntryKind.SYMBOLIC_LINK, mode=0o777, target=target)


def _same(path: str, target: str) -> LayerEntry:
    return LayerEntry(path=path, kind=EntryKind.HARD_LINK, mode=0o644, target=target)


def _of(*layers: list[LayerEntry]) -> FileSystem:
    system = FileSystem()
    for number, layer in enumerate(layers):
        for entry in layer:
            system.apply(entry, number)
    return system


def _paths(system: FileSystem) -> list[str]:
    return [file.path for file in system.files()]


def test_folders_taken_for_granted_are_made() -> None:
    system = FileSystem()
    change = system.apply(_file("usr/lib/x"), 0)
    assert change.made == ("usr", "usr/lib")
    assert [(file.path, file.mode) for file in system.files()] == [
        ("usr", 0o755),
        ("usr/lib", 0o755),
        ("usr/lib/x", 0o644),
    ]


def test_a_whiteout_hides_a_subtree_of_the_layers_below() -> None:
    system = _of([_file("a/b/c"), _file("a/d"), _file("ab")], [_file("a/.wh.b", 0)])
    assert _paths(system) == ["a", "a/d", "ab"]


def test_a_whiteout_hides_nothing_of_its_own_layer_whatever_the_order() -> None:
    for order in ([_file("a/new"), _file("a/.wh..wh..opq")], [_file("a/.wh..wh..opq"), _file("a/new")]):
        assert _paths(_of([_file("a/old"), _file("a/sub/old")], order)) == ["a", "a/new"]


def test_an_opaque_folder_keeps_what_its_layer_put_deep_into_it() -> None:
    system = _of([_file("a/sub/old"), _file("a/old")], [_file("a/sub/new"), _file("a/.wh..wh..opq")])
    assert _paths(system) == ["a", "a/sub", "a/sub/new"]


def test_a_whiteout_of_what_is_not_there_hides_nothing() -> None:
    assert _paths(_of([_file("a")], [_file("b/.wh.c"), _file(".wh.d"), _file(".wh..wh.plnk")])) == ["a", "b"]


def test_a_whiteout_through_a_link_hides_what_the_link_leads_to() -> None:
    system = _of([_file("usr/lib/x"), _link("lib", "usr/lib")], [_file("lib/.wh.x")])
    assert _paths(system) == ["lib", "usr", "usr/lib"]


@pytest.mark.parametrize("name", [".wh.", ".wh..", ".wh..."])
def test_a_whiteout_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(LayerError, match="whiteout of nothing"):
        _of([_file("a")], [_file(name)])


def test_a_folder_that_comes_again_keeps_what_is_in_it() -> None:
    system = _of([_file("a/b")], [_folder("a", 0o700)])
    assert [(file.path, file.mode, file.layer) for file in system.files()] == [("a", 0o700, 1), ("a/b", 0o644, 0)]


def test_a_file_takes_the_place_of_a_folder_and_the_other_way_round() -> None:
    system = FileSystem()
    system.apply(_file("a/b/c"), 0)
    change = system.apply(_file("a"), 1)
    assert change.removed == (("a/b/c", False), ("a/b", True), ("a", True))
    assert _paths(system) == ["a"]
    system.apply(_folder("a"), 2)
    assert [file.kind for file in system.files()] == [EntryKind.DIRECTORY]


def test_a_folder_takes_the_place_of_a_link_to_a_folder() -> None:
    system = _of([_file("real/x"), _link("a", "real")], [_folder("a"), _file("a/y")])
    assert _paths(system) == ["a", "a/y", "real", "real/x"]


@pytest.mark.parametrize(
    ("target", "place"),
    [
        ("usr/lib", "usr/lib/x"),
        ("/usr/lib", "usr/lib/x"),
        ("../../../../usr/lib", "usr/lib/x"),
        ("/", "x"),
        ("..", "x"),
        ("nowhere/yet", "nowhere/yet/x"),
        ("chain", "end/x"),
    ],
)
def test_what_lies_below_a_link_goes_where_it_leads_inside_the_root(target: str, place: str) -> None:
    system = _of([_folder("usr/lib"), _link("chain", "./end/."), _link("lib", target)])
    change = system.apply(_file("lib/x"), 1)
    assert change.placed == place
    assert place in _paths(system)


def test_links_deep_in_the_tree_start_where_they_are() -> None:
    system = _of([_link("usr/lib/up", "../share"), _link("usr/share", "data"), _link("usr/lib/top", "/opt")])
    assert system.apply(_file("usr/lib/up/x"), 0).placed == "usr/data/x"
    assert system.apply(_file("usr/lib/top/y"), 0).placed == "opt/y"


def test_links_in_a_circle_are_refused() -> None:
    with pytest.raises(LayerError, match="links go in a circle"):
        _of([_link("a", "b"), _link("b", "a"), _file("a/x")])


def test_a_file_is_no_folder() -> None:
    with pytest.raises(LayerError, match="as a folder, where there is a file"):
        _of([_file("a")], [_file("a/b")])


def test_names_of_one_file_count_its_bytes_once() -> None:
    system = _of([_file("z", 10), _same("b", "z")], [_same("c", "b")])
    assert [(file.path, file.kind, file.size, file.target, file.layer) for file in system.files()] == [
        ("b", EntryKind.FILE, 10, "", 0),
        ("c", EntryKind.HARD_LINK, 0, "b", 1),
        ("z", EntryKind.HARD_LINK, 0, "b", 0),
    ]


def test_a_hard_link_outlives_the_name_it_was_made_from() -> None:
    system = _of([_file("a", 10), _same("b", "a")], [_file(".wh.a")])
    assert [(file.path, file.kind, file.size) for file in system.files()] == [("b", EntryKind.FILE, 10)]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (_same("x", "missing"), "leads to no file"),
        (_same("x", "folder"), "leads to no file"),
        (_same("folder", "folder/file"), "takes the place of what it links to"),
    ],
)
def test_a_hard_link_to_no_file_is_refused(entry: LayerEntry, reason: str) -> None:
    with pytest.raises(LayerError, match=reason):
        _of([_file("folder/file"), entry])


def test_a_hard_link_to_itself_changes_nothing() -> None:
    system = _of([_file("a", 3)])
    assert system.apply(_same("a", "a"), 0).placed is None
    assert [(file.path, file.size) for file in system.files()] == [("a", 3)]


def test_a_hard_link_to_a_symbolic_link_is_another_name_of_the_link() -> None:
    system = _of([_link("a", "/etc/passwd"), _same("b", "a")])
    assert [(file.path, file.kind, file.target) for file in system.files()] == [
        ("a", EntryKind.SYMBOLIC_LINK, "/etc/passwd"),
        ("b", EntryKind.HARD_LINK, "a"),
    ]


def test_a_path_is_found_with_its_links_followed() -> None:
    system = _of([_file("usr/bin/python3.11", 5), _link("usr/bin/python3", "python3.11"), _link("bin", "usr/bin")])
    found = system.find("/bin/python3")
    assert found is not None
    assert (found.path, found.size) == ("usr/bin/python3.11", 5)
    assert system.find("bin/ruby") is None
    assert system.find("usr/bin/python3/x") is None
    root = system.find("/")
    assert root is not None
    assert root.kind is EntryKind.DIRECTORY


def test_the_roots_own_rights_are_kept() -> None:
    assert _of([_folder("", 0o700)]).root().mode == 0o700


def test_a_path_that_no_system_takes_is_refused() -> None:
    with pytest.raises(LayerError, match="no system takes"):
        _of([_file("a" * 4097)])
    with pytest.raises(LayerError, match="no system takes"):
        _of([_link("a", "b/" * 2100)])


def test_long_names_are_not_piled_up_without_end() -> None:
    allowance = Allowance()
    for _ in range(99):
        allowance.take(4 << 20)
    with pytest.raises(LayerError, match="more names than careen keeps in mind"):
        allowance.take((4 << 20) + 1)
