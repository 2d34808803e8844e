#!/bin/sh
set -e
alembic upgrade head
exec uvicorn shop.api.main:app
