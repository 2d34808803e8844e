"""The producer's application: it sends tasks by name and runs none."""

from shelf.worker.factory import make_app

app = make_app()
