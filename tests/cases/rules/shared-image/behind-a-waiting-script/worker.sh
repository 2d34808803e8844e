#!/bin/sh
exec celery -A shop.tasks worker
