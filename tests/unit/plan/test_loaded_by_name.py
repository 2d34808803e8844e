from careen.plan.loaded_by_name import libraries_opened, programs_started


def test_a_library_that_is_opened_by_name_is_wanted_by_who_opens_it() -> None:
    assert list(libraries_opened({"python-magic", "fastapi"})) == [("libmagic.so.1", "python-magic")]


def test_a_library_that_another_distribution_brings_is_not_wanted() -> None:
    assert list(libraries_opened({"psycopg", "psycopg-binary"})) == []
    assert list(libraries_opened({"psycopg"})) == [("libpq.so.5", "psycopg")]


def test_a_program_is_told_with_the_package_that_has_it() -> None:
    assert list(programs_started({"pdf2image", "numpy"})) == [("pdf2image", "pdftoppm", "poppler-utils")]
