from celery import Celery

import heavy

app = Celery("shop")
