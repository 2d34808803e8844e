import hashlib
import json

from careen.python.freshness import content_hashes, pipfile_hashes


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
