from celery import Celery
import pandas
app = Celery()
