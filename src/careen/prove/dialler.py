"""Connections made in a network that only another process can join: it connects, and hands the socket over.

``python -m careen.prove.dialler HANDLE`` is that process. It reads lines ``address port timeout`` from a socket of type
SOCK_SEQPACKET and answers each with an error number, or with 0 and the connected socket (SCM_RIGHTS, unix(7)).
"""

import os
import socket
import sys
import threading

from careen.process.spawn import start

_LONGEST = 256


class Dialler:
    """``enter`` are the words that put the helping process into the network."""

    def __init__(self, enter: tuple[str, ...]) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        with theirs:
            words = (*enter, sys.executable, "-m", "careen.prove.dialler", str(theirs.fileno()))
            self._process = start(words, pass_fds=(theirs.fileno(),))

    def dial(self, address: str, port: int, timeout: float) -> socket.socket:
        """Raises OSError."""
        with self._lock:
            self._ours.sendall(f"{address} {port} {timeout}".encode())
            answer, handles, _, _ = socket.recv_fds(self._ours, _LONGEST, 1)
        if not answer:
            raise ConnectionAbortedError(f"the dialling process has ended: {self._process.heard().text[-300:]}")
        number = int(answer)
        if number:
            raise OSError(number, os.strerror(number))
        connection = socket.socket(fileno=handles[0])
        connection.settimeout(timeout)
        return connection

    def close(self) -> None:
        self._ours.close()  # the end of its input ends it
        if self._process.wait(2) is None:
            self._process.kill()


def serve(requests: socket.socket) -> None:
    while words := requests.recv(_LONGEST).split():
        address, port, timeout = words
        try:
            with socket.create_connection((address.decode(), int(port)), float(timeout)) as connection:
                connection.settimeout(None)
                socket.send_fds(requests, [b"0"], [connection.fileno()])
        except TimeoutError:
            requests.sendall(b"110")  # ETIMEDOUT, which Python's own timeout does not carry
        except OSError as error:
            requests.sendall(str(error.errno or 5).encode())


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
