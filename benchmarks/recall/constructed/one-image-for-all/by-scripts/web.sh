#!/bin/sh
set -e
exec uvicorn by_scripts.web:app
