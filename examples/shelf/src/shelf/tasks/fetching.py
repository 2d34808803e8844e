"""Queue io: scans that live somewhere else."""

import httpx
from celery import shared_task

from shelf import store
from shelf.settings import settings
from shelf.worker.app import app

_LARGEST = 8 * 1024 * 1024


@shared_task(
    name="shelf.tasks.fetching.fetch_page", autoretry_for=(httpx.TransportError,), max_retries=3, retry_backoff=True
)
def fetch_page(page: str, url: str) -> int:
    with httpx.Client(timeout=settings.fetch_timeout, follow_redirects=True) as client:
        response = client.get(url)
        response.raise_for_status()
    if len(response.content) > _LARGEST:
        raise ValueError(f"{url} is larger than a page")
    db = store.connect()
    store.put_scan(db, page, response.content)
    app.send_task("shelf.tasks.reading.read_page", args=[page])
    return len(response.content)
