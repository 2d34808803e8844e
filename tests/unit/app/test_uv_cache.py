from pathlib import Path

import pytest

from careen.app.uv import checkout_of, uv_cache

COMMIT = "3206df0a4e4d4b3c8f0f9d4c1f4a0b6d1e2f3a4b"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"UV_CACHE_DIR": "/a", "XDG_CACHE_HOME": "/b", "HOME": "/c"}, Path("/a")),
        ({"XDG_CACHE_HOME": "/b", "HOME": "/c"}, Path("/b/uv")),
        ({"HOME": "/c"}, Path("/c/.cache/uv")),
        ({}, None),
    ],
)
def test_the_cache_is_where_uv_looks(environment: dict[str, str], expected: Path | None) -> None:
    assert uv_cache(environment) == expected


def test_a_checkout_is_found_by_the_beginning_of_its_commit(tmp_path: Path) -> None:
    checkout = tmp_path / "git-v1/checkouts/790c9f6a9eab0132/3206df0"
    (checkout / "python").mkdir(parents=True)
    (checkout.parent / "3206df0.ok").touch()

    assert checkout_of(f"https://git.example/a#{COMMIT}", tmp_path) == checkout
    assert checkout_of(f"https://git.example/a?subdirectory=python&rev=v1#{COMMIT}", tmp_path) == checkout / "python"
    assert checkout_of(f"https://git.example/a?subdirectory=../../..#{COMMIT}", tmp_path) is None
    assert checkout_of(f"https://git.example/a#{'f' * 40}", tmp_path) is None
    assert checkout_of("https://git.example/a#main", tmp_path) is None
