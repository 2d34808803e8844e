#!/bin/sh
set -e
echo starting
uvicorn shop.api.main:app --port ${PORT:-80}
