"""What a lock leaves open, filled in: versions nobody pinned (by uv), addresses (by the index), edges (by wheels)."""

import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path, PurePosixPath

from careen.app.bases import answers
from careen.app.indexes import ConfiguredIndexes, configured_indexes
from careen.app.locks import ReadLock
from careen.app.session import Session
from careen.app.source_stand_ins import needs_of, newest_version, write_stand_in
from careen.app.uv import uv_program
from careen.blobs.digest import Digest
from careen.errors import CareenError, ExitCode
from careen.process.run import Completed, run
from careen.progress import Step
from careen.python.addresses import indexes_for, lacks_address, with_addresses
from careen.python.c_library import CLibrary
from careen.python.environment import TargetEnvironment
from careen.python.locked import Lock, LockedFile, LockedPackage, RegistrySource, StaleLockError
from careen.python.metadata_edges import Missing, lacks_edges, with_edges
from careen.python.names import PackageName, package_name
from careen.python.pylock import read_pylock
from careen.python.requirement_files import RequirementFile
from careen.python.requirement_lock import unpinned, with_versions
from careen.python.requirements import metadata_of, requirements_in
from careen.python.simple_index import files_of, of_version, version_of
from careen.python.tags import best_wheel
from careen.text.source import Source
from careen.text.values import dataclass

_RESOLVE_SECONDS = 600
_NEWEST_GLIBC_OF_UV = 40
"""The minor version of the last ``manylinux_2_*`` that uv has a word for; what runs on it runs on newer ones."""

_FOUND = 200
_MOST_ROUNDS = 3
_RESOLVED = PurePosixPath("requirements as uv resolves them")
_WHEELS_WANTED = re.compile(r"Wheels are required for `([^`]+)` because building from source is disabled")


class UnlockedError(CareenError):
    """A file of requirements leaves versions open, and they cannot be chosen as pip would choose them."""

    exit_code = ExitCode.USAGE


@dataclass(kw_only=True)
class Completing:
    """``root`` is the folder that was asked about, ``folder`` the project's in it. ``notes`` grow.

    ``lasting`` is false when another hour may give another answer, ``dated`` is true when another day may.
    """

    session: Session
    root: Path
    folder: PurePosixPath
    environment: TargetEnvironment
    c_library: CLibrary
    notes: list[str]
    lasting: bool = True
    dated: bool = False
    _told_by_source: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def completed(self, read: ReadLock) -> Lock:
        """Raises UnlockedError, StaleLockError, NoIndexError."""
        lock = read.lock
        if read.requirements:
            lock = self._resolved(lock, read.requirements)
        if any(lacks_address(package) for package in lock.packages):
            lock = self._addressed(lock)
        if lacks_edges(lock):
            lock = self._edged(lock)
        return lock

    # Versions

    def _resolved(self, lock: Lock, files: tuple[RequirementFile, ...]) -> Lock:
        """A list that pip would have to complete is completed by uv, which chooses as pip does."""
        open_entries = unpinned(files)
        if not open_entries and all(file.generated or file.is_hashed for file in files):
            return lock
        program = uv_program()
        first = open_entries[0] if open_entries else None
        if first is not None and (program is None or self.session.surroundings.offline):
            raise UnlockedError(
                f"{first.path}:{first.line}: {first.written} leaves open which version the image gets",
                hints=(
                    f"pin it: uv pip compile {first.path} --universal --generate-hashes -o requirements.lock",
                    "or install uv: careen then plans with what uv would install today",
                ),
            )
        if program is None or self.session.surroundings.offline:
            return lock
        if first is not None:
            self.lasting = False
            more = f" (and {len(open_entries) - 1} more lines)" if len(open_entries) > 1 else ""
            self.notes.append(
                f"{first.path}:{first.line}: {first.written} is not pinned{more}: the plan has what uv installs today, "
                "another day's build may get other versions"
            )
        completed = with_versions(lock, self._asked_of_uv(program, files, lock))
        self.dated = not completed.by_name.keys() <= lock.by_name.keys()
        return completed

    def _asked_of_uv(self, program: Path, files: tuple[RequirementFile, ...], lock: Lock) -> Lock:
        named = [entry.written for file in files for entry in file.entries if not file.is_file]
        texts = [self.root.resolve() / file.path for file in files if file.is_file]
        stood_for: dict[PackageName, LockedFile] = {}
        with tempfile.TemporaryDirectory(prefix="careen-sources-") as scratch:
            done = self._compile(program, named, texts)
            while not done.succeeded and (found := self._stand_ins(done, files, lock, Path(scratch), stood_for)):
                stood_for |= found
                done = self._compile(program, named, texts, beside=Path(scratch))
        if not done.succeeded:
            raise _source_only(done, files) or UnlockedError(
                f"{_place(files, ())}: uv finds no versions for these requirements: {done.tail()}",
                hints=("pin them: uv pip compile ... -o requirements.lock, and install that",),
            )
        resolved = read_pylock(Source(_RESOLVED, done.stdout.decode("utf-8", "replace")))
        return replace(resolved, packages=tuple(_of_sources(package, stood_for) for package in resolved.packages))

    def _stand_ins(
        self,
        done: Completed,
        files: Sequence[RequirementFile],
        lock: Lock,
        folder: Path,
        known: Mapping[PackageName, LockedFile],
    ) -> Mapping[PackageName, LockedFile]:
        """Wheels in ``folder`` for what uv may not build, where it is clear which version it would be, and the sources
        say what they need; nothing where one of them does not.
        """
        found: dict[PackageName, LockedFile] = {}
        entries = [entry.requirement for file in files for entry in file.entries if entry.requirement is not None]
        for name in _source_names(done):
            addresses = lock.indexes or self._indexes(lock).addresses
            if name in known or not addresses:
                return {}
            offered = files_of(self.session.ask_index, {name: (*addresses, *lock.extra_indexes)}, lock.links)[name]
            asked = [entry.specifier for entry in entries if entry.name == name and entry.url is None]
            version = _version_wanted(done, name, offered, asked)
            if version is None or isinstance(offered, CareenError):
                return {}
            told = needs_of(of_version(offered, name, version), self.session.packages)
            if told is None:
                return {}
            found[name] = told.file
            self._told_by_source[told.file.url] = told.requires
            write_stand_in(folder, name, version, told)
        return found

    def _compile(
        self,
        program: Path,
        named: Sequence[str],
        texts: Sequence[Path] = (),
        limits: Sequence[str] = (),
        beside: Path | None = None,
    ) -> Completed:
        """uv's choice for what is named and what the texts list, within ``limits``. Nothing is built or run for it."""
        self.session.progress(Step("choosing versions", 0, 1))
        settings = self._indexes(None)
        machine = self.environment.platform.architecture.machine
        with tempfile.TemporaryDirectory(prefix="careen-resolve-") as scratch:
            argv: list[str | Path] = [program, "pip", "compile", "--quiet", "--no-header", "--no-build"]
            argv += [
                "--format",
                "pylock.toml",
                "--python-version",
                f"{self.environment.python}.{self.environment.patch}",
            ]
            argv += ["--python-platform", f"{machine}-{self._system}"]
            if settings.addresses:
                argv += ["--default-index", settings.addresses[0]]
            if settings.addresses[1:]:  # every index counts alike, as they do for pip, whose settings these are
                argv += ["--index-strategy", "unsafe-best-match"]
            for address in settings.addresses[1:]:
                argv += ["--extra-index-url", address]
            for link in settings.links:
                argv += ["--find-links", link]
            if beside is not None:
                argv += ["--find-links", beside]
            for name, lines, option in (("named.in", named, None), ("limits.txt", limits, "--constraint")):
                if lines:
                    place = Path(scratch, name)
                    place.write_text("".join(f"{line}\n" for line in lines))
                    argv += [option, place] if option is not None else [place]
            environment = {**self.session.surroundings.environment, "UV_NO_PROGRESS": "1"}
            done = run([*argv, *texts], timeout=_RESOLVE_SECONDS, cwd=self.root / self.folder, environment=environment)
        self.session.progress(Step("choosing versions", 1, 1))
        return done

    @property
    def _system(self) -> str:
        """As ``--python-platform`` of uv says it."""
        if self.c_library.is_musl:
            return "unknown-linux-musl"
        return f"manylinux_2_{min(self.c_library.version[1], _NEWEST_GLIBC_OF_UV)}"

    # Addresses

    def _indexes(self, lock: Lock | None) -> ConfiguredIndexes:
        """Nothing is asked about when the lock names its own."""
        if lock is not None and lock.indexes:
            return ConfiguredIndexes(addresses=(), links=())
        return configured_indexes(self.session.surroundings.environment, self.root / self.folder)

    def _addressed(self, lock: Lock) -> Lock:
        settings = self._indexes(lock)
        wanted = indexes_for(lock, settings.addresses)
        links = (*lock.links, *settings.links)
        question = ["v1", _fingerprint(lock, wanted), {name: list(found) for name, found in wanted.items()}, links]
        known = _files(answers(self.session).get("addresses", question))
        if known is None:
            phase, done = "asking the index for addresses", 0
            self.session.progress(Step(phase, 0, len(wanted)))

            def told(name: PackageName) -> None:
                nonlocal done
                done += 1
                self.session.progress(Step(phase, done, len(wanted), name))

            found = files_of(self.session.ask_index, wanted, links, on_done=told)
            known = {name: files for name, files in found.items() if not isinstance(files, CareenError)}
            failures = [answer for answer in found.values() if isinstance(answer, CareenError)]
            if failures:
                self.lasting = False
                more = f" (and {len(failures) - 1} more likewise)" if len(failures) > 1 else ""
                self.notes.append(f"{failures[0].message}{more}: where its files are is not known")
            addressed = with_addresses(lock, known)
            known = {package.name: () for package in addressed.packages} | {
                name: tuple(file for package in addressed.by_name.get(name, ()) for file in _all(package))
                for name in known
            }
            if not failures:
                answers(self.session).keep("addresses", question, _rows(known))
        return with_addresses(lock, known)

    # Edges

    def _edged(self, lock: Lock, depth: int = 0) -> Lock:
        wanted: dict[int, LockedFile] = {}
        for package in lock.packages:
            if package.dependencies is None and self.environment.satisfies(package.marker):
                wheel = best_wheel(package.wheels, self.environment.python, self.environment.platform, self.c_library)
                if wheel is not None:
                    wanted[id(package)] = wheel
        contents = self.session.packages.contents(list(dict.fromkeys(wanted.values())))

        def requires(package: LockedPackage) -> tuple[str, ...] | None:
            wheel = wanted.get(id(package))
            if wheel is None and package.sdist is not None and self.environment.satisfies(package.marker):
                return self._told_by(package.sdist)
            found = contents[wheel] if wheel is not None else None
            if wheel is None or found is None or isinstance(found, CareenError):
                return None
            return self._metadata(wheel) if found.requires is None else found.requires

        edged, missing = with_edges(lock, requires)
        lacking = [item for item in missing if self.environment.satisfies(item.marker)]
        if not lacking:
            return edged
        if depth < _MOST_ROUNDS:
            more = self._lacking(lock, lacking)
            if more:
                return self._edged(replace(lock, packages=(*lock.packages, *more)), depth + 1)
        first = lacking[0]
        raise StaleLockError(
            f"{lock.path}:{first.package.line}: {first.package.name} {first.package.version} needs {first.name} on "
            f"Python {self.environment.python}.{self.environment.patch}, and the lock does not have it",
            hints=("lock again, for this Python", "or let uv complete the list: uv pip compile --generate-hashes"),
        )

    def _told_by(self, sdist: LockedFile) -> tuple[str, ...] | None:
        """What sources say that they need."""
        if sdist.url not in self._told_by_source:
            needs = needs_of((sdist,), self.session.packages)
            if needs is None:
                return None
            self._told_by_source[sdist.url] = needs.requires
        return self._told_by_source[sdist.url]

    def _lacking(self, lock: Lock, lacking: Sequence[Missing]) -> tuple[LockedPackage, ...]:
        """What the lock leaves out and this Python needs, as uv would choose it; nothing where uv cannot tell."""
        program = uv_program()
        if program is None or self.session.surroundings.offline:
            return ()
        pins = [f"{p.name}=={p.version}" for p in lock.packages if isinstance(p.source, RegistrySource)]
        done = self._compile(program, [item.name for item in lacking], limits=pins)
        if not done.succeeded:
            return ()
        found = read_pylock(Source(_RESOLVED, done.stdout.decode("utf-8", "replace"))).packages
        first = lacking[0]
        self.lasting = False
        self.notes.append(
            f"{lock.path}:{first.package.line}: {first.package.name} {first.package.version} needs {first.name} on "
            f"Python {self.environment.python}.{self.environment.patch}, and the lock, made for another Python, does "
            "not have it: the plan adds what uv chooses today"
        )
        return tuple(package for package in found if package.name not in lock.by_name)

    def _metadata(self, wheel: LockedFile) -> tuple[str, ...] | None:
        """What a wheel needs when its end does not tell: from the file beside it (PEP 658), else from itself."""
        known = answers(self.session).get("requires", wheel.url) if wheel.digest is not None else None
        if isinstance(known, list):
            return tuple(map(str, known))
        text: str | None = None
        try:
            if "://" in wheel.url and not wheel.url.startswith("file:"):
                answer = self.session.ask_index(f"{wheel.url}.metadata", "*/*")
                text = answer.body.decode("utf-8", "replace") if answer.status == _FOUND else None
            if text is None and wheel.digest is not None:
                text = metadata_of(self.session.packages.wheel(wheel))
        except (CareenError, OSError):
            return None
        if text is None:
            return None
        found = requirements_in(text)
        answers(self.session).keep("requires", wheel.url, list(found))
        return found


def _of_sources(package: LockedPackage, stood_for: Mapping[PackageName, LockedFile]) -> LockedPackage:
    """With the sources themselves where a wheel stood in for them."""
    if package.name not in stood_for:
        return package
    return replace(package, source=RegistrySource(index=""), wheels=(), sdist=stood_for[package.name])


def _source_names(done: Completed) -> tuple[PackageName, ...]:
    """What uv would have to build, which it may not."""
    output = (done.stdout + done.stderr).decode("utf-8", "replace")
    return tuple(map(package_name, dict.fromkeys(_WHEELS_WANTED.findall(output))))


def _version_wanted(
    done: Completed, name: PackageName, offered: Sequence[LockedFile] | CareenError, asked: Sequence[str]
) -> str | None:
    """The one that others ask for; where the list alone asks for it, the newest that will do, which uv would take."""
    output = " ".join((done.stdout + done.stderr).decode("utf-8", "replace").split())
    told = re.search(rf"(?<![\w.-]){re.escape(name)}(?:\{{[^}}]*\}}|\[[^\]]*\])*==(\S+) has no usable wheels", output)
    if told is not None:
        return told[1]
    if isinstance(offered, CareenError) or not (asked or f"all versions of {name} have no usable wheels" in output):
        return None
    versions = (version for file in offered if (version := version_of(file.filename, name)) is not None)
    return newest_version(versions, ",".join(text.strip("() ") for text in asked if text))


def _source_only(done: Completed, files: Sequence[RequirementFile]) -> UnlockedError | None:
    """What uv may not build, if it was that: only its own code would tell what it needs, and no code runs here."""
    names = _source_names(done)
    if not names:
        return None
    path = next((file.path for file in files if file.is_file), PurePosixPath("requirements.in"))
    listed = ", ".join(names)
    have, it, their = ("have", "they need", "their") if len(names) > 1 else ("has", "it needs", "its")
    how = f"uv pip compile {path} --universal --generate-hashes -o requirements.lock, and install requirements.lock"
    if any(entry.path.name == "pyproject.toml" for file in files for entry in file.entries):
        how = "with the project's own tool, `uv lock` or `poetry lock`, and install that"
    return UnlockedError(
        f"{_place(files, names)}: {listed} {have} no wheel for this Python and platform, and what {it} is known only "
        f"to {their} own code, which careen does not run while it reads",
        hints=(
            f"lock it yourself, which runs that code: {how} in the Dockerfile",
            "or ask for a version that has wheels",
        ),
    )


def _place(files: Sequence[RequirementFile], names: Sequence[PackageName]) -> str:
    """The line of one of the names, else the first that is open."""
    entries = [entry for file in files for entry in file.entries]
    named = [entry for entry in entries if entry.requirement is not None and entry.requirement.name in names]
    first = (named or unpinned(files) or entries)[0]
    return f"{first.path}:{first.line}"


def _all(package: LockedPackage) -> tuple[LockedFile, ...]:
    return (*package.wheels, *((package.sdist,) if package.sdist is not None else ()))


def _fingerprint(lock: Lock, wanted: Iterable[PackageName]) -> str:
    rows = [
        [
            name,
            package.version,
            [[file.filename, str(file.digest)] for file in _all(package)],
            [str(h) for h in package.hashes],
        ]
        for name in wanted
        for package in lock.by_name[name]
    ]
    return Digest.of(repr(rows).encode()).hex


def _rows(files: Mapping[PackageName, Sequence[LockedFile]]) -> dict[str, list[list[object]]]:
    return {
        name: [[file.url, file.digest.hex if file.digest is not None else None, file.size] for file in found]
        for name, found in files.items()
    }


def _files(document: object) -> dict[PackageName, tuple[LockedFile, ...]] | None:
    if not isinstance(document, dict):
        return None
    try:
        return {
            PackageName(name): tuple(
                LockedFile(url=str(url), digest=None if digest is None else Digest(str(digest)), size=size)
                for url, digest, size in rows
            )
            for name, rows in document.items()
        }
    except (TypeError, ValueError, CareenError):
        return None
