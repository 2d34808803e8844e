"""docker and podman: the engines that images meet in the end, through their own command lines.

Everything that is made in an engine carries the run's label, by which it is found and taken away. The network is the
engine's own, without a way out; servers of this machine join it in the place of containers that do nothing else.
"""

import contextlib
import itertools
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from careen.blobs.digest import Digest
from careen.errors import MissingToolError
from careen.oci.archive_writer import stream_docker_archive
from careen.oci.layout import Layout
from careen.oci.reference import ImageReference
from careen.process.feed import run_fed
from careen.process.run import CommandFailedError, Completed, find_program, run, run_checked
from careen.process.spawn import Running, start
from careen.prove.groups import Sampler, demand_open_groups, group_of, members
from careen.prove.launch import Launch, Mount
from careen.prove.network import NetworkError, Tables, join_network
from careen.prove.nobody import as_nobody
from careen.prove.processes import parent
from careen.prove.rootfs import ImageOnDisk
from careen.prove.runner import Property, Use
from careen.prove.runners.attended import AttendedContainer, Counted
from careen.prove.runners.engine_words import LABEL, Place, hardware_address, placing, run_words
from careen.prove.runners.holding import PROGRAM, holding_image
from careen.prove.runners.native import TABLES, uncounted
from careen.prove.runs import RunFolder
from careen.prove.settings import RunnerName
from careen.prove.undo import IMAGE_PREFIX, Made

_START_TIMEOUT = 60.0
_TIMEOUT = 60.0
_LOAD_TIMEOUT = 900.0
_HUB = "careen-hub"
_DIALLERS = 4
_TRIES = 8
_PACKAGES = {RunnerName.DOCKER: "docker.io", RunnerName.PODMAN: "podman"}
_NEVER = "0001"
"""The year in which an engine says that a container was started which never was."""


class EngineRunner:
    """Raises MissingToolError when the engine is missing, does not answer, or is on another machine."""

    def __init__(self, name: RunnerName) -> None:
        self.name = name.value
        program = find_program(name.value, package=_PACKAGES[name])
        if os.geteuid() != 0:
            raise MissingToolError(f"careen needs root to see what {name} runs", hints=("use --runner bwrap",))
        self.command: tuple[str, ...] = (str(program),)
        if name is RunnerName.DOCKER:
            # Said with every command: who cleans up later may not have the variable that names it.
            asked = run(
                (*self.command, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"), timeout=_TIMEOUT
            )
            if asked.succeeded:
                self.command = (*self.command, "--host", asked.stdout.decode().strip())
        fields = "{{.KernelVersion}} {{.Name}}" if name is RunnerName.DOCKER else "{{.Host.Kernel}} {{.Host.Hostname}}"
        told = run((*self.command, "info", "--format", fields), timeout=_TIMEOUT)
        if not told.succeeded:
            raise MissingToolError(f"{name} does not answer: {told.tail()}", hints=("is its daemon running?",))
        if name is RunnerName.PODMAN:  # without a daemon it makes its groups from here
            demand_open_groups(name.value)
        here = os.uname()
        if told.stdout.decode().split() != [here.release, here.nodename]:
            raise MissingToolError(
                f"{name} runs its containers on another machine, where careen cannot look at them",
                hints=("run careen there, or use --runner runc",),
            )

    @property
    def lacks(self) -> Mapping[Property, str]:
        return {**uncounted(None), Property.TRACES: f"{self.name} starts its containers out of careen's sight"}

    def ground(self, folder: RunFolder, names: Sequence[str], *, outside: bool = False) -> "EngineGround":
        return EngineGround(self.command, folder, names, outside=outside, makes_up=self.name == RunnerName.PODMAN)


class EngineGround:
    """``makes_up``: the engine gives every container a hardware address of its own, and caches do not know it."""

    shares_places = False  # an engine gives an address to one container

    def __init__(
        self, command: tuple[str, ...], folder: RunFolder, names: Sequence[str], *, outside: bool, makes_up: bool
    ) -> None:
        self._command, self._folder, self._outside, self._makes_up = command, folder, outside, makes_up
        self._network = f"careen-{folder.identity}"
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._loaded: dict[Digest, str] = {}
        self._held: dict[str, int] = {}
        folder.note(Made.ENGINE, folder.identity, *command)
        self._tables = Tables(folder.folder / "network", (*names, _HUB), self._make_network())
        self._holder = self._reference("hold")
        run_checked((*command, "import", "-", self._holder), timeout=_TIMEOUT, stdin=holding_image())
        self._sampler = Sampler()
        namespace = Path(f"/proc/{self._hold(_HUB)}/ns/net")
        # A socket belongs to the namespace that its thread was in when it was made.
        self._dialler = ThreadPoolExecutor(_DIALLERS, initializer=join_network, initargs=(namespace,))

    def start(self, launch: Launch) -> "EngineContainer":
        """Raises CommandFailedError."""
        image = self._image(launch.image)
        place = self._place(launch.name)
        words = (*self._command, *run_words(launch, image, place, self._table_mounts()))
        program = start(words)
        self._folder.note_process(program.pid)
        container = EngineContainer(launch.name, place.name, self._command, program, self._sampler)
        container.wait_for_start()
        return container

    def call(self, aliases: Sequence[tuple[str, str]]) -> None:
        self._tables.call(aliases)

    def dial(self, name: str, port: int, timeout: float) -> socket.socket:
        address = (self._tables.addresses[name], port)
        return self._dialler.submit(socket.create_connection, address, timeout).result()

    def beside(self, name: str) -> tuple[str, ...]:
        with self._lock:
            pid = self._held[name] if name in self._held else self._hold(name)
        return ("nsenter", f"--target={pid}", "--net", "--", *as_nobody())

    def close(self) -> None:
        self._sampler.close()
        self._dialler.shutdown()

    def _make_network(self) -> str:
        """The first three numbers of its addresses: a subnet that the engine has not given to another network."""
        internal = () if self._outside else ("--internal",)
        words = (*self._command, "network", "create", *internal, "--label", f"{LABEL}={self._folder.identity}")
        said = ""
        for _ in range(_TRIES):
            subnet = f"10.{128 + secrets.randbelow(120)}.{secrets.randbelow(256)}"
            done = run((*words, "--subnet", f"{subnet}.0/24", self._network), timeout=_TIMEOUT)
            if done.succeeded:
                return subnet
            said = done.tail()
        raise NetworkError(f"the engine makes no network: {said}")

    def _hold(self, name: str) -> int:
        place = self._place(name)
        run_checked(
            (*self._command, "run", "--detach", *placing(place, name), "--cap-drop", "ALL", self._holder, PROGRAM),
            timeout=_TIMEOUT,
        )
        pid = _inspect(self._command, place.name, "{{.State.Pid}}")
        if not pid.isdigit() or pid == "0":
            raise NetworkError(f"nothing holds the place of {name} in the engine's network")
        self._held[name] = int(pid)
        return int(pid)

    def _image(self, image: ImageOnDisk) -> str:
        """The image as the engine knows it, loaded when it is first asked for."""
        with self._lock:
            known = self._loaded.get(image.manifest.digest)
            if known is None:
                known = self._reference(f"image-{len(self._loaded)}")
                named = {ImageReference.parse(known): image.manifest}
                write = partial(stream_docker_archive, Layout.open(image.layout), named)
                run_fed((*self._command, "load"), write, timeout=_LOAD_TIMEOUT)
                self._loaded[image.manifest.digest] = known
            return known

    def _reference(self, tag: str) -> str:
        return f"localhost/{IMAGE_PREFIX}{self._folder.identity}:{tag}"

    def _place(self, name: str) -> Place:
        return Place(
            name=f"careen-{self._folder.identity}-{next(self._numbers)}",
            identity=self._folder.identity,
            network=self._network,
            address=self._tables.addresses[name],
            hardware_address=hardware_address(self._tables.addresses[name]) if self._makes_up else None,
            names_no_owner=self._makes_up,
        )

    def _table_mounts(self) -> tuple[Mount, ...]:
        sources = (self._tables.hosts, *(() if self._outside else (self._tables.name_servers,)))
        return tuple(Mount(source, target) for source, target in zip(sources, TABLES, strict=False))


class EngineContainer(AttendedContainer):
    """Its attendant is ``docker run`` in the foreground; ``identity`` is the container's name in the engine."""

    def __init__(self, name: str, identity: str, command: tuple[str, ...], program: Running, sampler: Sampler) -> None:
        super().__init__(name, program, Counted(None, sampler))
        self._identity, self._command, self._sampler = identity, command, sampler
        self._pid: int | None = None
        self._group: str | None = None
        self._out_of_memory = False

    def wait_for_start(self) -> None:
        """Raises CommandFailedError, with what the engine says, when there never was a container."""
        give_up = time.monotonic() + _START_TIMEOUT
        while self._pid is None:
            ended = self.program.status() is not None
            state = _inspect(self._command, self._identity, "{{.State.Pid}} {{.State.StartedAt}}").split()
            if len(state) > 1 and state[0].isdigit() and state[0] != "0":
                self._pid = int(state[0])
                self._group = group_of(self._pid)
                self.counted = Counted(self._group, self._sampler)
            elif ended and len(state) > 1 and not state[1].startswith(_NEVER):
                return  # it has come and gone
            elif ended or time.monotonic() > give_up:
                self.program.wait(1)
                said = self.program.heard().text.strip()[-800:]
                raise CommandFailedError(f"{self.name} cannot be started: {said}")

    def execute(self, argv: tuple[str, ...], timeout: float) -> Completed:
        program = start((*self._command, "exec", self._identity, *argv))
        status = program.wait(timeout)
        if status is None:
            program.kill()
            self._kill_guests()
            raise CommandFailedError(f"{argv[0]} did not finish within {timeout:g} s")
        return Completed(argv, status, program.heard().text.encode(), b"")

    def pid(self) -> int | None:
        return self._pid

    def use(self) -> Use:
        # A container's control group goes with its last process; the engine remembers why that went.
        counted = self.counted.use()
        known = Use(out_of_memory=1 if self._out_of_memory and not counted.out_of_memory else 0)
        return counted.after(known) if counted.out_of_memory is not None or self._out_of_memory else counted

    def take_away(self) -> None:
        self._out_of_memory = _inspect(self._command, self._identity, "{{.State.OOMKilled}}") == "true"
        run((*self._command, "rm", "--force", "--volumes", self._identity), timeout=_TIMEOUT)

    def _kill_guests(self) -> None:
        """What was put beside the service from outside: processes whose parent is not of the container."""
        inside = members(self._group) if self._group is not None else frozenset()
        for pid in inside - {self._pid}:
            if parent(pid) not in inside:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def _inspect(command: tuple[str, ...], identity: str, field: str) -> str:
    """Empty when there is no such container."""
    words = (*command, "container", "inspect", "--format", field, identity)
    return run(words, timeout=_TIMEOUT).stdout.decode("utf-8", "replace").strip()
