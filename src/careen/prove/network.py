"""A private network for one stack: a bridge in a network namespace of its own, and one namespace a container.

Nothing leads out of it: no route, no name server. Names are found in /etc/hosts, as compose's are. Root gives the
namespaces names; a user has them held by processes that do nothing else, below a user namespace in which he is root.
"""

import ctypes
import os
import socket
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from careen.errors import CareenError, MissingToolError
from careen.process.run import find_program, run, run_checked
from careen.process.spawn import Running, start
from careen.prove.dialler import Dialler
from careen.prove.runs import RunFolder
from careen.prove.undo import Made

_TIMEOUT = 20.0
_DIALLERS = 4
_SUBNET = "10.0.2"
"""The one that slirp4netns gives its guests, so that a way out can be added to the same bridge."""
_FIRST_HOST, _LAST_HOST = 16, 250
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET, sched.h
_TAP = "tap0"
_NAMED = Path("/run/netns")
_NAMESPACE_HINTS = ("let users have namespaces: sysctl kernel.unprivileged_userns_clone=1", "or run careen as root")


class NetworkError(CareenError):
    """The private network cannot be made."""


class Tables:
    """Addresses of the services so named, and the files that tell containers of them. Raises NetworkError."""

    def __init__(self, folder: Path, names: Sequence[str], subnet: str = _SUBNET, *, outside: bool = False) -> None:
        if len(names) > _LAST_HOST - _FIRST_HOST:
            raise NetworkError(f"{len(names)} services are more than a private network holds")
        folder.mkdir(mode=0o755)
        self.addresses: Mapping[str, str] = {
            name: f"{subnet}.{_FIRST_HOST + number}" for number, name in enumerate(names)
        }
        self.hosts, self.name_servers = folder / "hosts", folder / "resolv.conf"
        lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
        lines += [f"{address} {name}" for name, address in self.addresses.items()]
        self.hosts.write_text("\n".join(lines) + "\n")
        # The loopback refuses at once, where no server at all would mean the loopback too, after a while.
        server = f"{subnet}.3" if outside else "127.0.0.1"
        self.name_servers.write_text(f"nameserver {server}\noptions timeout:1 attempts:1\n")

    def call(self, aliases: Sequence[tuple[str, str]]) -> None:
        """Adds names, each for a service; a service's own name and this machine's stay what they are."""
        known = {"localhost", *self.addresses}
        lines = [
            f"{self.addresses[name]} {alias}\n"
            for alias, name in aliases
            if alias not in known and name in self.addresses
        ]
        with self.hosts.open("a") as hosts:
            hosts.writelines(lines)


class NamedNetwork:
    """Takes root and iproute2. Raises NetworkError, MissingToolError, CommandFailedError."""

    def __init__(self, folder: RunFolder, names: Sequence[str], *, outside: bool = False) -> None:
        self.tables = Tables(folder.folder / "network", names, outside=outside)
        self._ip = str(find_program("ip", package="iproute2"))
        self._hub = f"careen-{folder.identity}"
        self._members = {name: f"{self._hub}-{number}" for number, name in enumerate(names)}
        for namespace in (self._hub, *self._members.values()):
            folder.note(Made.NETWORK_NAMESPACE, namespace)
        _batch((self._ip,), [f"netns add {namespace}" for namespace in (self._hub, *self._members.values())])
        _batch((self._ip, "-n", self._hub), hub_lines(list(self._members.values())))
        for name, namespace in self._members.items():
            _batch((self._ip, "-n", namespace), member_lines(self.tables.addresses[name], outside=outside))
        hub = ("--netns-type=path", str(_NAMED / self._hub))
        self._slirp = _way_out(folder, hub, (self._ip, "-n", self._hub)) if outside else None
        # A socket belongs to the namespace that its thread was in when it was made.
        self._dialler = ThreadPoolExecutor(_DIALLERS, initializer=join_network, initargs=(_NAMED / self._hub,))

    def namespace(self, name: str) -> Path:
        """The namespace of a service, as a file that can be joined."""
        return _NAMED / self._members[name]

    def enter(self, name: str) -> tuple[str, ...]:
        return ("nsenter", f"--net={self.namespace(name)}", "--")

    def inside(self) -> tuple[str, ...]:
        """Words that, put before a command, give it the privileges that joining a namespace takes."""
        return ()

    def dial(self, name: str, port: int, timeout: float) -> socket.socket:
        address = (self.tables.addresses[name], port)
        return self._dialler.submit(socket.create_connection, address, timeout).result()

    def close(self) -> None:
        self._dialler.shutdown()
        if self._slirp is not None:
            self._slirp.kill()


def hub_lines(members: Sequence[str]) -> list[str]:
    """Commands of ``ip -batch`` for the hub; ``members`` are names or process numbers of the namespaces around it."""
    lines = ["link add bridge0 type bridge", f"addr add {_SUBNET}.254/24 dev bridge0"]
    lines += ["link set lo up", "link set bridge0 up"]
    for number, namespace in enumerate(members):
        lines.append(f"link add to{number} type veth peer name eth0 netns {namespace}")
        lines += [f"link set to{number} master bridge0", f"link set to{number} up"]
    return lines


def member_lines(address: str, *, outside: bool = False) -> list[str]:
    route = [f"route add default via {_SUBNET}.2"] if outside else []
    return ["link set lo up", f"addr add {address}/24 dev eth0", "link set eth0 up", *route]


def _way_out(folder: RunFolder, hub: tuple[str, ...], ip: tuple[str, ...]) -> Running:
    """slirp4netns(1) on the bridge, as its gateway (.2) and name server (.3); this machine's loopback stays shut.

    ``hub`` are its words for the namespace, ``ip`` the command in there. Raises NetworkError, MissingToolError.
    """
    program = find_program("slirp4netns", package="slirp4netns")
    slirp = start((program, "--disable-host-loopback", "--mtu=1500", *hub, _TAP))
    folder.note_process(slirp.pid)
    give_up = time.monotonic() + _TIMEOUT
    while not run((*ip, "link", "show", _TAP), timeout=_TIMEOUT).succeeded:
        if slirp.status() is not None or time.monotonic() > give_up:
            slirp.kill()
            raise NetworkError(f"the network gets no way out: {slirp.heard().text.strip()[-300:]}")
        time.sleep(0.01)
    _batch(ip, [f"link set {_TAP} master bridge0", f"link set {_TAP} up"])
    return slirp


def _batch(ip: tuple[str, ...], lines: Sequence[str]) -> None:
    run_checked((*ip, "-batch", "-"), timeout=_TIMEOUT, stdin=("\n".join(lines) + "\n").encode())


def join_network(namespace: Path) -> None:
    """Puts the calling thread, and no other, into a network namespace. Raises OSError."""
    library = ctypes.CDLL(None, use_errno=True)  # os.setns came with Python 3.12
    with namespace.open("rb") as handle:
        if library.setns(handle.fileno(), _NEW_NETWORK) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


class HeldNetwork:
    """For users that are not root. Takes iproute2, util-linux, and a kernel that lets users have namespaces.

    The caller is root in it; the users that /etc/subuid lends to the caller are the others.
    Raises NetworkError, MissingToolError, CommandFailedError.
    """

    def __init__(self, folder: RunFolder, names: Sequence[str], *, outside: bool = False) -> None:
        self.tables = Tables(folder.folder / "network", names, outside=outside)
        ip = str(find_program("ip", package="iproute2"))
        self._holders: list[Running] = []
        self._folder = folder
        self._hub = self._hold((*_unsharing_users(), "--net", "--"))
        inside = _entering(self._hub, user_only=True)
        self._members = {name: self._hold((*inside, "unshare", "--net", "--")) for name in names}
        _batch((*_entering(self._hub), ip), hub_lines([str(pid) for pid in self._members.values()]))
        for name, pid in self._members.items():
            _batch((*_entering(pid), ip), member_lines(self.tables.addresses[name], outside=outside))
        if outside:
            self._holders.append(_way_out(folder, (str(self._hub),), (*_entering(self._hub), ip)))
        self._dialler = Dialler(_entering(self._hub))

    @staticmethod
    def lends_users() -> bool:
        """Whether the caller may have other users than itself in a namespace."""
        return run((*_unsharing_users(lent=True), "--", "true"), timeout=_TIMEOUT).succeeded

    @staticmethod
    def try_out() -> None:
        """Raises MissingToolError when users may have no namespaces here."""
        tried = run((*_unsharing_users(lent=False), "--net", "--", "true"), timeout=_TIMEOUT)
        if not tried.succeeded:
            raise MissingToolError(f"this user can have no namespaces: {tried.tail()}", hints=_NAMESPACE_HINTS)

    def namespace(self, name: str) -> Path:
        """The namespace of a service, as a file that can be joined by whoever is inside."""
        return Path(f"/proc/{self._members[name]}/ns/net")

    def enter(self, name: str) -> tuple[str, ...]:
        return _entering(self._members[name])

    def inside(self) -> tuple[str, ...]:
        return _entering(self._hub, user_only=True)

    def dial(self, name: str, port: int, timeout: float) -> socket.socket:
        return self._dialler.dial(self.tables.addresses[name], port, timeout)

    def close(self) -> None:
        self._dialler.close()
        for holder in self._holders:
            holder.kill()

    def _hold(self, words: tuple[str, ...]) -> int:
        """The pid of a process that holds a namespace and says so."""
        holder = start((*words, "sh", "-c", "echo held; exec sleep infinity"))
        self._holders.append(holder)
        self._folder.note_process(holder.pid)
        give_up = time.monotonic() + _TIMEOUT
        while not holder.heard().total and holder.status() is None and time.monotonic() < give_up:
            time.sleep(0.002)
        if not holder.heard().text.startswith("held"):
            said = holder.heard().text.strip()[-300:]
            raise NetworkError(
                f"this user cannot have a network namespace: {said}",
                hints=_NAMESPACE_HINTS,
            )
        return holder.pid


def _unsharing_users(*, lent: bool | None = None) -> tuple[str, ...]:
    """With the lent users or without; with them when there are any, when that is left open."""
    automatic = ("--map-auto",) if (HeldNetwork.lends_users() if lent is None else lent) else ()
    return ("unshare", "--user", "--map-root-user", *automatic)


def _entering(pid: int, *, user_only: bool = False) -> tuple[str, ...]:
    network = () if user_only else ("--net",)
    return ("nsenter", f"--target={pid}", "--user", *network, "--preserve-credentials", "--")
