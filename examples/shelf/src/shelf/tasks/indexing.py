"""Queue default: the index, and keeping the shelf tidy."""

from celery import shared_task

from shelf import store


@shared_task(name="shelf.tasks.indexing.index_page")
def index_page(page: str) -> int:
    return store.index_page(store.connect(), page)


@shared_task(name="shelf.tasks.indexing.tidy")
def tidy() -> int:
    return store.forget_lost(store.connect())
