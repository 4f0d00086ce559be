"""Time from a cold process to the first tokens, and its peak memory, against the original packages.

    python cold_start.py FOLDER [--rounds 3] [--seconds 10] [--threads 1]

FOLDER is written by `fixtures/python/full_size.py 44khz FOLDER --transformers`. Every measurement is a process of its own
that imports a package, loads the same weights, encodes the same audio and prints the sum of its codes. The packages take
turns, and the table has medians. Run it with a Python that can import dac_rs, torch, transformers and, through
fixtures/python/reference.py, the reference (`cargo xtask wheel --newest` creates one).
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
PACKAGES = ("dac_rs", "descript-audio-codec", "transformers")


def samples(folder, seconds):
    """The first seconds of the audio, float32 `[samples]` at 44.1 kHz; read without a package that is measured."""
    import wave

    import numpy as np

    with wave.open(str(folder / "input.wav")) as file:
        data = np.frombuffer(file.readframes(int(seconds * 44100)), np.int16)
    return data.astype(np.float32) / 32768


def encode(package, folder, seconds, threads):
    """Encodes with one package; returns the codes as an array and the package's version."""
    audio = samples(folder, seconds)
    if package == "dac_rs":
        import dac_rs

        codec = dac_rs.load("44khz", weights=folder / "weights.pth", threads=threads)
        return codec.encode(audio).codes, dac_rs.__version__
    import torch

    torch.set_num_threads(threads)
    with torch.no_grad():
        batch = torch.from_numpy(audio)[None, None]
        if package == "transformers":
            import transformers

            model = transformers.DacModel.from_pretrained(folder / "transformers").eval()
            batch = torch.nn.functional.pad(batch, (0, -batch.shape[-1] % model.config.hop_length))
            return model.encode(batch).audio_codes.numpy(), f"{transformers.__version__}, torch {torch.__version__}"
        sys.path.insert(0, str(REPOSITORY / "fixtures/python"))
        import reference

        model = reference.load(str(folder / "weights.pth"))
        return model.encode(model.preprocess(batch, 44100))[1].numpy(), f"1.0.0, torch {torch.__version__}"


def child(args):
    codes, version = encode(args.child, args.folder, args.seconds, args.threads)
    # In kilobytes on Linux, in bytes on macOS.
    scale = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6
    cpu = time.process_time()
    print(json.dumps({"sum": int(codes.sum()), "shape": list(codes.shape), "version": version, "cpu": cpu, "peak": peak}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--child", choices=PACKAGES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args)
        return
    found = {package: [] for package in PACKAGES}
    environment = {**os.environ, "OMP_NUM_THREADS": str(args.threads), "HF_HUB_OFFLINE": "1"}
    for _ in range(args.rounds):
        for package in PACKAGES:
            command = [sys.executable, __file__, *sys.argv[1:], "--child", package]
            start = time.monotonic()
            line = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
            found[package].append({**json.loads(line), "wall": time.monotonic() - start})
    ours = found[PACKAGES[0]]
    print("| package | wall s | ratio | CPU s | ratio | peak MB |\n|---|---|---|---|---|---|")
    for package, rounds in found.items():
        row = {key: statistics.median(one[key] for one in rounds) for key in ("wall", "cpu", "peak")}
        base = {key: statistics.median(one[key] for one in ours) for key in ("wall", "cpu")}
        same = "" if rounds[0]["sum"] == ours[0]["sum"] else ", other codes"
        print(
            f"| {package} {rounds[0]['version']}{same} | {row['wall']:.2f} | {row['wall'] / base['wall']:.2f} × "
            f"| {row['cpu']:.2f} | {row['cpu'] / base['cpu']:.2f} × | {row['peak']:.0f} |"
        )


if __name__ == "__main__":
    main()
