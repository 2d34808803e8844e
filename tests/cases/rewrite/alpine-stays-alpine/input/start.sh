#!/bin/bash
set -e
alembic upgrade head
exec uvicorn shop.api.main:app
