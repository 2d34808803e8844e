import celery

app = celery.Celery("scans")
