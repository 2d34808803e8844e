#!/bin/sh
exec pg_dumpall -f /backups/all.sql
