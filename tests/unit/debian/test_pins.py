import pytest

from careen.blobs.digest import Digest
from careen.debian.packages import BinaryPackage
from careen.debian.pins import LOCK_NAME, InvalidPinsError, Pin, read_pins, render_pins
from careen.text.source import Source

MIRRORS = {"bookworm": "http://index.example/debian", "bookworm-security": "http://index.example/security"}


def pin(name: str = "libssl3", *, suite: str = "bookworm", depends: str = "libc6 (>= 2.34)") -> Pin:
    path = f"pool/main/o/{name}_1.0-2_amd64.deb"
    return Pin(
        release="bookworm",
        architecture="amd64",
        suite=suite,
        path=path,
        package=BinaryPackage(
            name=name,
            version="1.0-2",
            architecture="amd64",
            digest=Digest.of(name.encode()),
            size=12,
            installed_bytes=2048,
            url="",
            depends=depends,
        ),
    )


def source(text: str) -> Source:
    return Source(LOCK_NAME, text)


def test_what_is_written_is_read_again_in_the_order_of_names() -> None:
    pins = (pin("zlib1g", depends=""), pin("libssl3", suite="bookworm-security"))

    assert read_pins(source(render_pins(pins))) == tuple(reversed(pins))


def test_a_package_is_fetched_from_the_mirror_of_its_suite() -> None:
    assert pin(suite="bookworm-security").on(MIRRORS).url.startswith("http://index.example/security/pool/main/o/")
    assert pin(suite="bookworm-updates").on(MIRRORS).url.startswith("http://index.example/debian/pool/main/o/")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("version = 1\n", "version = 2\n", "careen.lock:1: it is not of version 1"),
        ("size = 12", 'size = "12"', "careen.lock:5: a package lacks something"),
        ("size = 12", "size = -1", "careen.lock:5: libssl3 is described in a way that cannot be"),
        ("pool/main/o/", "../../etc/", "careen.lock:5: libssl3 is described in a way that cannot be"),
        ('sha256 = "', 'sha256 = "x', "careen.lock:5: libssl3: not a sha256 digest"),
        ('name = "libssl3"', 'name = "libssl3"\ncolour = "red"', "careen.lock:5: libssl3 has what no package has"),
        ("[[package]]", "[[package", "careen.lock:1: "),
    ],
)
def test_what_careen_did_not_write_is_refused_with_its_line(before: str, after: str, told: str) -> None:
    text = render_pins([pin()])
    assert before in text

    with pytest.raises(InvalidPinsError) as caught:
        read_pins(source(text.replace(before, after, 1)))

    assert caught.value.message.startswith(told)
    assert "careen refresh --write" in caught.value.hints[0]


def test_a_package_that_stands_twice_is_refused_at_its_second_place() -> None:
    text = render_pins([pin()])
    again = text[text.index("[[package]]") :]

    with pytest.raises(InvalidPinsError) as caught:
        read_pins(source(f"{text}\n{again}"))

    line = f"{text}\n{again}".split("\n").index("[[package]]", 10) + 1
    assert caught.value.message == f"careen.lock:{line}: libssl3 stands in it twice"
