#!/bin/sh
set -eu
apt-get update
apt-get install -y --no-install-recommends gcc python3-dev
