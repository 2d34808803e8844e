#!/bin/sh
exec /app/.venv/bin/python -m shop
