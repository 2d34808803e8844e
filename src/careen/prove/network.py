"""A private network for one stack: a bridge in a network namespace of its own, and one namespace a container.

Nothing leads out of it: no route, no name server. Names are found in /etc/hosts, as compose's are.
"""

import ctypes
import os
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from careen.errors import CareenError
from careen.process.run import find_program, run_checked
from careen.prove.runs import RunFolder
from careen.prove.undo import Made

_TIMEOUT = 20.0
_DIALLERS = 4
_SUBNET = "10.0.2"
"""The one that slirp4netns gives its guests, so that a way out can be added to the same bridge."""
_FIRST_HOST, _LAST_HOST = 16, 250
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET, sched.h
_NAMED = Path("/run/netns")


class NetworkError(CareenError):
    """The private network cannot be made."""


class PrivateNetwork:
    """Of the services so named. Takes root and iproute2. Raises NetworkError, MissingToolError, CommandFailedError."""

    def __init__(self, run: RunFolder, names: Sequence[str]) -> None:
        if len(names) > _LAST_HOST - _FIRST_HOST:
            raise NetworkError(f"{len(names)} services are more than a private network holds")
        self._ip = find_program("ip", package="iproute2")
        self._hub = f"careen-{run.identity}"
        self._members = {name: f"{self._hub}-{number}" for number, name in enumerate(names)}
        self._addresses = {name: f"{_SUBNET}.{_FIRST_HOST + number}" for number, name in enumerate(names)}
        self._folder = run.folder / "network"
        self._folder.mkdir()
        self._write_tables()
        for namespace in (self._hub, *self._members.values()):
            run.note(Made.NETWORK_NAMESPACE, namespace)
        self._build()
        # A socket belongs to the namespace that its thread was in when it was made.
        self._dialler = ThreadPoolExecutor(_DIALLERS, initializer=join_network, initargs=(self.hub,))

    def address(self, name: str) -> str:
        return self._addresses[name]

    def namespace(self, name: str) -> Path:
        """The namespace of a service, as a file that can be joined."""
        return _NAMED / self._members[name]

    @property
    def hub(self) -> Path:
        """A namespace beside all services, with a way to each of them."""
        return _NAMED / self._hub

    @property
    def hosts(self) -> Path:
        return self._folder / "hosts"

    @property
    def name_servers(self) -> Path:
        return self._folder / "resolv.conf"

    def dial(self, name: str, port: int, timeout: float) -> socket.socket:
        """A connection to a service from the hub. Raises OSError, which is refused or timed out."""
        return self._dialler.submit(socket.create_connection, (self._addresses[name], port), timeout).result()

    def close(self) -> None:
        self._dialler.shutdown()

    def _write_tables(self) -> None:
        lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
        lines += [f"{address} {name}" for name, address in self._addresses.items()]
        self.hosts.write_text("\n".join(lines) + "\n")
        # The loopback refuses at once, where no server at all would mean the loopback too, after a while.
        self.name_servers.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")

    def _build(self) -> None:
        self._batch(None, [f"netns add {namespace}" for namespace in (self._hub, *self._members.values())])
        hub = ["link add bridge0 type bridge", f"addr add {_SUBNET}.254/24 dev bridge0"]
        hub += ["link set lo up", "link set bridge0 up"]
        for number, namespace in enumerate(self._members.values()):
            hub.append(f"link add to{number} type veth peer name eth0 netns {namespace}")
            hub += [f"link set to{number} master bridge0", f"link set to{number} up"]
        self._batch(self._hub, hub)
        for name, namespace in self._members.items():
            address = f"addr add {self._addresses[name]}/24 dev eth0"
            self._batch(namespace, ["link set lo up", address, "link set eth0 up"])

    def _batch(self, namespace: str | None, lines: Sequence[str]) -> None:
        where = ("-n", namespace) if namespace is not None else ()
        run_checked((self._ip, *where, "-batch", "-"), timeout=_TIMEOUT, stdin=("\n".join(lines) + "\n").encode())


def join_network(namespace: Path) -> None:
    """Puts the calling thread, and no other, into a network namespace. Raises OSError."""
    library = ctypes.CDLL(None, use_errno=True)  # os.setns came with Python 3.12
    with namespace.open("rb") as handle:
        if library.setns(handle.fileno(), _NEW_NETWORK) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
