"""Throughput of the Ray adapter by number of actors, on this machine.

    python ray_throughput.py [--weights FILE] [--clips 64] [--seconds 4] [--actors 1,2]

Encodes clips of noise from parquet bytes to parquet files; without --weights with `tiny`. Prints a table in Markdown, and
how long 10,000 hours of audio would take.
"""

import argparse
import pathlib
import tempfile
import time

import numpy as np
import pyarrow
import pyarrow.parquet
import ray

import dac_rs
from dac_rs.ray import Encoder


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=pathlib.Path)
    parser.add_argument("--clips", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--actors", default="1,2")
    args = parser.parse_args()
    model = {"weights": str(args.weights)} if args.weights else {"model": "tiny"}
    # More logical CPUs than actors: reading and writing need some, too.
    ray.init(log_to_driver=False, num_cpus=4 + max(map(int, args.actors.split(","))))
    ray.data.DataContext.get_current().enable_progress_bars = False
    print("| actors | seconds | × real time | days for 10,000 hours |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        random = np.random.default_rng(1)
        rows = []
        for index in range(args.clips):
            samples = random.standard_normal(int(args.seconds * 44100)).astype(np.float32) * 0.1
            dac_rs.Audio(samples, 44100).save(folder / "clip.flac")
            rows.append({"bytes": (folder / "clip.flac").read_bytes(), "path": f"{index}.flac"})
        pyarrow.parquet.write_table(pyarrow.table({"audio": rows}), folder / "audio.parquet")
        for actors in map(int, args.actors.split(",")):
            data = ray.data.read_parquet(str(folder / "audio.parquet")).repartition(4 * actors)
            start = time.monotonic()
            settings = Encoder.options(actors=actors, batch_size=4)
            tokens = data.map_batches(Encoder, fn_constructor_kwargs={**model, "column": "audio"}, **settings)
            tokens.write_parquet(str(folder / f"tokens-{actors}"))
            seconds = time.monotonic() - start
            speed = args.clips * args.seconds / seconds
            print(f"| {actors} | {seconds:.1f} | {speed:.1f} | {10_000 / speed / 24:.1f} |", flush=True)


if __name__ == "__main__":
    main()
