"""Whatever string is written into a compose file is that string when it is read, by YAML 1.1 and by 1.2."""

from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from careen.rewrite.yaml_edits import scalar

WORDS = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF), max_size=12),
    st.text("0123456789abxoeE.+-_:~ynTF", max_size=8),
)


@given(WORDS)
def test_a_string_stays_the_string(text: str) -> None:
    for version in ("1.1", "1.2"):
        reader = YAML(typ="safe", pure=True)
        document = reader.load(f"%YAML {version}\n---\nkey: {scalar(text)}\n")
        assert document == {"key": text}
