from collections.abc import Iterator
from pathlib import Path

import pytest

from careen.app.bases import base_for, system_packages
from careen.app.session import Session
from careen.debian.runtime import python_of
from careen.platforms import Architecture
from careen.progress import Step
from fakes.elves import elf64
from fakes.index import FakeIndex, serve
from fakes.mirrors import FakeMirror
from fakes.sessions import FakeSession, fake_session

LIBRARY = elf64(soname="libstdc++.so.6", needed=("libc.so.6",)) + bytes(50_000)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Session, list[Step]]]:
    """A session, and the steps that it tells of."""
    with serve(FakeIndex()) as index:
        mirror = FakeMirror(tmp_path / "debs")
        mirror.add_python()
        mirror.add("libstdc++6", {"usr/lib/x86_64-linux-gnu/libstdc++.so.6": LIBRARY}, version="2-1")
        foo = elf64(soname="libfoo.so.2", needed=("libc.so.6",)) + bytes(30_000)
        mirror.add(
            "libfoo2",
            {"usr/lib/x86_64-linux-gnu/libfoo.so.2": foo, "usr/share/doc/libfoo2/README": bytes(90_000)},
            version="2-1",
            fields=["Installed-Size: 130"],
        )
        index.files |= mirror.publish()
        steps: list[Step] = []
        made = fake_session(tmp_path, index.address)
        session = FakeSession(surroundings=made.surroundings, progress=steps.append)
        try:
            yield session, steps
        finally:
            session.close()


def weighed(session: Session, *libraries: str, estimate: bool, modules: tuple[str, ...] = ("json",)) -> int:
    archive = session.archive("bookworm", Architecture.AMD64)
    _, facts = base_for(
        session, archive, python_of("bookworm"), libraries=libraries, modules=modules, estimate=estimate
    )
    assert ("libstdc++.so.6" in facts.libraries) is ("libstdc++.so.6" in libraries)
    return facts.bytes


def test_a_smaller_base_is_estimated_from_a_larger_one_and_not_composed(place: tuple[Session, list[Step]]) -> None:
    session, steps = place
    whole = weighed(session, "libstdc++.so.6", estimate=False)
    steps.clear()

    told = weighed(session, estimate=True)

    assert steps == []
    assert told == whole - len(LIBRARY)
    assert abs(told - weighed(session, estimate=False)) < 1000
    assert steps


def test_a_base_of_which_more_is_wanted_is_composed(place: tuple[Session, list[Step]]) -> None:
    session, steps = place
    weighed(session, estimate=False)
    steps.clear()

    weighed(session, "libstdc++.so.6", estimate=True)

    assert steps


def test_modules_that_would_stay_anyway_ask_no_new_question(place: tuple[Session, list[Step]]) -> None:
    session, steps = place
    weighed(session, estimate=False)
    steps.clear()

    weighed(session, estimate=False, modules=("asyncio", "json", "socket"))
    assert steps == []
    weighed(session, estimate=False, modules=("json", "readline"))
    assert steps


def test_a_system_package_weighs_what_an_image_gets_of_it(place: tuple[Session, list[Step]]) -> None:
    session, _ = place
    archive = session.archive("bookworm", Architecture.AMD64)
    for _ in range(2):  # found, and then remembered
        (package,) = system_packages(session, archive, ["libfoo.so.2"], ["libc.so.6"])[0].packages
        assert package.name == "libfoo2"
        assert 30_000 < package.installed_bytes < 32_000
