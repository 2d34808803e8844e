#!/bin/bash
set -e
python -m shop.migrate
uvicorn shop.app:app --port 8000
