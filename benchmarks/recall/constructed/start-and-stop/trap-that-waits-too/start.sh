#!/bin/bash
trap "echo stopping" SIGTERM
python main.py
