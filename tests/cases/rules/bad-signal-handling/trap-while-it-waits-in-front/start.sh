#!/bin/bash
set -e
Xvfb :99 &
screen=$!
trap 'kill -TERM $screen' TERM
python -m shop
