#!/bin/sh
set -e
exec celery -A by_scripts.tasks worker
