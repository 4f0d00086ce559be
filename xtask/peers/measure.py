"""Measures one encode and one decode of PyTorch or ONNX Runtime after a warm-up of both.

    measure.py torch|onnxruntime FOLDER --threads N [--onnx FOLDER] [--write FILE]

FOLDER was written by fixtures/python/full_size.py. Prints one JSON record: version, wall and CPU seconds,
peak memory. With --write, writes the codes of the input and the audio of the reference's codes instead.
"""
import argparse
import json
import os
import pathlib
import resource
import time

import numpy as np
from safetensors.numpy import load_file, save_file


def load_torch(folder, threads):
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


def load_onnx(folder, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1

    def session(name):
        path = str(folder / f"{name}.onnx")
        loaded = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return lambda values: loaded.run(None, {"i": values})[0]

    return f"ONNX Runtime {onnxruntime.__version__}", session("encode"), session("decode")


def measure(call, values):
    wall, cpu = time.perf_counter(), time.process_time()
    call(values)
    return {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=["torch", "onnxruntime"])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--onnx", type=pathlib.Path)
    parser.add_argument("--write", type=pathlib.Path)
    args = parser.parse_args()
    inputs = load_file(args.folder / "io.safetensors")
    audio = np.ascontiguousarray(inputs["input"])
    codes = np.ascontiguousarray(inputs["codes"].astype(np.int64))
    if args.peer == "torch":
        version, encode, decode = load_torch(args.folder, args.threads)
    else:
        version, encode, decode = load_onnx(args.onnx, args.threads)

    if args.write:
        results = {"codes": encode(audio), "audio": decode(codes)}
        save_file({key: np.ascontiguousarray(value) for key, value in results.items()}, args.write)
        return
    encode(audio)
    decode(codes)
    record = {"version": version, "encode": measure(encode, audio), "decode": measure(decode, codes),
              "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
              "malloc": os.environ.get("GLIBC_TUNABLES", "")}
    print(json.dumps(record))


if __name__ == "__main__":
    main()
