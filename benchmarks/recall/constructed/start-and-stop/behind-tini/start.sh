#!/bin/sh
uvicorn main:app
