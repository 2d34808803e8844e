#!/bin/sh
set -e
python -m shop.jobs.app upgrade
if [ $? -eq 0 ]; then
    echo migrated
fi
exec "$@"
