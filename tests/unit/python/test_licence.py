"""Licences by metadata, new and old."""

import pytest

from careen.python.licence import licence_expression, licence_names

OSI = "Classifier: License :: OSI Approved :: "


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ("License: MIT\n", ("MIT",)),
        ("License: UNKNOWN\n", ()),
        (f"License: UNKNOWN\n{OSI}BSD License\n", ("BSD License",)),
        (f"{OSI}Apache Software License\n{OSI}BSD License\n", ("Apache Software License", "BSD License")),
        ("Classifier: License :: OSI Approved\n", ()),
        (f"License: Permission is hereby granted\n        to anybody\n{OSI}MIT License\n", ("MIT License",)),
        (f"License: {'x' * 200}\n{OSI}MIT License\n", ("MIT License",)),
        ("Name: a\r\nLicense: MIT\r\n\r\nLicense: of the text\r\n", ("MIT",)),
        ("Name: a\n\nLicense: MIT is what the description says\n", ()),
        ("Classifier: Programming Language :: Python\n", ()),
    ],
)
def test_names(metadata: str, expected: tuple[str, ...]) -> None:
    assert licence_names(metadata) == expected
    assert licence_expression(metadata) == ""


def test_an_expression_is_taken_as_it_stands() -> None:
    assert licence_expression("Name: a\nLicense-Expression: MIT AND (Apache-2.0 OR BSD-2-Clause)\n") == (
        "MIT AND (Apache-2.0 OR BSD-2-Clause)"
    )
