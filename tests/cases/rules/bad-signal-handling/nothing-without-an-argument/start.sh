#!/bin/bash
case "$1" in
  web) exec gunicorn shop.app:app ;;
  *) echo "web, nothing else" >&2; exit 1 ;;
esac
