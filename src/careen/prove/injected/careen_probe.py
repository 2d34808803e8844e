"""Two tasks for any Celery worker, loaded with ``--include`` during a proof only.

``careen.probe.early`` is acknowledged before it runs, ``careen.probe.late`` after. Both take a name, a number of
seconds, and the name of a mark to wait for before these begin, or None. They leave marks in CAREEN_PROOF_MARKS, holding
the service's name: ``<name>.begun``, ``<name>.done``, and ``<name>.accepted`` when the worker's main process knows of
the beginning. (Celery 5.7, told to stop in the moment before, forgets that the task runs: it neither waits for it nor
acknowledges it, and its pool hangs for half a minute.)
At its start the worker writes down where its messages come from, so that a stranger can send it some.
CAREEN_PROOF_VISIBILITY shortens the time (in seconds) after which Redis hands on what a dead worker had.
CAREEN_PROOF_HELD_UNTIL names a mark that a worker which has loaded everything waits for before it takes any work.
"""
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN002, ANN003, ANN201, ANN202, INP001, PTH104, PTH110, PTH118, PTH123 - it runs with an image's Python

import json
import os
import time

from celery import signals
from celery.worker.request import Request

LONGEST_WAIT_SECONDS = 120.0
MARKS = os.environ["CAREEN_PROOF_MARKS"]
SERVICE = os.environ["CAREEN_PROOF_SERVICE"]


def write(name, text):
    aside = os.path.join(MARKS, f".{name}.{os.getpid()}.{time.monotonic_ns()}")
    with open(aside, "w") as file:
        file.write(text)
    os.rename(aside, os.path.join(MARKS, name))


def _work(name, seconds, until=None):
    with open(os.path.join(MARKS, f"{name}.runs"), "a") as file:
        file.write(f"{SERVICE}\n")
    write(f"{name}.begun", SERVICE)
    give_up = time.monotonic() + LONGEST_WAIT_SECONDS
    while until and not os.path.exists(os.path.join(MARKS, until)) and time.monotonic() < give_up:
        time.sleep(0.02)
    time.sleep(seconds)
    write(f"{name}.done", SERVICE)


class _Noted(Request):
    def on_accepted(self, *args, **kwargs):
        super().on_accepted(*args, **kwargs)
        write(f"{self.args[0]}.accepted", SERVICE)


@signals.worker_init.connect(weak=False)
def _prepare(sender=None, **_):
    app = sender.app
    options = {"ignore_result": True, "time_limit": None, "soft_time_limit": None, "Request": _Noted}
    app.task(name="careen.probe.early", acks_late=False, **options)(_work)
    app.task(name="careen.probe.late", acks_late=True, **options)(_work)
    visibility = os.environ.get("CAREEN_PROOF_VISIBILITY")
    if visibility and app.connection_for_read().transport_cls == "redis":
        app.conf.broker_transport_options = {
            **app.conf.broker_transport_options,
            "visibility_timeout": float(visibility),
        }
    held_until = os.environ.get("CAREEN_PROOF_HELD_UNTIL")
    while held_until and not os.path.exists(os.path.join(MARKS, held_until)):
        time.sleep(0.02)


@signals.worker_ready.connect(weak=False)
def _describe(sender=None, **_):
    app = sender.app  # the sender is the consumer
    connection = app.connection_for_write()
    queues = [
        {
            "name": queue.name,
            "routing_key": queue.routing_key,
            "exchange": queue.exchange.name,
            "exchange_type": queue.exchange.type,
            "durable": bool(queue.durable),
            "arguments": queue.queue_arguments or {},
        }
        for queue in app.amqp.queues.consume_from.values()
    ]
    description = {
        "url": connection.as_uri(include_password=True),
        "options": {key: value for key, value in app.conf.broker_transport_options.items() if _plain(value)},
        "serializer": app.conf.task_serializer,
        "protocol": app.conf.task_protocol,
        "queues": queues,
        "tasks": sorted(name for name in app.tasks if not name.startswith("careen.probe.")),
        "concurrency": getattr(sender.pool, "limit", None),
    }
    write(f"{SERVICE}.worker", json.dumps(description, default=str))


def _plain(value):
    return isinstance(value, str | int | float | bool | None)
