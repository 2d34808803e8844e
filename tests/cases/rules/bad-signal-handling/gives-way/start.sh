#!/bin/sh
set -e
if [ -n "$MIGRATE" ]; then
  python -m shop.migrate
fi
exec "$@"
