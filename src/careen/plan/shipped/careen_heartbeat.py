"""Lets a Celery worker's health be read from a file: loaded with ``--include careen_heartbeat``.

A scheduler, whose command line includes nothing, is started by ``python -m careen_heartbeat`` in Celery's place.

While the worker's consumer is connected and its loop turns, it touches ``CAREEN_HEARTBEAT_FILE``
(``/tmp/careen-heartbeat``) every two seconds; a consumer that hangs, or has lost its broker, touches nothing.
Everything happens in the worker's main process, in its own loop: no thread of its own, nothing of the application.
The file goes when the worker has shut down. A scheduler touches it after each look at what is due, and looks every
ten seconds at least.
"""
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN002, ANN003, ANN201, ANN202, ANN204, INP001, PTH108, SIM105, S108 - it runs with an image's Python

import logging
import os
import time

from celery import bootsteps, signals

FILE = os.environ.get("CAREEN_HEARTBEAT_FILE") or "/tmp/careen-heartbeat"
INTERVAL_SECONDS = 2.0
LONGEST_SLEEP_SECONDS = 10.0  # of a scheduler between two looks at what is due, where it would take minutes
LONGEST_TASK_SECONDS = 3600.0  # of a task without a time limit that runs in the consumer's own thread

_log = logging.getLogger("careen.heartbeat")


def _touch(ahead=0.0):
    """Sets the file's time to now, or that much later for a loop that will not turn while a task runs."""
    try:
        descriptor = os.open(FILE, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            moment = time.time() + ahead
            os.utime(descriptor, (moment, moment))
        finally:
            os.close(descriptor)
    except OSError as error:  # the health check will say so; the worker's work goes on
        _log.warning("heartbeat file %s cannot be written: %s", FILE, error.strerror)


class Heartbeat(bootsteps.StartStopStep):
    """Beats from the consumer's loop, whichever pool and transport the worker has."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer, **options):
        super().__init__(consumer, **options)
        self.entry = None

    def start(self, consumer):
        # Some timers run in a thread of their own (pools without an event loop). What they hand to
        # ``call_soon`` is done by the consumer's loop itself, so it is not done when that loop hangs.
        def beat():
            consumer.call_soon(_touch)

        if type(consumer.pool).__module__ == "celery.concurrency.solo":
            # Tasks block the loop of this pool: each one gets its time in advance.
            signals.task_prerun.connect(_on_solo_task, weak=False, dispatch_uid="careen-heartbeat")
            signals.task_postrun.connect(_after_solo_task, weak=False, dispatch_uid="careen-heartbeat")
        beat()
        self.entry = consumer.timer.call_repeatedly(INTERVAL_SECONDS, beat)

    def stop(self, consumer):
        if self.entry is not None:
            self.entry.cancel()
            self.entry = None

    def shutdown(self, consumer):
        self.stop(consumer)
        try:
            os.unlink(FILE)
        except OSError:
            pass  # never written, or not ours any more


def _on_solo_task(task=None, **_):
    limits = getattr(task.request, "timelimit", None) or ()
    declared = [limit for limit in (*limits, task.time_limit, task.soft_time_limit) if limit]
    _touch(max(declared, default=LONGEST_TASK_SECONDS))


def _after_solo_task(**_):
    _touch()


@signals.beat_init.connect(weak=False, dispatch_uid="careen-heartbeat-beat")
def _watch_scheduler(sender=None, **_):
    scheduler = sender.scheduler
    look = scheduler.tick

    def tick(*args, **options):
        interval = look(*args, **options)
        _touch()
        return interval and min(interval, LONGEST_SLEEP_SECONDS)

    scheduler.tick = tick


@signals.worker_init.connect(weak=False, dispatch_uid="careen-heartbeat")
def _add_heartbeat(sender=None, **_):
    sender.app.steps["consumer"].add(Heartbeat)


if __name__ == "__main__":
    from celery.__main__ import main

    main()
