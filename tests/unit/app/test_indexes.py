from pathlib import Path

import pytest

from careen.app.indexes import configured_indexes, index_settings

UV = {"UV_DEFAULT_INDEX": "https://uv.example/simple/"}
PIP = {"PIP_INDEX_URL": "https://pip.example/simple", "PIP_CONFIG_FILE": "/dev/null"}


def test_uvs_own_index_counts_more_than_pips(tmp_path: Path) -> None:
    assert configured_indexes({**PIP, **UV}, tmp_path).addresses == ("https://uv.example/simple",)
    assert configured_indexes(PIP, tmp_path).addresses == ("https://pip.example/simple",)


def test_more_indexes_stand_behind_the_main_one_with_or_without_names(tmp_path: Path) -> None:
    more = {
        "UV_INDEX": "own=https://own.example/simple https://b.example/x=y",
        "PIP_EXTRA_INDEX_URL": "https://c.example",
    }

    assert configured_indexes({**UV, **more}, tmp_path).addresses == (
        "https://uv.example/simple",
        "https://own.example/simple",
        "https://b.example/x=y",
        "https://c.example",
    )


def test_pages_of_links_come_from_both_tools(tmp_path: Path) -> None:
    links = {"UV_FIND_LINKS": "./wheels,https://a.example", "PIP_FIND_LINKS": "./wheels /srv/w"}

    assert configured_indexes({**UV, **links}, tmp_path).links == ("./wheels", "https://a.example", "/srv/w")


@pytest.mark.parametrize("section", ["global", "install"])
def test_pips_file_in_the_home_is_read_and_a_variable_counts_more(section: str, tmp_path: Path) -> None:
    place = tmp_path / ".config" / "pip" / "pip.conf"
    place.parent.mkdir(parents=True)
    place.write_text(f"[{section}]\nindex_url = https://file.example/simple\nextra-index-url =\n  https://d.example\n")
    home = {"HOME": str(tmp_path)}

    assert configured_indexes(home, tmp_path).addresses == ("https://file.example/simple", "https://d.example")
    assert configured_indexes({**home, **PIP, "PIP_CONFIG_FILE": ""}, tmp_path).addresses[0] == PIP["PIP_INDEX_URL"]
    assert configured_indexes({**home, **PIP}, tmp_path).addresses == (PIP["PIP_INDEX_URL"],)


def test_a_broken_file_of_pips_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("index-url = https://file.example\n")

    found = configured_indexes({**UV, "PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}, tmp_path)

    assert found.addresses == ("https://uv.example/simple",)


def test_settings_differ_by_variables_and_by_what_the_files_say(tmp_path: Path) -> None:
    place = tmp_path / ".config" / "uv" / "uv.toml"
    home = {"HOME": str(tmp_path)}
    before = index_settings(home)
    place.parent.mkdir(parents=True)
    place.write_text("[[index]]\n")

    assert index_settings(home) != before
    assert index_settings({**home, **UV}) != index_settings(home)
    assert index_settings({**home, "EDITOR": "ed"}) == index_settings(home)
