"""Measurements of the package: `python -m dac_rs.bench [--model tiny] [--json]`.

Prints the import time, the speed of calls on arrays of 10 s, and of 500 clips of 2 s as a list and one by one.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import dac_rs


def best_of(repeats: int, work: Callable[[], object]) -> float:
    """Returns the shortest duration of `work` in seconds."""
    durations = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        durations.append(time.perf_counter() - start)
    return min(durations)


def import_seconds(module: str) -> float:
    """Returns the shortest of 5 durations of an import in a new process."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    return min(float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(5))


def noise(seconds: float, rate: int, seed: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Returns noise `[samples]` with a spectrum that falls as speech does."""
    white = np.random.default_rng(seed).standard_normal(int(seconds * rate)).astype(np.float32)
    return np.convolve(white, np.exp(-np.arange(32) / 8.0).astype(np.float32), "same") * np.float32(0.1)


def measure(model: str, threads: int | None, clips: int, repeats: int) -> dict[str, float]:
    """Returns the measured figures by name, durations in seconds."""
    figures = {"import dac_rs": import_seconds("dac_rs"), "import numpy": import_seconds("numpy")}
    start = time.perf_counter()
    codec = dac_rs.load(model, threads=threads)
    figures["load"] = time.perf_counter() - start
    rate = codec.sample_rate
    audio = noise(10, rate, 1)
    tokens = codec.encode(audio)
    figures["encode 10 s"] = best_of(repeats, lambda: codec.encode(audio))
    figures["decode 10 s"] = best_of(repeats, lambda: codec.decode(tokens))
    short = noise(2, rate, 2)
    several = [short + np.float32(1e-3 * index / clips) for index in range(clips)]
    start = time.perf_counter()
    together = codec.encode(several)
    figures[f"encode {clips} clips of 2 s as a list"] = time.perf_counter() - start
    start = time.perf_counter()
    singly = [codec.encode(clip) for clip in several]
    figures[f"encode {clips} clips of 2 s one by one"] = time.perf_counter() - start
    assert together == singly
    # In kilobytes on Linux, in bytes on macOS.
    scale = 1 if sys.platform == "darwin" else 1024
    figures["peak memory in MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6
    return figures


def main() -> None:
    """Runs the measurements."""
    parser = argparse.ArgumentParser(prog="python -m dac_rs.bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--clips", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    figures = measure(args.model, args.threads, args.clips, args.repeats)
    if args.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{value:10.4f}  {name}")


if __name__ == "__main__":
    main()
