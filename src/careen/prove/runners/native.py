"""What runc and bwrap share: namespaces that careen lays out itself, and images as folders of this disk."""

import itertools
import os
import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from careen.prove.groups import Hierarchies, Sampler, hierarchies
from careen.prove.launch import Launch, Mount
from careen.prove.network import HeldNetwork, NamedNetwork
from careen.prove.nobody import as_nobody
from careen.prove.rootfs import private_copy
from careen.prove.runner import Property
from careen.prove.runs import RunFolder
from careen.prove.undo import Made

TABLES = (PurePosixPath("/etc/hosts"), PurePosixPath("/etc/resolv.conf"))


class NativeGround:
    """A private network and a control group for one stack. Raises what laying out the network raises."""

    shares_places = True

    def __init__(self, folder: RunFolder, names: Sequence[str], *, outside: bool) -> None:
        self.folder = folder
        self.group = f"/careen-{folder.identity}"
        self.network: NamedNetwork | HeldNetwork
        if os.geteuid() == 0:
            for root in hierarchies().all_roots:
                folder.note(Made.CONTROL_GROUP, f"{root}{self.group}")
            self.network = NamedNetwork(folder, names, outside=outside)
        else:
            self.network = HeldNetwork(folder, names, outside=outside)
        self.sampler = Sampler()
        self._numbers = itertools.count(1)

    def next_name(self) -> str:
        """A new one for each container; starts happen at the same time."""
        return f"careen-{self.folder.identity}-{next(self._numbers)}"

    def call(self, aliases: Sequence[tuple[str, str]]) -> None:
        self.network.tables.call(aliases)

    def dial(self, name: str, port: int, timeout: float) -> socket.socket:
        return self.network.dial(name, port, timeout)

    def beside(self, name: str) -> tuple[str, ...]:
        return (*self.network.enter(name), *as_nobody())

    def close(self) -> None:
        self.sampler.close()
        self.network.close()

    def rooted(self, launch: Launch, name: str) -> Launch:
        """With a root of its own when it may be written to: the images' files are shared."""
        if launch.read_only:
            return launch
        return replace(launch, image=private_copy(launch.image, self.folder.folder / f"writable-{name}"))

    def tables(self) -> tuple[Mount, ...]:
        """The files by which containers find each other."""
        sources = (self.network.tables.hosts, self.network.tables.name_servers)
        return tuple(Mount(source, target) for source, target in zip(sources, TABLES, strict=True))


def uncounted(reason: str | None, at: Hierarchies | None = None) -> dict[Property, str]:
    """Which limits nobody can set or count here: all of them for a ``reason``, else those without a control group."""
    missing = {}
    at = at or hierarchies()
    for wanted, controller in ((Property.MEMORY, "memory"), (Property.PROCESSES, "pids")):
        if reason is not None:
            missing[wanted] = reason
        elif at.root_of(controller) is None:
            missing[wanted] = f"this machine lets nobody make a control group for {controller}"
    return missing
