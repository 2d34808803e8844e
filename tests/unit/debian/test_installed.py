"""What ``apt-get install`` would add to an image, by the archive's index."""

from collections.abc import Iterable

import pytest

from careen.debian.indices import Catalogue, SuiteIndex, read_packages
from careen.debian.resolve import UnresolvedError, installed
from careen.debian.tables import Table

DIGEST = "0" * 64


def archive(*stanzas: str) -> Catalogue:
    """Packages written as ``name 1.0; Depends: other``, the version being 1 unless it is told."""
    text = ("\n\n".join(map(_stanza, stanzas)) + "\n").encode()
    tables = read_packages([text], len)
    return Catalogue(
        (
            SuiteIndex(
                suite="bookworm",
                mirror="https://mirror.example",
                packages=Table(tables.packages),
                provides=Table(tables.provides),
                text=text,
            ),
        )
    )


def _stanza(words: str) -> str:
    head, *fields = (part.strip() for part in words.split(";"))
    name, _, version = head.partition(" ")
    return "\n".join(
        [
            f"Package: {name}",
            f"Version: {version or '1'}",
            "Architecture: amd64",
            f"Filename: pool/{name}.deb",
            "Size: 1",
            f"SHA256: {DIGEST}",
            "Installed-Size: 1",
            *fields,
        ]
    )


def added(catalogue: Catalogue, *names: str, recommends: bool = True, present: Iterable[str] = ()) -> list[str]:
    return [package.name for package in installed(names, catalogue, recommends=recommends, present=present)]


def test_dependencies_follow_and_recommendations_only_when_they_are_taken() -> None:
    catalogue = archive(
        "git; Depends: libc6; Recommends: less, ssh-client",
        "libc6",
        "less; Depends: libtinfo6",
        "ssh-client",
        "libtinfo6",
    )

    assert added(catalogue, "git") == ["git", "less", "libc6", "libtinfo6", "ssh-client"]
    assert added(catalogue, "git", recommends=False) == ["git", "libc6"]


def test_what_is_recommended_by_a_recommended_package_follows_too() -> None:
    catalogue = archive("aa; Recommends: bb", "bb; Recommends: cc", "cc")

    assert added(catalogue, "aa") == ["aa", "bb", "cc"]


def test_what_is_only_recommended_may_be_missing_but_what_is_needed_may_not() -> None:
    assert added(archive("aa; Recommends: nowhere"), "aa") == ["aa"]
    with pytest.raises(UnresolvedError, match="aa needs nowhere"):
        added(archive("aa; Depends: nowhere"), "aa")
    with pytest.raises(UnresolvedError, match="no package unheard-of"):
        added(archive("aa"), "unheard-of")


def test_what_is_present_is_not_added_again_nor_what_it_depends_on() -> None:
    catalogue = archive("git; Depends: libc6, libcurl", "libc6", "libcurl; Depends: ca", "ca", "curl; Depends: libcurl")

    assert added(catalogue, "git", present=["curl"]) == ["git", "libc6"]
    assert added(catalogue, "git", present=["git"]) == []


def test_what_is_present_brings_no_recommendations_of_its_own() -> None:
    catalogue = archive("base; Recommends: extra", "extra", "aa; Depends: base")

    assert added(catalogue, "aa", present=["base"]) == ["aa"]


def test_present_packages_that_the_archive_has_not_are_passed_over() -> None:
    assert added(archive("aa"), "aa", present=["gone"]) == ["aa"]


def test_packages_that_need_each_other_are_each_added_once() -> None:
    catalogue = archive("aa; Depends: bb; Recommends: cc", "bb; Pre-Depends: aa", "cc; Recommends: aa, cc")

    assert added(catalogue, "aa") == ["aa", "bb", "cc"]


def test_an_alternative_that_comes_anyway_is_preferred_to_the_first() -> None:
    catalogue = archive(
        "aa; Depends: exim | postfix, postfix-tools", "exim", "postfix", "postfix-tools; Depends: postfix"
    )

    assert added(catalogue, "aa", "postfix") == ["aa", "postfix", "postfix-tools"]


def test_a_dependency_that_satisfies_a_recommendation_spares_its_first_alternative() -> None:
    catalogue = archive(
        "aa; Depends: bb; Recommends: exim | mail-transport",
        "bb; Depends: postfix",
        "exim",
        "postfix; Provides: mail-transport",
    )

    assert added(catalogue, "aa") == ["aa", "bb", "postfix"]


def test_a_version_that_is_too_old_does_not_satisfy() -> None:
    catalogue = archive("aa; Depends: bb (>= 2) | cc", "bb 1", "cc")

    assert added(catalogue, "aa") == ["aa", "cc"]
