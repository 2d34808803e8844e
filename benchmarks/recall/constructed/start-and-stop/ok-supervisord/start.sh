#!/bin/sh
mkdir -p /run/app
exec supervisord -n -c /app/supervisord.conf
