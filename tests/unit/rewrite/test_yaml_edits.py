"""Edits of YAML by places: what is not named stays, to the letter."""

from pathlib import PurePosixPath

import pytest

from careen.compose.document import ComposeDocument, YamlMapping, YamlSequence, read_compose
from careen.rewrite.yaml_edits import Inline, NewEntry, Verbatim, YamlEditor, scalar
from careen.text.edits import apply_edits
from careen.text.source import Source

TEXT = """\
# head
services:
  api:
    image: a   # why
    ports:
    - "80:80"   # door
    - "81:81"

  # about the worker
  worker: {image: b}
  bare:
"""


def read(text: str = TEXT) -> ComposeDocument:
    return read_compose(Source(PurePosixPath("compose.yaml"), text))


def mapping(document: ComposeDocument, *path: str) -> YamlMapping:
    node = document.root
    for key in path:
        inner = node.get(key)
        assert isinstance(inner, YamlMapping)
        node = inner
    return node


def result(editor: YamlEditor) -> str:
    return apply_edits(editor.source, editor.finish()).text


def test_entries_are_appended_behind_the_last_one() -> None:
    document = read()
    editor = YamlEditor(document)

    editor.append(
        mapping(document, "services", "api"),
        [
            NewEntry(key="init", value=True),
            NewEntry(key="limits", value={"memory": "64M", "cpus": "0.5"}, comment="a default\nof ours"),
            NewEntry(key="test", value=Inline(("CMD", "true"))),
            NewEntry(key="base", value=Verbatim("*app")),
            NewEntry(key="drop", value=["ALL"]),
        ],
    )

    assert result(editor) == TEXT.replace(
        '    - "81:81"\n',
        '    - "81:81"\n    init: true\n    # a default\n    # of ours\n'
        '    limits:\n      memory: 64M\n      cpus: "0.5"\n'
        '    test: ["CMD", "true"]\n    base: *app\n    drop:\n      - ALL\n',
    )


def test_appending_follows_an_entry_that_stays() -> None:
    document = read()
    editor = YamlEditor(document)
    api = mapping(document, "services", "api")
    ports = api.entry("ports")
    assert ports is not None

    editor.remove_entry(ports)
    editor.append(api, [NewEntry(key="init", value=True)])

    assert "    image: a   # why\n    init: true\n\n  # about" in result(editor)


def test_a_flow_mapping_is_appended_inside_its_braces() -> None:
    document = read()
    editor = YamlEditor(document)

    editor.append(
        mapping(document, "services", "worker"),
        [NewEntry(key="init", value=True), NewEntry(key="tmpfs", value=["/tmp"])],
    )

    assert "  worker: {image: b, init: true, tmpfs: [/tmp]}\n" in result(editor)


def test_a_key_without_value_gets_a_block() -> None:
    document = read()
    editor = YamlEditor(document)
    bare = mapping(document, "services").entry("bare")
    assert bare is not None

    editor.give_block(bare.key, [NewEntry(key="init", value=True)])

    assert result(editor).endswith("  bare:\n    init: true\n")


def test_items_go_with_their_lines() -> None:
    document = read()
    editor = YamlEditor(document)
    ports = mapping(document, "services", "api").get("ports")
    assert isinstance(ports, YamlSequence)

    editor.remove_items(ports, [0])

    assert result(editor) == TEXT.replace('    - "80:80"   # door\n', "")


def test_items_of_a_flow_list_go_alone() -> None:
    document = read('a: ["x:1", y, "z"]  # three\n')
    editor = YamlEditor(document)
    items = document.root.get("a")
    assert isinstance(items, YamlSequence)

    editor.remove_items(items, [1])

    assert result(editor) == 'a: ["x:1", "z"]  # three\n'


def test_the_last_line_may_lack_its_newline() -> None:
    document = read("a: 1\nb: 2")
    editor = YamlEditor(document)
    last = document.root.entry("b")
    assert last is not None

    editor.remove_entry(last)
    editor.append(document.root, [NewEntry(key="c", value="3x")])

    assert result(editor) == "a: 1\nc: 3x"


def test_lines_end_as_the_file_does() -> None:
    document = read("a: 1\r\nb: 2\r\n")
    editor = YamlEditor(document)

    editor.append(document.root, [NewEntry(key="c", value={"d": "e"})])

    assert result(editor) == "a: 1\r\nb: 2\r\nc:\r\n  d: e\r\n"


def test_an_inner_mapping_that_ends_with_its_outer_one_is_filled_first() -> None:
    document = read("s:\n  build:\n    context: .\n")
    editor = YamlEditor(document)

    editor.append(mapping(document, "s"), [NewEntry(key="init", value=True)])
    editor.append(mapping(document, "s", "build"), [NewEntry(key="target", value="api")])

    assert result(editor) == "s:\n  build:\n    context: .\n    target: api\n  init: true\n"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("65s", "65s"),
        ("1536M", "1536M"),
        ("/tmp", "/tmp"),
        ("no-new-privileges:true", "no-new-privileges:true"),
        ("1.0", '"1.0"'),
        ("1e3", '"1e3"'),
        ("0x10", '"0x10"'),
        ("yes", '"yes"'),
        ("", '""'),
        ("a: b", '"a: b"'),
        ("*name", '"*name"'),
        ("012", '"012"'),
        ("12:30", '"12:30"'),
        (True, "true"),
        (256, "256"),
        (2.0, "2.0"),
    ],
)
def test_scalars_read_as_what_they_are(value: str | float, written: str) -> None:
    assert scalar(value) == written
