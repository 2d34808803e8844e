import numpy
from celery import Celery

app = Celery()
