#!/usr/bin/env bash
CLI=("${@:5}")
exec "${CLI[@]}"
