#!/bin/bash
if [ -z "$*" ]; then
  grep -E "^[a-z]+\)" /start.sh | sed "s/)//"
  exit 1
fi
exec "$@"
