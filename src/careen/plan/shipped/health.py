"""The container's health check: is the service inside answering, or is its heartbeat fresh?

    python -I -S health.py http PORT PATH [NAME=VALUE ...]
                                                      the answer of 127.0.0.1:PORT is below 400, or below=STATUS;
                                                      host=NAME, method=HEAD and within=SECONDS do what they say
    python -I -S health.py tcp PORT                   something listens at 127.0.0.1:PORT
    python -I -S health.py heartbeat FILE MAX_AGE     FILE was touched at most MAX_AGE seconds ago

Exits 0 or 1 and says why in one line. It runs every few seconds for as long as the service lives, so it
imports only what the interpreter has in itself: the C half of the socket module, and nothing of the application.
"""
# ruff: noqa: INP001, PLC0415, PTH116, T201 - no package; imports only where they are used: start-up is the cost

import _socket
import sys

_PATIENCE_SECONDS = "2.5"
_OPTIONS = ("host", "method", "below", "within")


def http(port: str, path: str, options: "dict[str, str]") -> str:
    method, host = options.get("method", "GET"), options.get("host", "localhost")
    request = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: careen-health\r\nConnection: close\r\n\r\n"
    connection, complaint = connected(port, options)
    if connection is None:
        return complaint
    answer = b""
    try:
        connection.sendall(request.encode())
        while b"\n" not in answer and len(answer) < 4096:
            received = connection.recv(4096)
            if not received:
                break
            answer += received
    except OSError as error:
        return f"port {port}: {error}"
    finally:
        connection.close()
    words = answer.split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        return f"port {port} does not answer in HTTP"
    below = int(options.get("below", "400"))
    return "" if int(words[1]) < below else f"{path} on port {port} answers {words[1].decode()}"


def tcp(port: str, options: "dict[str, str]") -> str:
    connection, complaint = connected(port, options)
    if connection is not None:
        connection.close()
    return complaint


def connected(port: str, options: "dict[str, str]") -> "tuple[_socket.socket | None, str]":
    for family, address in ((_socket.AF_INET, "127.0.0.1"), (_socket.AF_INET6, "::1")):
        try:
            connection = _socket.socket(family, _socket.SOCK_STREAM)
        except OSError:  # a kernel without IPv6
            continue
        try:
            connection.settimeout(float(options.get("within", _PATIENCE_SECONDS)))
            connection.connect((address, int(port)))
        except ConnectionRefusedError:
            connection.close()
        except OSError as error:
            connection.close()
            return None, f"port {port}: {error}"
        else:
            return connection, ""
    return None, f"port {port}: nothing listens"


def heartbeat(file: str, max_age: str) -> str:
    import os
    import time

    try:
        age = time.time() - os.stat(file).st_mtime
    except OSError as error:
        return f"{file}: {error.strerror}"
    return "" if age <= float(max_age) else f"{file} was touched {age:.0f} s ago, more than {max_age} s"


def main(words: "list[str]") -> str:
    plain = [word for word in words if word.partition("=")[0] not in _OPTIONS]
    options = dict(word.split("=", 1) for word in words if word not in plain and "=" in word)
    if plain[:1] == ["http"] and len(plain) == 3:
        return http(plain[1], plain[2], options)
    if plain[:1] == ["tcp"] and len(plain) == 2:
        return tcp(plain[1], options)
    if plain[:1] == ["heartbeat"] and len(plain) == 3:
        return heartbeat(*plain[1:])
    return "usage: health.py http PORT PATH [NAME=VALUE ...] | tcp PORT [within=SECONDS] | heartbeat FILE MAX_AGE"


if __name__ == "__main__":
    COMPLAINT = main(sys.argv[1:])
    print(COMPLAINT or "healthy")
    sys.exit(1 if COMPLAINT else 0)
