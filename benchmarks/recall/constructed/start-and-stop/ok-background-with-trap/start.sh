#!/bin/bash
python main.py &
child=$!
trap 'kill -TERM "$child"' TERM INT
wait "$child"
