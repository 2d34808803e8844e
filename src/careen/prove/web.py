"""Asking a web service of the stack from beside it."""

import http.client

from careen.plan.target import ServicePlan
from careen.prove.runner import Ground

_TIMEOUT = 10.0
_LARGEST_ANSWER = 4 << 20


def get(ground: Ground, service: ServicePlan, path: str) -> tuple[int, bytes]:
    """Status and body, the first megabytes of it, from the first port. Raises OSError."""
    try:
        with ground.dial(service.name, service.container_ports[0], _TIMEOUT) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            response = http.client.HTTPResponse(connection)
            response.begin()
            return response.status, response.read(_LARGEST_ANSWER)
    except (TimeoutError, http.client.HTTPException) as error:
        raise OSError(str(error)) from error
