#!/usr/bin/env bash
set -euo pipefail
echo "starting"
celery -A main worker --loglevel=INFO
