from celery import Celery

app = Celery("desk", broker="redis://redis:6379/0", backend="redis://redis:6379/1")
app.conf.task_routes = {"desk.tasks.ranking.*": {"queue": "heavy"}, "desk.tasks.fetching.*": {"queue": "io"}}
