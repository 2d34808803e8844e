"""YAML nodes with their places, and texts that are not quite YAML."""

from pathlib import PurePosixPath

import pytest

from careen.compose.document import ComposeDocument, YamlMapping, YamlScalar, YamlSequence, read_compose
from careen.text.problems import SyntaxProblem
from careen.text.source import Source


def read(text: str) -> ComposeDocument:
    return read_compose(Source(PurePosixPath("compose.yaml"), text))


def at(document: ComposeDocument, *keys: str) -> object:
    node: object = document.root
    for key in keys:
        assert isinstance(node, YamlMapping)
        node = node.get(key)
    return node


def test_spans_are_places_in_the_very_text() -> None:
    text = (
        '\ufeffservices:\r\n  api: # why\r\n    image: "a b"   # c\r\n'
        "    list:\r\n      - x\r\n      - |\r\n        two\r\n\r\n"
    )
    document = read(text)

    image, items = at(document, "services", "api", "image"), at(document, "services", "api", "list")
    assert isinstance(image, YamlScalar)
    assert isinstance(items, YamlSequence)
    assert (image.text, image.plain, document.source.slice(image.span)) == ("a b", False, '"a b"')
    assert [document.source.slice(span) for span in items.item_spans] == ["x", "|\r\n        two"]


def test_a_value_that_is_left_out_is_at_the_end_of_its_key() -> None:
    document = read("a:\n  networks:\n    inner :\n    outer:  # why\n\n# about b\nb:\n  x: &name\nc: {d, e: }\n")

    def text(*keys: str) -> str:
        mapping = at(document, *keys[:-1])
        assert isinstance(mapping, YamlMapping)
        entry = mapping.entry(keys[-1])
        assert entry is not None
        return document.source.slice(entry.span)

    assert text("a") == "a:\n  networks:\n    inner :\n    outer:"
    assert text("a", "networks", "inner") == "inner :"
    assert text("b") == "b:\n  x: &name"
    assert (text("c", "d"), text("c", "e")) == ("d", "e:")


def test_an_alias_is_told_apart_from_its_anchor() -> None:
    text = "a: &x {k: v}\nb: *x\nc:\n  <<: *x\n  own: 1\n"
    document = read(text)

    entry = document.root.entry("b")
    inherited = at(document, "c")
    assert entry is not None
    assert entry.alias is not None
    assert document.source.slice(entry.alias) == "*x"
    assert isinstance(inherited, YamlMapping)
    assert [(each.key.text, each.inherited) for each in inherited] == [("own", False), ("k", True)]
    assert len(document.shared) == 1


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: [b\nc: d\n", 2, "not YAML"),
        ("a:\n\t- b\n", 2, "not YAML: a tab where blanks have to be"),
        ("a:\n  b: 1\n c: 2\n", 3, "not YAML: indented otherwise than what it belongs to"),
        ("a: b: c\n", 1, "not YAML: a colon where no key can be"),
        ("a: @x\n", 1, "not YAML: a text that begins with @ needs quotes"),
        ("a: *gone\n", 1, "no anchor &gone"),
        ("a: &x [*x]\n", 1, "an alias that holds itself"),
        ("- a\n- b\n", 1, "a compose file is a mapping"),
        ("just words\n", 1, "a compose file is a mapping"),
        ("a: " + "[" * 150 + "]" * 150, 1, "nested more than 100 deep"),
        ("a: \x00\n", 1, "not YAML"),
        ("a: 'open\n", 2, "not YAML"),
        ("x" * (1024 * 1024 + 1), 1, "larger than any compose file"),
    ],
)
def test_what_is_not_a_compose_file_is_told_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(SyntaxProblem) as refusal:
        read(text)

    assert refusal.value.line == line
    assert words in refusal.value.reason


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("services:\n  api:\n    image: {{ image }}\n", 3),
        ("services:\n  {% if x %}\n  api:\n    image: a\n  {% endif %}\n", 2),
        ("services:\n  api:{% if x %} &a{% endif %}\n    image: {{ image }}:{{ tag }}\n", 2),
        ("{# about #}\nservices:\n  api:\n    ports:\n      - {{ port }}:80\n", 1),
        ("services:\n  {{ name }}:\n    image: {{ a }}\n  {% if b %}x: {image: c}{% endif %}\n", 2),
    ],
)
def test_a_template_is_read_as_far_as_it_goes_and_told(text: str, line: int) -> None:
    document = read(text)

    assert document.notes == (f"compose.yaml:{line}: this is a template; what it leaves open is not known",)
    services = document.root.get("services")
    assert isinstance(services, YamlMapping)
    assert len(services.entries) == 1


def test_a_templates_expression_is_the_value() -> None:
    image = at(read("services:\n  api:\n    image: {{ image }}:{{ tag }}-x\n"), "services", "api", "image")

    assert isinstance(image, YamlScalar)
    assert image.text == "{{ image }}:{{ tag }}-x"


def test_quoted_braces_are_no_template() -> None:
    document = read("services:\n  api:\n    hostname: '{{.Node.Hostname}}'\n")

    hostname = at(document, "services", "api", "hostname")
    assert isinstance(hostname, YamlScalar)
    assert hostname.text == "{{.Node.Hostname}}"
    assert not document.notes


def test_what_is_passed_over_is_noted() -> None:
    document = read("a: 1\na: 2\n---\nb: 3\n")
    broken = read("a: 1\n---\nb: [\n")

    assert [note.partition(": ")[2] for note in document.notes] == [
        "the key `a` stands twice; the last one holds",
        "only the first YAML document of the file is read",
    ]
    assert len(broken.notes) == 1
    assert isinstance(at(document, "a"), YamlScalar)


@pytest.mark.parametrize("text", ["", "\n# nothing\n", "---\n", "---\n...\n", "~\n"])
def test_an_empty_file_is_an_empty_mapping(text: str) -> None:
    assert read(text).root.entries == ()
