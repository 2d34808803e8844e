#!/bin/bash
set -e
python -m shop &
program=$!
trap 'kill -TERM $program' TERM
wait $program
