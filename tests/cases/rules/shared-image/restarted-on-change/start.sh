#!/bin/sh
set -e
case "$1" in
  web) exec ./manage.py runserver ;;
  worker) exec watchmedo auto-restart --directory=. --pattern=*.py --recursive -- ./manage.py rq worker ;;
  scheduler) exec watchmedo auto-restart --directory=. --recursive -- ./manage.py rq scheduler ;;
esac
