#!/bin/bash
celery -A main worker &
celery -A main beat &
wait
