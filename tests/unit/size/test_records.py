"""Lines of package managers' records become paths below the root."""

import pytest

from careen.size.records import Claim, RecordError, claims, debian_versions, is_record


def claimed(path: str, text: str, **versions: str) -> list[tuple[str, list[str]]]:
    return [_shown(claim) for claim in claims(path, text.encode(), versions)]


def _shown(claim: Claim) -> tuple[str, list[str]]:
    return f"{claim.package.ecosystem}:{claim.package}", list(claim.paths)


@pytest.mark.parametrize(
    ("row", "place"),
    [
        ("six.py,sha256=x,1", ["v/lib/site-packages/six.py"]),
        ('"a,b.py",,', ["v/lib/site-packages/a,b.py"]),
        ("../../bin/six,,", ["v/bin/six"]),
        ("/opt/data/six.txt,,", ["opt/data/six.txt"]),
        ("../../../../../out,,", []),
        ("..,,", ["v/lib"]),
        ("", []),
    ],
)
def test_rows_of_a_wheel(row: str, place: list[str]) -> None:
    assert claimed("v/lib/site-packages/Six_X-1.0+l.dist-info/RECORD", row) == [("python:six-x 1.0+l", place)]


def test_egg_info_of_setuptools() -> None:
    path = "lib/site-packages/Old-1.2-py3.11.egg-info/installed-files.txt"

    assert claimed(path, "../old.py\nPKG-INFO\n") == [
        ("python:old 1.2", ["lib/site-packages/old.py", "lib/site-packages/Old-1.2-py3.11.egg-info/PKG-INFO"])
    ]


def test_dpkg_lists_with_and_without_architecture() -> None:
    assert claimed("var/lib/dpkg/info/libc6:amd64.list", "/.\n/lib/x.so\n", libc6="2") == [
        ("debian:libc6 2", ["lib/x.so"])
    ]
    assert claimed("var/lib/dpkg/info/bash.list", "/bin/bash\n") == [("debian:bash", ["bin/bash"])]


def test_apk_without_a_blank_line_at_its_end() -> None:
    assert claimed("usr/lib/apk/db/installed", "P:a\nV:1\nR:top\nF:bin\nR:x\nR:y") == [
        ("alpine:a 1", ["top", "bin/x", "bin/y"])
    ]


def test_versions_of_dpkg_and_of_distroless() -> None:
    status = b"Package: a\nVersion: 1:2-3\n\nPackage: b\n"

    assert list(debian_versions("var/lib/dpkg/status", status)) == [("a", "1:2-3"), ("b", "")]
    assert list(debian_versions("var/lib/dpkg/status.d/a", status)) == [("a", "1:2-3"), ("b", "")]
    assert list(debian_versions("var/lib/dpkg/status.d/a.md5sums", b"no field")) == []


@pytest.mark.parametrize(
    "path",
    [
        "app/RECORD",
        "x-1.dist-info/METADATA",
        "var/lib/dpkg/info/a.md5sums",
        "etc/apt/sources.list",
        "app/package.json",
        "opt/conda/conda-meta/history",
        "backup/var/lib/dpkg/status",
    ],
)
def test_other_files_are_no_records(path: str) -> None:
    assert not is_record(path)


def test_broken_document_is_named() -> None:
    with pytest.raises(RecordError, match=r"^/v/conda-meta/a\.json cannot be read: "):
        list(claims("v/conda-meta/a.json", b"{", {}))
