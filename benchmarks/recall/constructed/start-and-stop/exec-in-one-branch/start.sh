#!/bin/bash
if [ "$DEBUG" = "1" ]; then
  exec flask run --debug
else
  gunicorn main:app
fi
