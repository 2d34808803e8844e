from collections.abc import Mapping
from pathlib import PurePosixPath

import pytest

from careen.python.locked import GitSource, LockedDependency, LockedPackage, UrlSource
from careen.python.metadata_edges import with_edges
from careen.python.requirement_files import RequirementFile, read_requirement_file
from careen.python.requirement_lock import lock_of_requirements, unpinned
from careen.text.problems import SyntaxProblem
from careen.text.source import Source
from careen.workspace.files import UnreadableFileError

FIRST = PurePosixPath("requirements.txt")
HASH = "ab" * 32
COMMIT = "0123456789" * 4


def read(text: str, others: Mapping[str, str] | None = None) -> RequirementFile:
    texts = {"requirements.txt": text, **(others or {})}

    def file(path: PurePosixPath) -> Source:
        if str(path) not in texts:
            raise UnreadableFileError(path, "no such file or directory")
        return Source(path, texts[str(path)])

    return read_requirement_file(FIRST, file, {"TOKEN": "t"})


def test_lines_are_joined_comments_are_not_read_and_hashes_belong_to_their_line() -> None:
    file = read(
        f"# head\ncelery[redis]==5.4.0 ; python_version >= '3.9' \\\n    --hash=sha256:{HASH}  # why\nkombu==5.3\n"
    )

    celery, kombu = file.entries
    assert (celery.line, kombu.line) == (2, 4)
    assert celery.requirement is not None
    assert celery.requirement.extras == ("redis",)
    assert [digest.hex for digest in celery.hashes] == [HASH]
    assert not kombu.hashes


def test_files_are_followed_and_places_are_theirs() -> None:
    file = read("-r sub/base.txt\n", {"sub/base.txt": "\na==1\n-c ../limits.txt\n", "limits.txt": "b<3\n"})

    assert [(str(entry.path), entry.line) for entry in file.entries] == [("sub/base.txt", 2)]
    assert [entry.written for entry in file.constraints] == ["b<3"]


def test_indexes_and_links_are_taken_with_variables_filled_in() -> None:
    file = read(
        "--index-url https://${TOKEN}@index.example/simple\n--extra-index-url=https://more.example\n-f wheels\n"
    )

    assert file.index == "https://t@index.example/simple"
    assert (file.extra_indexes, file.links) == (("https://more.example",), ("wheels",))


@pytest.mark.parametrize(
    ("text", "others", "place"),
    [
        ("-r a.txt\n", {"a.txt": "-r requirements.txt\n"}, "a.txt:1"),
        ("a==1\n-r requirements.txt\n", {}, "requirements.txt:2"),
        ("\n-r gone.txt\n", {}, "requirements.txt:2"),
        ("a==1\n--no-such-option\n", {}, "requirements.txt:2"),
        ("-r https://files.example/r.txt\n", {}, "requirements.txt:1"),
        ("a==1\n!!\n", {}, "requirements.txt:2"),
        ("a==1 ; python_version >=\n", {}, "requirements.txt:1"),
        ("a==1 --hash=sha256:12\n", {}, "requirements.txt:1"),
    ],
)
def test_what_pip_would_refuse_is_told_with_file_and_line(text: str, others: Mapping[str, str], place: str) -> None:
    with pytest.raises(SyntaxProblem) as caught:
        read(text, others)

    assert str(caught.value).startswith(f"{place}: ")


def test_two_versions_under_one_condition_are_refused_where_the_second_stands() -> None:
    with pytest.raises(SyntaxProblem, match=r"requirements\.txt:2: a is asked for as a==2 and as a==1"):
        lock_of_requirements([read("a==1\na==2\n")])


def test_one_file_included_twice_is_no_circle() -> None:
    assert len(read("-r a.txt\n-r a.txt\n", {"a.txt": "a==1\n"}).entries) == 2


@pytest.mark.parametrize(
    ("line", "pinned"),
    [
        ("a==1.0", True),
        ("a===1.0", True),
        ("a==1.*", False),
        ("a>=1", False),
        ("a", False),
        (f"git+https://git.example/a.git@{COMMIT}#egg=a", True),
        ("git+https://git.example/a.git@main#egg=a", False),
        ("a @ https://files.example/a-1.0-py3-none-any.whl", True),
    ],
)
def test_a_line_is_pinned_when_it_names_one_version(line: str, *, pinned: bool) -> None:
    assert bool(unpinned([read(line)])) is not pinned


def test_direct_addresses_become_sources() -> None:
    text = f"git+https://git.example/a.git@{COMMIT}#egg=a\nb @ https://files.example/b-2.0-py3-none-any.whl\n"
    first, second = lock_of_requirements([read(text)]).packages

    assert first.source == GitSource(url=f"https://git.example/a.git#{COMMIT}")
    assert (second.version, second.source) == ("2.0", UrlSource(url="https://files.example/b-2.0-py3-none-any.whl"))


def test_edges_come_from_metadata_and_what_the_list_lacks_is_named() -> None:
    lock = lock_of_requirements([read("a==1\nb==2\n")])

    def requires(package: LockedPackage) -> tuple[str, ...]:
        return ("b>=1", "gone; python_version < '3'") if package.name == "a" else ()

    edged, missing = with_edges(lock, requires)

    assert edged.packages[0].dependencies == (LockedDependency(name=edged.packages[1].name),)
    assert [(item.name, item.marker) for item in missing] == [("gone", "python_version < '3'")]


def test_a_package_of_unknown_needs_gets_what_nothing_else_accounts_for() -> None:
    lock = lock_of_requirements([read("a==1\nb==2\nc==3  # via b\n")])

    edged, _ = with_edges(lock, lambda package: None if package.name == "a" else ())

    assert {edge.name for edge in edged.packages[0].dependencies or ()} == {"b", "c"}
