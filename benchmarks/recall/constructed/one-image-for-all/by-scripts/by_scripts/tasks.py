import celery
import weasyprint

app = celery.Celery()
