"""The web application behind a door that holds marked requests for a while, so that one is surely in flight.

Named to the server in the application's place during a proof; CAREEN_PROOF_APPLICATION says which that is.
A request with the header ``x-careen-hold: SECONDS`` leaves the mark ``<x-careen-name>.begun`` and waits before
the application gets it.
"""
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN202, INP001, PLC0415, PTH118, PTH123 - it runs with an image's Python

import importlib
import inspect
import os
import time

MARKS = os.environ["CAREEN_PROOF_MARKS"]


def _load():
    module, _, path = os.environ["CAREEN_PROOF_APPLICATION"].partition(":")
    found = importlib.import_module(module)
    for name in path.removesuffix("()").split("."):
        found = getattr(found, name)
    # gunicorn calls what is named with parentheses, as ``shop.app:create_app()``
    return found() if path.endswith("()") else found


def _begin(name):
    open(os.path.join(MARKS, f"{name}.begun"), "w").close()


def _asgi(inner):
    import asyncio  # only for those who have it anyway

    async def held(scope, receive, send):
        if scope["type"] == "http":
            headers = {key.lower(): value.decode() for key, value in scope["headers"]}
            if b"x-careen-hold" in headers:
                _begin(headers[b"x-careen-name"])
                await asyncio.sleep(float(headers[b"x-careen-hold"]))
        await inner(scope, receive, send)

    return held


def _wsgi(inner):
    def held(environ, start_response):
        if "HTTP_X_CAREEN_HOLD" in environ:
            _begin(environ["HTTP_X_CAREEN_NAME"])
            time.sleep(float(environ["HTTP_X_CAREEN_HOLD"]))
        return inner(environ, start_response)

    return held


def _held(inner):
    call = inner if inspect.isroutine(inner) else type(inner).__call__
    asynchronous = inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(inspect.unwrap(call))
    return _asgi(inner) if asynchronous else _wsgi(inner)


def factory():
    return _held(_load()())


def __getattr__(name):
    if name == "app":
        return _held(_load())
    raise AttributeError(name)
