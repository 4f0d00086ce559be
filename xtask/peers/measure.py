"""One measurement of a peer in a process of its own: encode and decode after a warm-up of both.

    measure.py torch|onnxruntime FOLDER --threads N [--onnx FOLDER] [--write FILE]

FOLDER is one of fixtures/python/full_size.py. Prints one JSON record: versions, wall and process CPU seconds, peak
memory. With --write it does not measure but writes codes of the input and audio of the reference's codes.
"""
import argparse
import json
import os
import pathlib
import resource
import time

import numpy as np
from safetensors.numpy import load_file, save_file


def torch_sides(folder, threads):
    import torch

    import network

    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    model = network.load(folder)
    encode, decode = network.Encode(model), network.Decode(model)

    def run(module):
        def call(values):
            with torch.inference_mode():
                return module(torch.from_numpy(values)).numpy()
        return call

    return f"PyTorch {torch.__version__}", run(encode), run(decode)


def onnx_sides(folder, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1

    def session(name):
        loaded = onnxruntime.InferenceSession(str(folder / f"{name}.onnx"), options, providers=["CPUExecutionProvider"])
        return lambda values: loaded.run(None, {"i": values})[0]

    return f"ONNX Runtime {onnxruntime.__version__}", session("encode"), session("decode")


def timed(call, values):
    wall, cpu = time.perf_counter(), time.process_time()
    call(values)
    return {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=["torch", "onnxruntime"])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--onnx", type=pathlib.Path)
    parser.add_argument("--write", type=pathlib.Path)
    asked = parser.parse_args()
    held = load_file(asked.folder / "io.safetensors")
    audio, codes = np.ascontiguousarray(held["input"]), np.ascontiguousarray(held["codes"].astype(np.int64))
    if asked.peer == "torch":
        version, encode, decode = torch_sides(asked.folder, asked.threads)
    else:
        version, encode, decode = onnx_sides(asked.onnx, asked.threads)

    if asked.write:
        found = {"codes": encode(audio), "audio": decode(codes)}
        save_file({key: np.ascontiguousarray(value) for key, value in found.items()}, asked.write)
        return
    encode(audio)
    decode(codes)
    record = {"version": version, "encode": timed(encode, audio), "decode": timed(decode, codes),
              "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
              "malloc": os.environ.get("GLIBC_TUNABLES", "")}
    print(json.dumps(record))


if __name__ == "__main__":
    main()
