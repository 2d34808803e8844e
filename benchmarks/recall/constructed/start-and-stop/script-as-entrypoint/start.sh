#!/bin/sh
set -e
python -m alembic upgrade head
gunicorn main:app -k uvicorn.workers.UvicornWorker
