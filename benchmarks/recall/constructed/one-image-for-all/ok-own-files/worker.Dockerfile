FROM python:3.12-slim
RUN pip install celery
COPY tasks.py .
CMD ["celery", "-A", "tasks", "worker"]
