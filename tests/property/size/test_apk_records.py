"""Alpine's record of packages: what is written is read, and no text at all is a surprise."""

from hypothesis import given
from hypothesis import strategies as st

from careen.size.apk import ApkPackage, installed_packages

_WORD = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1, max_size=12)
_NAME = _WORD.filter(lambda text: "/" not in text)
_FILES = st.dictionaries(st.lists(_NAME, max_size=3).map("/".join), st.lists(_NAME, max_size=3), max_size=4)
_LINES = st.lists(st.sampled_from(["P:a", "V:1", "F:lib", "R:x", "a:0:0:755", "", ":", "Q", "F:/", "R:", "P:"]))


@st.composite
def packages(draw: st.DrawFn) -> tuple[ApkPackage, str]:
    files = draw(_FILES)
    package = ApkPackage(
        name=draw(_NAME),
        version=draw(_WORD),
        architecture=draw(st.sampled_from(["x86_64", "aarch64", "noarch"])),
        licence=draw(_WORD),
        paths=tuple(f"{folder}/{name}" if folder else name for folder, names in files.items() for name in names),
    )
    head = f"C:Q1=\nP:{package.name}\nV:{package.version}\nA:{package.architecture}\nL:{package.licence}\nS:1\n"
    body = "".join(
        f"F:{folder}\nM:0:0:1777\n" + "".join(f"R:{name}\na:0:0:755\nZ:Q1=\n" for name in names)
        for folder, names in files.items()
    )
    return package, head + body


@given(st.lists(packages(), max_size=4))
def test_every_package_that_is_written_is_read(written: list[tuple[ApkPackage, str]]) -> None:
    record = "\n".join(text for _, text in written)
    assert list(installed_packages(record)) == [package for package, _ in written]


@given(st.one_of(st.text(max_size=200), _LINES.map("\n".join)))
def test_any_text_is_read_to_its_end(text: str) -> None:
    found = list(installed_packages(text))
    assert all(package.name for package in found)
    assert len(found) <= text.count("P:")
