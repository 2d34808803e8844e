#!/bin/sh
exec uvicorn shop.app:app
