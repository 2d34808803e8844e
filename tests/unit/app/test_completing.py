import io
import os
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pytest

from careen.app.completing import Completing, UnlockedError
from careen.app.locks import ReadLock
from careen.blobs.digest import Digest
from careen.python.c_library import glibc
from careen.python.locked import Lock, StaleLockError
from careen.python.names import package_name
from careen.python.requirement_files import read_named_requirements, read_requirement_file
from careen.python.requirement_lock import lock_of_requirements
from careen.text.source import Source
from fakes.index import FakeIndex, serve
from fakes.locks import environment
from fakes.sessions import fake_session
from fakes.wheels import write_wheel

LIST = PurePosixPath("requirements.txt")


@dataclass
class Place:
    folder: Path
    index: FakeIndex
    notes: list[str] = field(default_factory=list)
    made: list[Completing] = field(default_factory=list)

    def offer(self, name: str, *requires: str, version: str = "1.0") -> Digest:
        """Puts a wheel and its page into the index."""
        lines = [f"Requires-Dist: {requirement}" for requirement in requires]
        metadata = "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines, ""])
        path = write_wheel(
            self.folder / "wheels",
            name,
            {f"{name}.py": b"x"},
            version=version,
            metadata={"METADATA": metadata.encode()},
        )
        digest = Digest.of(path.read_bytes())
        self.index.files[path.name] = path.read_bytes()
        page = f'<a href="../../{path.name}#sha256={digest.hex}">{path.name}</a>'
        self.index.files[f"simple/{name}/"] = page.encode()
        return digest

    def offer_sources(self, name: str, setup: str, record: str, version: str = "1.0") -> None:
        """Puts a source distribution, and nothing else, into the index."""
        path = self.folder / f"{name}-{version}.tar.gz"
        texts = {
            "PKG-INFO": f"Metadata-Version: 1.2\nName: {name}\nVersion: {version}\n",
            "setup.py": f"raise SystemExit('nothing of it is run')\n{setup}\n",
            f"{name}.egg-info/requires.txt": record,
        }
        with tarfile.open(path, "w:gz") as archive:
            for inside, text in texts.items():
                member = tarfile.TarInfo(f"{name}-{version}/{inside}")
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))
        self.index.files[path.name] = path.read_bytes()
        digest = Digest.of(path.read_bytes())
        page = f'<a href="../../{path.name}#sha256={digest.hex}">{path.name}</a>'
        self.index.files[f"simple/{name}/"] = page.encode()

    def completed(self, text: str, *, offline: bool = False, asked: str | None = None) -> Lock:
        """``asked`` stands in ``pyproject.toml``."""
        source = Source(LIST, f"--index-url {self.index.address}/simple\n{text}")
        (self.folder / LIST).write_text(source.text)
        file = read_requirement_file(LIST, lambda _: source)
        uv = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}",
            "UV_DEFAULT_INDEX": f"{self.index.address}/simple",
            "UV_NO_CACHE": "1",
        }
        session = fake_session(self.folder, self.index.address, offline=offline, environment=uv)
        completing = Completing(
            session=session,
            root=self.folder,
            folder=PurePosixPath(),
            environment=environment(),
            c_library=glibc(2, 36),
            notes=self.notes,
        )
        self.made.append(completing)
        try:
            named = ((PurePosixPath("pyproject.toml"), 7, asked),) if asked is not None else ()
            files = (file, *([read_named_requirements(named)] if named else []))
            return completing.completed(ReadLock(lock_of_requirements(files), files))
        finally:
            session.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with serve(FakeIndex()) as index:
        yield Place(tmp_path, index)


def test_the_index_tells_the_addresses_and_the_wheels_tell_what_needs_what(place: Place) -> None:
    celery, kombu = place.offer("celery", "kombu>=1", "pytest; extra == 'test'"), place.offer("kombu")

    lock = place.completed(f"celery==1.0 --hash={celery}\nkombu==1.0 --hash={kombu}\n")

    [package] = lock.by_name["celery"]  # type: ignore[index]
    assert [file.url for file in package.wheels] == [place.index.url("celery-1.0-py3-none-any.whl")]
    assert [edge.name for edge in package.dependencies or ()] == ["kombu"]
    assert place.notes == []
    assert place.made[0].lasting
    assert not place.made[0].dated


def test_what_a_pinned_list_leaves_to_the_index_is_of_its_day(place: Place) -> None:
    place.offer("celery", "kombu>=1")
    place.offer("kombu")

    lock = place.completed("celery==1.0\n")

    assert "kombu" in lock.by_name
    assert (place.made[0].lasting, place.made[0].dated) == (True, True)


def test_a_second_time_the_index_is_not_asked_for_addresses(place: Place) -> None:
    celery = place.offer("celery")
    text = f"celery==1.0 --hash={celery}\n"
    first = place.completed(text)
    place.index.asked.clear()

    assert place.completed(text) == first
    assert [path for path, _ in place.index.asked if path.startswith("simple/")] == []


def test_a_package_that_the_index_does_not_know_is_told_and_asked_for_again(place: Place) -> None:
    lock = place.completed(f"celery==1.0 --hash=sha256:{'ab' * 32}\n")

    assert lock.by_name["celery"][0].wheels == ()  # type: ignore[index]
    assert len(place.notes) == 1
    assert "where its files are is not known" in place.notes[0]
    assert not place.made[0].lasting


def test_a_file_with_another_hash_than_the_list_names_is_not_taken(place: Place) -> None:
    place.offer("celery")

    assert place.completed(f"celery==1.0 --hash=sha256:{'ab' * 32}\n").by_name["celery"][0].wheels == ()  # type: ignore[index]


def test_versions_that_nobody_pinned_are_not_guessed_offline(place: Place) -> None:
    with pytest.raises(UnlockedError, match=r"requirements\.txt:3: celery>=1 leaves open which version"):
        place.completed("kombu==1.0\ncelery>=1\n", offline=True)


def offer_sources(place: Place, name: str) -> None:
    """A release without a wheel, whose needs only its own code tells."""
    place.index.files[f"{name}-1.0.tar.gz"] = b"never to be unpacked"
    place.index.files[f"simple/{name}/"] = f'<a href="../../{name}-1.0.tar.gz">{name}-1.0.tar.gz</a>'.encode()


@pytest.mark.parametrize("listed", ["old-mail\n", "old-mail>=1\n", "Old_Mail==1.0\n"])
def test_what_has_no_wheel_is_named_with_its_line_and_nothing_of_it_is_run(place: Place, listed: str) -> None:
    place.offer("kombu")
    offer_sources(place, "old-mail")

    with pytest.raises(UnlockedError) as raised:
        place.completed(f"kombu\n{listed}")

    assert raised.value.message.startswith("requirements.txt:3: old-mail has no wheel for this Python and platform")
    assert "careen does not run" in raised.value.message
    assert raised.value.hints[0].startswith("lock it yourself")
    assert "uv pip compile requirements.txt --universal --generate-hashes -o requirements.lock" in raised.value.hints[0]


def test_a_project_without_a_lock_is_told_to_lock_itself(place: Place) -> None:
    offer_sources(place, "old-mail")

    with pytest.raises(UnlockedError, match=r"^pyproject\.toml:7: old-mail has no wheel") as raised:
        place.completed("", asked="old-mail")

    assert "`uv lock` or `poetry lock`" in raised.value.hints[0]


def test_what_something_else_needs_and_has_no_wheel_is_named_too(place: Place) -> None:
    place.offer("celery", "old-mail")
    offer_sources(place, "old-mail")

    with pytest.raises(UnlockedError, match=r"requirements\.txt:2: old-mail has no wheel"):
        place.completed("celery\n")


def test_what_no_index_has_is_told_as_uv_says_it(place: Place) -> None:
    with pytest.raises(UnlockedError, match=r"requirements\.txt:2: uv finds no versions (?s:.*)unknown-name"):
        place.completed("unknown-name\n")


def test_what_a_wheel_needs_and_no_line_lists_is_told_with_the_line(place: Place) -> None:
    celery = place.offer("celery", "kombu>=1")
    text = f"celery @ {place.index.url('celery-1.0-py3-none-any.whl')} --hash={celery}\n"
    place.completed(f"{text}kombu==1.0 --hash={place.offer('kombu')}\n")  # what is known then suffices offline

    with pytest.raises(StaleLockError, match=r"requirements\.txt:2: celery 1\.0 needs kombu on Python"):
        place.completed(text, offline=True)


@pytest.mark.parametrize("asked", ["alpha==1.0", "alpha", "alpha>=0.5", "gamma==1.0"])
def test_sources_that_say_what_they_need_are_no_obstacle(place: Place, asked: str) -> None:
    place.offer_sources("alpha", "setup(install_requires=['beta>=1'])", "beta>=1\n")
    place.offer("beta")
    place.offer("gamma", "alpha==1.0")

    lock = place.completed(f"{asked}\n")

    (alpha,) = lock.by_name[package_name("alpha")]
    assert alpha.wheels == ()
    assert alpha.sdist is not None
    assert alpha.sdist.filename == "alpha-1.0.tar.gz"
    assert [edge.name for edge in alpha.dependencies or ()] == ["beta"]
    assert lock.by_name[package_name("beta")][0].version == "1.0"


def test_sources_whose_own_code_alone_would_tell_are_refused(place: Place) -> None:
    place.offer_sources("alpha", "setup(install_requires=list(map(str, found())))", "")
    with pytest.raises(UnlockedError, match="alpha has no wheel for this Python and platform"):
        place.completed("alpha==1.0\n")


def test_sources_that_a_list_pins_by_their_hash_tell_what_they_need(place: Place) -> None:
    place.offer_sources("alpha", "setup(install_requires=['beta>=1'])", "beta>=1\n")
    digest, gamma = place.offer("beta"), place.offer("gamma")
    sources = Digest.of(place.index.files["alpha-1.0.tar.gz"])

    lock = place.completed(
        f"alpha==1.0 --hash={_hash(sources)}\nbeta==1.0 --hash={_hash(digest)}\ngamma==1.0 --hash={_hash(gamma)}\n"
    )

    (alpha,) = lock.by_name[package_name("alpha")]
    assert [edge.name for edge in alpha.dependencies or ()] == ["beta"]


def _hash(digest: Digest) -> str:
    return f"sha256:{digest.hex}"
