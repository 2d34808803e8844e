"""Who to be at which address."""

import pytest

from careen.python.index_credentials import IndexAddress, index_for, indexes_in, indexes_of, keyring_wanted

PYPROJECT = """
[tool.uv]
extra-index-url = ["https://eve:e%40ve@extra.example/simple"]
[[tool.uv.index]]
name = "my-team.index"
url = "https://index.example/team/simple"
[[tool.uv.index]]
url = "https://ada@index.example/other/simple"
"""
TEAM = {"UV_INDEX_MY_TEAM_INDEX_USERNAME": "ada", "UV_INDEX_MY_TEAM_INDEX_PASSWORD": "swordfish"}


def address(url: str, name: str = "", username: str = "", password: str | None = None) -> IndexAddress:
    return IndexAddress(url=url, name=name, username=username, password=password)


def test_names_lead_to_variables_and_addresses_are_read() -> None:
    assert list(indexes_in(PYPROJECT, TEAM, is_uv_toml=False)) == [
        address("https://index.example/team/simple", "my-team.index", "ada", "swordfish"),
        address("https://index.example/other/simple", "", "ada"),
        address("https://extra.example/simple", "", "eve", "e@ve"),
    ]


def test_uvs_own_file_has_the_same_keys_without_the_tool() -> None:
    text = '[[index]]\nname = "a"\nurl = "https://index.example/simple"\n'
    (found,) = indexes_in(text, {"UV_INDEX_A_PASSWORD": "x"}, is_uv_toml=True)
    assert (found.username, found.password) == ("", "x")
    assert list(indexes_in(text, {}, is_uv_toml=False)) == []


def test_variables_name_indexes_too() -> None:
    environment = {
        "UV_INDEX": "mine=https://one.example/simple https://bob:b@two.example/simple?a=b",
        "UV_DEFAULT_INDEX": "https://three.example",
        "PIP_EXTRA_INDEX_URL": "https://four:4@four.example/",
        "UV_INDEX_MINE_USERNAME": "u",
        "UV_INDEX_MINE_PASSWORD": "p",
    }
    found = {index.url: (index.username, index.password) for index in indexes_of(environment)}
    assert found == {
        "https://one.example/simple": ("u", "p"),
        "https://two.example/simple": ("bob", "b"),
        "https://three.example": ("", None),
        "https://four.example/": ("four", "4"),
    }


@pytest.mark.parametrize(
    "text", ["", "not toml [", "index = 3", '[[index]]\nurl = 3\n[[index]]\nname = "a"\n', "tool = 1"]
)
def test_anything_else_names_none(text: str) -> None:
    assert list(indexes_in(text, {}, is_uv_toml=True)) == []
    assert list(indexes_in(text, {}, is_uv_toml=False)) == []


def test_credentials_go_to_the_indexs_own_host_alone() -> None:
    index = address("https://index.example/simple", "", "a", "b")
    assert index_for("https://index.example/files/a.whl", [index]) is index
    assert index_for("https://index.example:443/files/a.whl", [index]) is index
    for other in (
        "https://files.example/a.whl",
        "http://index.example/a.whl",
        "https://index.example:8443/a.whl",
        "https://index.example.evil.example/a.whl",
        "https://[broken/a.whl",
    ):
        assert index_for(other, [index]) is None


def test_of_several_on_one_host_the_nearest_counts() -> None:
    one, two, nobody = (
        IndexAddress(url=f"https://index.example/{path}/simple", username=user, password=user or None)
        for path, user in (("one", "a"), ("two", "b"), ("three", ""))
    )
    assert index_for("https://index.example/two/files/a.whl", [one, two, nobody]) is two
    assert index_for("https://index.example/three/files/a.whl", [nobody, one, two]) is one


def test_a_password_is_not_shown() -> None:
    assert "swordfish" not in repr(address("https://index.example", "", "a", "swordfish"))


def test_the_keyring_is_asked_where_uv_is_told_to() -> None:
    assert keyring_wanted([], {"UV_KEYRING_PROVIDER": "subprocess"})
    assert keyring_wanted([('[tool.uv]\nkeyring-provider = "subprocess"\n', False)], {})
    assert keyring_wanted([('keyring-provider = "subprocess"\n', True)], {})
    assert not keyring_wanted([('keyring-provider = "subprocess"\n', True)], {"UV_KEYRING_PROVIDER": "disabled"})
    assert not keyring_wanted([("not toml [", True)], {})
