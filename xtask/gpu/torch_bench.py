"""Measures PyTorch on the GPU with the weights that the kit's program gets.

    torch_bench.py draw FILE [--small]       writes non-degenerate random weights in the shape of 44khz
    torch_bench.py measure FILE --mode MODE  prints a JSON record of encode and decode seconds, without transfers

MODE: f32 (without TF32), tf32, f16, and with -compiled the same by torch.compile. On the processor without a GPU.
"""
import argparse
import json
import pathlib
import sys
import time
import types

KIT = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(KIT / "python")]

import torch  # noqa: E402

import network  # noqa: E402

RATE_HZ, HOP = 44100, 512
SHAPE = dict(encoder_dim=64, encoder_rates=[2, 4, 8, 8], latent_dim=1024, decoder_dim=1536, decoder_rates=[8, 8, 4, 2],
             n_codebooks=9, codebook_size=1024, codebook_dim=8, quantizer_dropout=0.5, sample_rate=RATE_HZ)
SMALL = dict(encoder_dim=8, latent_dim=64, decoder_dim=96)


def draw(path, small):
    """Writes the weights as the reference does."""
    # The module that nondegenerate.py expects, without the packages that the reference's own needs.
    reference = types.ModuleType("reference")
    reference.DAC = network.reference_class()
    reference.arguments = lambda preset, **sizes: {**SHAPE, **sizes}
    reference.is_conv = lambda layer: isinstance(layer, (torch.nn.Conv1d, torch.nn.ConvTranspose1d))
    sys.modules["reference"] = reference
    torch.set_grad_enabled(False)
    import nondegenerate

    sizes = SMALL if small else {}
    model = nondegenerate.draw("44khz", 1, **sizes)
    torch.save({"state_dict": model.state_dict(), "metadata": {"kwargs": {**SHAPE, **sizes}}}, path)


def measure(path, mode, seconds, runs):
    precision, _, compiled = mode.partition("-")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    # Chooses cuDNN's fastest algorithm for each shape.
    torch.backends.cudnn.benchmark = True
    dtype = torch.float16 if precision == "f16" else torch.float32
    model = network.load(path.parent).to(device, dtype)
    encode, decode = network.Encode(model), network.Decode(model)
    if compiled:
        encode, decode = torch.compile(encode), torch.compile(decode)
    frames = -(-int(seconds * RATE_HZ) // HOP)
    audio = 0.1 * torch.randn(1, 1, frames * HOP, device=device, dtype=dtype)
    codes = torch.randint(SHAPE["codebook_size"], (1, SHAPE["n_codebooks"], frames), device=device)
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    record = {"torch": torch.__version__, "mode": mode, "device": device, "audio_seconds": frames * HOP / RATE_HZ}
    with torch.inference_mode():
        for name, module, values in (("encode", encode, audio), ("decode", decode, codes)):
            times = []
            for _ in range(runs + 2):
                wait()
                began = time.perf_counter()
                module(values)
                wait()
                times.append(time.perf_counter() - began)
            # The first two runs compile and choose kernels.
            record[name] = sorted(times[2:])[runs // 2]
    if device == "cuda":
        record["name"] = torch.cuda.get_device_name()
        record["peak_mb"] = torch.cuda.max_memory_allocated() / 1e6
    print(json.dumps(record))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["draw", "measure"])
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--mode", default="f32")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    if asked.task == "draw":
        draw(asked.file, asked.small)
    else:
        measure(asked.file, asked.mode, asked.seconds, asked.runs)


if __name__ == "__main__":
    main()
