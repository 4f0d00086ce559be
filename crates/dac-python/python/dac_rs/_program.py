"""The console script `dac-rs`: the same program as `dac`."""

from __future__ import annotations

import signal
import sys

from . import _native


def main() -> None:
    """Runs the program with the process's command line and ends the process with its exit code."""
    # The program handles these signals itself; Python's handlers would raise KeyboardInterrupt at its end.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(_native.run_program(["dac-rs", *sys.argv[1:]]))
