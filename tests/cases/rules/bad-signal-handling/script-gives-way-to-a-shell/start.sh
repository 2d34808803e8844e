#!/bin/sh
set -e
python -m shop.migrate
exec "$@"
