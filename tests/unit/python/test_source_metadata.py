"""What a source distribution needs is told by its own files, or not at all."""

import pytest

from careen.python.source_metadata import requirements_of_source

SETUP = "from setuptools import setup\n"


def told(**texts: str) -> tuple[str, ...] | None:
    names = {"info": "PKG-INFO", "record": "shop.egg-info/requires.txt", "pyproject": "pyproject.toml"}
    return requirements_of_source({names.get(name, name.replace("_", ".")): text for name, text in texts.items()})


def info(version: str, *lines: str) -> str:
    return "\n".join((f"Metadata-Version: {version}", "Name: shop", "Version: 1", *lines, "", "About it.\n"))


def test_metadata_that_no_build_changes_tells() -> None:
    assert told(info=info("2.2", "Requires-Dist: flask>=2")) == ("flask>=2",)
    assert told(info=info("2.4")) == ()
    assert told(info=info("2.2", "Dynamic: Requires-Dist")) is None
    assert told(info=info("2.1", "Requires-Dist: flask>=2")) is None


def test_a_project_table_tells_unless_its_dependencies_are_dynamic() -> None:
    table = '[project]\nname = "shop"\ndynamic = ["version"]\n'
    more = 'dependencies = ["flask ; python_version > \'3\'"]\n[project.optional-dependencies]\nfast = ["ujson>=1"]\n'

    assert told(info=info("2.1"), pyproject=table) == ()
    assert told(pyproject=table + more) == ("flask ; python_version > '3'", "ujson>=1 ; extra == 'fast'")
    assert told(pyproject=table.replace("version", "dependencies"), setup_py=SETUP + "setup()", record="") is None
    assert told(pyproject="[project\n") is None


def test_poetry_computes_nothing() -> None:
    system = '[build-system]\nrequires = ["poetry-core>=1"]\nbuild-backend = "poetry.core.masonry.api"\n'
    assert told(info=info("2.1", "Requires-Dist: flask (>=2)"), pyproject=system) == ("flask (>=2)",)
    assert told(info=info("2.1"), pyproject=system.replace("poetry.core.masonry.api", "own")) is None


@pytest.mark.parametrize(
    ("setup", "requires"),
    [
        ("setup(name='shop', install_requires=['flask>=2', 'six'])", ("flask>=2", "six")),
        ("needs = ['flask>=2', 'six']\nsetup(install_requires=needs)", ("flask>=2", "six")),
        ("setup(install_requires='''flask>=2\n six''')", ("flask>=2", "six")),
        ("setup(install_requires=['flask>=2', 'six'], cmdclass={'build_ext': Own})", ("flask>=2", "six")),
        ("setup(install_requires=['flask>=2', 'six'], cmdclass={'egg_info': Own})", None),
        ("setup(install_requires=['flask>=2', 'six'], cmdclass=commands)", None),
        ("setup(install_requires=['flask>=2', 'six'], setup_requires=['pbr'])", None),
        ("setup(install_requires=['flask>=2'])", None),
        ("needs = ['flask>=2', 'six']\nneeds.append('x')\nsetup(install_requires=needs)", None),
        ("setup(install_requires=open('requirements.txt').readlines())", None),
        ("setup(**given)", None),
        ("if old: setup(install_requires=['flask', 'six'])\nelse: setup(install_requires=['flask', 'six'])", None),
        ("setup(", None),
    ],
)
def test_a_setup_program_tells_what_it_hands_over_in_plain_words(setup: str, requires: tuple[str, ...] | None) -> None:
    assert told(info=info("1.2"), setup_py=SETUP + setup, record="flask>=2\nsix\n") == requires


def test_what_setuptools_left_behind_has_to_agree() -> None:
    program = SETUP + "setup(install_requires=['flask'], extras_require={'fast:os_name==\"posix\"': ['ujson']})"
    extra = "ujson ; (os_name==\"posix\") and extra == 'fast'"

    assert told(setup_py=program, record="flask\n\n[fast:os_name == 'posix']\nujson\n") == ("flask", extra)
    assert told(setup_py=program, record="flask\nother\n") is None
    assert told(setup_py=program) is None


def test_options_of_setup_cfg_count() -> None:
    options = "[options]\ninstall_requires =\n    flask\n    six\n"
    assert told(setup_py=SETUP + "setup()", setup_cfg=options, record="flask\nsix\n") == ("flask", "six")
    assert told(setup_cfg=options.replace("\n    flask", " file: list.txt"), record="flask\nsix\n") is None
