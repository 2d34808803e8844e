#!/bin/bash
if [ "$DEBUG" = 1 ]; then
  exec flask run --debug
else
  gunicorn shop.app:app
fi
