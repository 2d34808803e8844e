from celery import Celery

import heavy
import webber

app = Celery("shop")
