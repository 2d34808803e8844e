import hashlib
import json

import pytest

from careen.python.freshness import changed_since_locked, content_hashes, pipfile_hashes


def test_poetrys_own_tables_are_hashed_at_the_top_with_absent_keys_as_null() -> None:
    dependencies = {"python": "^3.11", "celery": "^5"}
    content = {"dependencies": dependencies, "source": None, "extras": None, "dev-dependencies": None}
    expected = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    assert expected in content_hashes({"tool": {"poetry": {"dependencies": dependencies, "name": "shelf"}}})
    assert expected not in content_hashes({"tool": {"poetry": {"dependencies": {"python": "^3.11"}}}})


def test_a_standard_project_is_hashed_with_and_without_its_groups() -> None:
    project = {"dependencies": ["celery"], "name": "shelf"}
    plain = {"project": {"dependencies": ["celery"]}, "tool": {"poetry": {}}}
    grouped = {**plain, "dependency-groups": {"dev": ["pytest"]}}
    found = content_hashes({"project": project, "dependency-groups": {"dev": ["pytest"]}})

    assert found == {hashlib.sha256(json.dumps(one, sort_keys=True).encode()).hexdigest() for one in (plain, grouped)}


def test_a_pipfile_is_hashed_by_what_it_asks_for() -> None:
    asked = {"packages": {"celery": "*"}, "source": [], "scripts": {"x": "y"}}

    assert pipfile_hashes(asked) == pipfile_hashes({**asked, "scripts": {}})
    assert pipfile_hashes(asked) != pipfile_hashes({**asked, "packages": {}})


@pytest.mark.parametrize(
    ("asked", "changed"),
    [
        (["click >= 8, <9", "tool @ git+https://git.example/tool"], ()),
        (["click>=9", "tool"], ("click>=9",)),
        (["click<9,>=8", "tool", "celery"], ("celery",)),
        (["tool"], ("click",)),
        (["click>=8,<9", "tool", "shop[all]"], ()),
    ],
)
def test_uvs_lock_says_what_it_was_made_for(asked: list[str], changed: tuple[str, ...]) -> None:
    entries = [{"name": "click", "specifier": ">=8,<9"}, {"name": "tool", "git": "https://git.example/tool"}]
    lock = {"package": [{"name": "click"}, {"name": "shop", "metadata": {"requires-dist": entries}}]}

    assert changed_since_locked(lock, {"project": {"name": "Shop", "dependencies": asked}}) == changed


def test_what_a_build_backend_computes_is_not_compared() -> None:
    lock = {"package": [{"name": "shop", "metadata": {"requires-dist": [{"name": "click"}]}}]}

    assert changed_since_locked(lock, {"project": {"name": "shop", "dynamic": ["dependencies"]}}) == ()
