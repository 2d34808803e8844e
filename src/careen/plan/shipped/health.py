"""The container's health check: is the service inside answering, or is its heartbeat fresh?

    python -I -S health.py http PORT PATH [HOST]      the answer of 127.0.0.1:PORT is below 400
    python -I -S health.py heartbeat FILE MAX_AGE     FILE was touched at most MAX_AGE seconds ago

Exits 0 or 1 and says why in one line. It runs every few seconds for as long as the service lives, so it
imports only what the interpreter has in itself: the C half of the socket module, and nothing of the application.
"""
# ruff: noqa: INP001, PLC0415, PTH116, T201 - no package; imports only where they are used: start-up is the cost

import _socket
import sys

_PATIENCE_SECONDS = 2.5


def http(port: str, path: str = "/", host: str = "localhost") -> str:
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: careen-health\r\nConnection: close\r\n\r\n"
    complaint = "nothing listens"
    for family, address in ((_socket.AF_INET, "127.0.0.1"), (_socket.AF_INET6, "::1")):
        try:
            connection = _socket.socket(family, _socket.SOCK_STREAM)
        except OSError:  # a kernel without IPv6
            continue
        try:
            connection.settimeout(_PATIENCE_SECONDS)
            connection.connect((address, int(port)))
            connection.sendall(request.encode())
            answer = b""
            while b"\n" not in answer and len(answer) < 4096:
                received = connection.recv(4096)
                if not received:
                    break
                answer += received
        except ConnectionRefusedError:
            continue
        except OSError as error:
            complaint = str(error)
            break
        finally:
            connection.close()
        words = answer.split(None, 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
            return f"port {port} does not answer in HTTP"
        return "" if int(words[1]) < 400 else f"{path} on port {port} answers {words[1].decode()}"
    return f"port {port}: {complaint}"


def heartbeat(file: str, max_age: str) -> str:
    import os
    import time

    try:
        age = time.time() - os.stat(file).st_mtime
    except OSError as error:
        return f"{file}: {error.strerror}"
    return "" if age <= float(max_age) else f"{file} was touched {age:.0f} s ago, more than {max_age} s"


def main(words: list[str]) -> str:
    if words[:1] == ["http"] and 3 <= len(words) <= 4:
        return http(*words[1:])
    if words[:1] == ["heartbeat"] and len(words) == 3:
        return heartbeat(*words[1:])
    return "usage: health.py http PORT PATH [HOST] | heartbeat FILE MAX_AGE"


if __name__ == "__main__":
    COMPLAINT = main(sys.argv[1:])
    print(COMPLAINT or "healthy")
    sys.exit(1 if COMPLAINT else 0)
