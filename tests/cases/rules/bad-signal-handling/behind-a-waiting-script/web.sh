#!/bin/sh
set -e
alembic upgrade head
uvicorn shop.app:app
