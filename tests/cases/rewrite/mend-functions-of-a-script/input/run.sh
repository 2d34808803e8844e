#!/usr/bin/env bash
set -e

serve() {
    python -m uvicorn shop.api.main:app --port 8000
}

help() {
    echo "serve"
}

TIMEFORMAT=$'\nDone in %3lR'
time "${@:-help}"
