"""Licences by copyright files that machines can read."""

from careen.debian.licence import licence_names

TEXT = """Format: https://www.debian.example/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: crate

Files: *
Copyright: 2020 Ada
License: GPL-2+ or MIT
 Some of the text
 License: not a field

Files: debian/*
License: Expat

License: Expat
 Permission is hereby granted
"""


def test_short_names_each_once() -> None:
    assert licence_names(TEXT) == ("Expat", "GPL-2+ or MIT")
    assert licence_names(TEXT.replace("\n", "\r\n")) == ("Expat", "GPL-2+ or MIT")


def test_a_text_for_people_alone_tells_none() -> None:
    assert licence_names("This is crate.\n\nLicense: see below\n") == ()
