from shelf.worker.factory import make_app

app = make_app("shelf.tasks.indexing")
