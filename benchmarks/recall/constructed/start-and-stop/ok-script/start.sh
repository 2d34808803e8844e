#!/bin/sh
set -e
case "$1" in
  web) shift; exec gunicorn main:app "$@" ;;
  worker) exec celery -A main worker ;;
esac
exec "$@"
