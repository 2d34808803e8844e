from desk.worker import app


@app.task
def sweep() -> int:
    return 0
