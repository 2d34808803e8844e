from celery import Celery

from shelf.settings import settings


def make_app(*task_modules: str) -> Celery:
    """One application for the producer and for every worker; a worker names the task modules it runs."""
    app = Celery("shelf", broker=settings.redis_url, backend=settings.redis_url, include=list(task_modules))
    app.conf.update(
        task_acks_late=True,
        task_track_started=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        task_soft_time_limit=50,
        task_time_limit=60,
        result_expires=3600,
        broker_connection_retry_on_startup=True,
        task_default_queue="default",
        task_routes={
            "shelf.tasks.fetching.*": {"queue": "io"},
            "shelf.tasks.reading.*": {"queue": "heavy"},
            "shelf.tasks.indexing.*": {"queue": "default"},
        },
        beat_schedule={},
    )
    return app
