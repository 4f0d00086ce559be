#!/bin/sh
# Checks and measures this kit's program on the GPU of this machine: run.sh [--quick | --smoke] [--out FOLDER].
# Needs Python 3; compares with PyTorch if that is installed. Explained in docs/dev/gpu.md of the project.
exec python3 "$(dirname "$0")/run.py" "$@"
