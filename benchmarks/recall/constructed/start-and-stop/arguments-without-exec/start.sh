#!/bin/sh
set -e
python prepare.py
"$@"
