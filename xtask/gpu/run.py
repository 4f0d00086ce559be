"""Checks and measures the kit's program on the GPU of this machine.

    python3 run.py [--quick | --smoke] [--out FOLDER]

Takes less than five minutes, two with --quick; steps that no longer fit are skipped and listed. --smoke runs a few steps on
small input, to test this kit on a machine without a GPU. Writes results.json, which `cargo xtask bench --import` reads, into FOLDER,
`results` in the working directory by default. Needs only Python's standard library; steps with PyTorch fail without it.
"""
import argparse
import array
import json
import lzma
import math
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import wave

KIT = pathlib.Path(__file__).resolve().parent
FORMULATIONS = ["conv", "shifted", "unfolded", "winograd-2", "winograd-4", "winograd-6"]
# Device of PyTorch's comparison, and arithmetic of its modes (see torch_bench.py).
TORCH_MODES = ["f32", "tf32", "f16", "f32-compiled", "f16-compiled"]


class Kit:
    def __init__(self, asked, work):
        self.asked, self.work = asked, work
        self.limit = 110 if asked.quick else 290 if not asked.smoke else 3600
        self.started = time.monotonic()
        self.steps = []
        loader = KIT / "lib"
        self.environment = {**os.environ, "DAC_HOME": str(work / "home")}
        if loader.is_dir():
            # The machine's own loader comes first.
            known = [os.environ.get("LD_LIBRARY_PATH", ""), "/usr/lib/x86_64-linux-gnu", str(loader)]
            self.environment["LD_LIBRARY_PATH"] = ":".join(filter(None, known))
        self.model = ["--model", "tiny"] if asked.smoke else ["--model", "44khz"]
        self.weights = [] if asked.smoke else ["--random-weights"]

    def left(self):
        return self.limit - (time.monotonic() - self.started)

    def run(self, name, command, seconds, **facts):
        """Runs a command that should take at most `seconds`. Returns its standard output; None if it failed or was skipped."""
        step = {"name": name, "command": " ".join(map(str, command)), **facts}
        if self.asked.smoke:
            # A processor compiles and runs a GPU's kernels slowly.
            seconds *= 10
        self.steps.append(step)
        if self.left() < min(seconds, 20):
            step["skipped"] = "no time left"
            return None
        began = time.monotonic()
        try:
            done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=self.environment,
                                  cwd=self.work, timeout=max(1, min(seconds, self.left())))
        except subprocess.TimeoutExpired:
            step["error"] = f"stopped after {time.monotonic() - began:.0f} s"
            return None
        except OSError as error:
            step["error"] = str(error)
            return None
        step["seconds"] = round(time.monotonic() - began, 2)
        print(f"{step['seconds']:7.1f} s  {name}", flush=True)
        if done.returncode:
            step["error"] = done.stderr[-2000:]
            print(f"           failed: {done.stderr.strip()[-300:]}", flush=True)
            return None
        return done.stdout

    def record(self, name, command, seconds):
        """Runs a command that prints JSON, and keeps what it prints."""
        text = self.run(name, command, seconds)
        if text is None:
            return None
        records = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        self.steps[-1]["records"] = records
        return records[-1] if records else None

    def measure(self, program, name, *options, seconds=60):
        runs = "1" if self.asked.smoke else "3"
        command = [program, "bench", *self.model, *self.weights, "--json", "--runs", runs, "--device", "wgpu", *options]
        record = self.record(name, command, seconds)
        if record is not None and program.name != "dac-wgpu":
            record["device"] += f" ({program.name})"

    def check_formulation(self, program, formulation, expected):
        """Compares codes and audio with those of the processor, with the model tiny."""
        name = f"{program.name}, {formulation}: equal to the processor"
        results = self.coded(program, name, formulation, "--device", "wgpu", "--formulation", formulation)
        if results is not None:
            codes, audio = results
            self.steps[-1]["equal_codes"] = sum(a == b for a, b in zip(codes, expected[0])) / max(len(expected[0]), 1)
            self.steps[-1]["same_length"] = len(codes) == len(expected[0]) and len(audio) == len(expected[1])
            self.steps[-1]["snr_db"] = snr_db(expected[1], audio)

    def coded(self, program, name, folder, *options):
        """Encodes the sample, and decodes the processor's tokens, so that errors do not add up."""
        sample = KIT / "sample.wav"
        tokens = self.work / "cpu" / "sample.npy"
        encode = [program, "encode", sample, "--model", "tiny", "--format", "npy", "--output", folder, *options]
        decode = [program, "decode", tokens, "--model", "tiny", "--output", folder, *options]
        if self.run(name + " (encode)", encode, 60) is None or self.run(name + " (decode)", decode, 60) is None:
            return None
        return npy_values(self.work / folder / "sample.npy"), wav_values(self.work / folder / "sample.wav")


def npy_values(path):
    data = path.read_bytes()
    start = 10 + int.from_bytes(data[8:10], "little")
    return array.array("H", data[start:])


def wav_values(path):
    with wave.open(str(path)) as file:
        return array.array("h", file.readframes(file.getnframes()))


def snr_db(expected, found):
    noise = sum((a - b) ** 2 for a, b in zip(expected, found))
    power = sum(a * a for a in expected)
    return 10 * math.log10(power / noise) if noise else None


def machine():
    facts = {"system": platform.platform(), "python": sys.version.split()[0], "cores": os.cpu_count()}
    query = "name,driver_version,memory.total,power.limit,clocks.max.sm"
    try:
        facts["nvidia"] = subprocess.run(["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"], capture_output=True,
                                         text=True, timeout=20).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        facts["nvidia"] = None
    return facts


def unpack(work):
    programs = []
    for packed in sorted((KIT / "bin").glob("dac-*.xz")):
        program = work / packed.stem
        with lzma.open(packed) as source, open(program, "wb") as target:
            shutil.copyfileobj(source, target)
        program.chmod(0o755)
        programs.append(program)
    return programs


def run_steps(kit, programs):
    asked = kit.asked
    seconds = ["0.5"] if asked.smoke else ["10"]
    main = next(program for program in programs if program.name == "dac-wgpu")
    for program in programs:
        kit.record(f"{program.name}: doctor", [program, "doctor", "--json"], 60)
    kit.run("tokens of the processor", [main, "encode", KIT / "sample.wav", "--model", "tiny", "--format", "npy", "--output",
                                        "cpu"], 60)
    kit.run("audio of the processor", [main, "decode", "cpu/sample.npy", "--model", "tiny", "--output", "cpu"], 60)
    expected = npy_values(kit.work / "cpu" / "sample.npy"), wav_values(kit.work / "cpu" / "sample.wav")
    kit.check_formulation(main, "shifted", expected)

    weights = kit.work / "weights.pth"
    torch = [sys.executable, KIT / "torch_bench.py"]
    small = ["--small"] if asked.smoke else []
    if kit.run("PyTorch: weights", [*torch, "draw", weights, *small], 60) is not None and not asked.smoke:
        kit.weights = ["--weights", weights]

    for program in programs:
        kit.measure(program, f"{program.name}: f32", "--seconds", *seconds)
    many = "2" if asked.smoke else "16"
    kit.measure(main, f"f32, batch of {many}", "--seconds", *seconds, "--batch", many)
    if not asked.smoke:
        kit.measure(main, "f16", "--seconds", *seconds, "--precision", "f16")
    if weights.exists():
        for mode in TORCH_MODES[:1] if asked.smoke else TORCH_MODES:
            record = kit.record(f"PyTorch {mode}", [*torch, "measure", weights, "--mode", mode, "--seconds", *seconds], 60)
            if record is None and mode == "f32":
                break
    if not asked.smoke:
        kit.record("doctor --autotune", [main, "doctor", "--autotune", "--device", "wgpu", *kit.model, "--json"], 60)
        kit.measure(main, "f32 after autotune", "--seconds", *seconds)
        for batch in ("1", "16"):
            kit.measure(main, f"f32, clips of 2 s, batch of {batch}", "--seconds", "2", "--batch", batch)
        kit.measure(main, "f16, batch of 16", "--seconds", *seconds, "--batch", "16", "--precision", "f16")
        kit.measure(main, "f32, 60 s", "--seconds", "60")
        kit.measure(main, "f32, batch of 64", "--seconds", *seconds, "--batch", "64")
    if not asked.quick and not asked.smoke:
        kit.measure(main, "layers", "--seconds", *seconds, "--layers")
        for formulation in FORMULATIONS:
            kit.check_formulation(main, formulation, expected)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("results"))
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        kit = Kit(asked, pathlib.Path(folder))
        try:
            run_steps(kit, unpack(kit.work))
        finally:
            commit = (KIT / "commit.txt").read_text().strip()
            results = {"commit": commit, "machine": machine(), "seconds": round(time.monotonic() - kit.started, 1),
                       "steps": kit.steps}
            (asked.out / "results.json").write_text(json.dumps(results, indent=1))
    failed = [step["name"] for step in kit.steps if "error" in step]
    skipped = [step["name"] for step in kit.steps if "skipped" in step]
    print(f"{len(kit.steps)} steps in {results['seconds']} s; failed: {failed or 'none'}; skipped: {skipped or 'none'}")
    # A smoke run checks the kit itself; PyTorch may be missing there.
    return 1 if asked.smoke and [name for name in failed if "PyTorch" not in name] else 0


if __name__ == "__main__":
    sys.exit(main())
