"""Sends tasks to a broker and counts what waits there, for the prover: a container of its own, beside the workers.

Reads ``<number>.ask`` in CAREEN_PROOF_MAILBOX (JSON) and answers in ``<number>.answer``.
Needs nothing of the application, only the Celery that its image has anyway.
"""
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, BLE001, INP001, PTH104, PTH110, PTH118, PTH123 - it runs with an image's Python

import json
import os
import time

from celery import Celery
from kombu import Exchange, Queue

MAILBOX = os.environ["CAREEN_PROOF_MAILBOX"]
PAUSE_SECONDS = 0.02
_apps = {}


def app_for(worker):
    key = json.dumps([worker["url"], worker["options"]], sort_keys=True)
    if key not in _apps:
        app = Celery("careen-sender", broker=worker["url"], set_as_current=False)
        app.conf.update(
            broker_transport_options=worker["options"],
            broker_connection_timeout=5,
            broker_connection_retry=False,
            task_create_missing_queues=False,
        )
        _apps[key] = app
    return _apps[key]


def queue_of(described):
    exchange = Exchange(described["exchange"], type=described["exchange_type"], durable=described["durable"])
    return Queue(
        described["name"],
        exchange,
        routing_key=described["routing_key"],
        durable=described["durable"],
        queue_arguments=described["arguments"] or None,
    )


def send(ask):
    app, queue = app_for(ask["worker"]), queue_of(ask["queue"])
    with app.connection_for_write() as connection:
        for name in ask["names"]:
            app.send_task(
                ask["task"],
                args=[name, ask["seconds"], ask["until"]],
                queue=queue,
                connection=connection,
                serializer=ask["worker"]["serializer"],
                ignore_result=True,
                retry=False,
            )
    return {"sent": ask["names"]}


def waiting(ask):
    with app_for(ask["worker"]).connection_for_read() as connection:
        declared = queue_of(ask["queue"])(connection.default_channel).queue_declare(passive=True)
        return {"waiting": declared.message_count}


def answer(number):
    with open(os.path.join(MAILBOX, f"{number}.ask")) as file:
        ask = json.load(file)
    try:
        result = {"send": send, "waiting": waiting}[ask["do"]](ask)
    except Exception as error:
        result = {"error": f"{type(error).__name__}: {error}"}
    aside = os.path.join(MAILBOX, f".{number}")
    with open(aside, "w") as file:
        json.dump(result, file)
    os.rename(aside, os.path.join(MAILBOX, f"{number}.answer"))


def main():
    number = 1
    open(os.path.join(MAILBOX, "ready"), "w").close()
    while True:
        if os.path.exists(os.path.join(MAILBOX, f"{number}.ask")):
            answer(number)
            number += 1
        else:
            time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
