#!/bin/sh
cd /app
python main.py || exit 1
