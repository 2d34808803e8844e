import celery
import requests

app = celery.Celery()
