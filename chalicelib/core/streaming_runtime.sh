#!/bin/sh
# AWS_LAMBDA_EXEC_WRAPPER of the function `stream`: Lambda gives the command of its own runtime, whose first word is Python.
exec "$1" -m chalicelib.core.streaming_runtime
