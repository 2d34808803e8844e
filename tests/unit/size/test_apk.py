from careen.size.apk import ApkPackage, installed_packages

RECORD = """\
C:Q1abc=
P:musl
V:1.2.5-r9
A:x86_64
L:MIT
p:so:libc.musl-x86_64.so.1=1
F:
R:top
F:lib
a:0:0:755
R:ld-musl-x86_64.so.1
a:0:0:755
Z:Q1abc=
R:libc.musl-x86_64.so.1

V:1
F:usr/bin
R:of-nobody

P:zlib
V:1.3.1-r2
"""


def test_packages_with_their_files_in_their_order() -> None:
    musl, zlib = installed_packages(RECORD)
    assert musl == ApkPackage(
        name="musl",
        version="1.2.5-r9",
        architecture="x86_64",
        licence="MIT",
        paths=("top", "lib/ld-musl-x86_64.so.1", "lib/libc.musl-x86_64.so.1"),
    )
    assert (zlib.name, zlib.version, zlib.architecture, zlib.paths) == ("zlib", "1.3.1-r2", "", ())


def test_line_ends_of_another_system_do_not_matter() -> None:
    assert list(installed_packages(RECORD.replace("\n", "\r\n"))) == list(installed_packages(RECORD))
