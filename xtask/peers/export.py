"""Exports a model to ONNX with variable lengths: export.py FOLDER OUT.

Reads FOLDER/weights.pth and writes OUT/encode.onnx and OUT/decode.onnx.
"""
import pathlib
import sys

import torch

import network


def main():
    folder, out = map(pathlib.Path, sys.argv[1:3])
    out.mkdir(parents=True, exist_ok=True)
    model = network.load(folder)
    layers = sys.modules["dac.nn.layers"]
    # The same arithmetic as the scripted function, which the exporter inlines less well.
    layers.Snake1d.forward = lambda self, x: (
        x + (self.alpha + 1e-9).reciprocal() * torch.sin(self.alpha * x).pow(2))
    codebooks = model.n_codebooks
    networks = (("encode", network.Encode(model), torch.zeros(1, 1, 100 * model.hop_length)),
                ("decode", network.Decode(model), torch.zeros(1, codebooks, 100, dtype=torch.long)))
    with torch.no_grad():
        for name, module, example in networks:
            torch.onnx.export(module.eval(), (example,), str(out / f"{name}.onnx"), dynamo=False,
                              opset_version=17, input_names=["i"], output_names=["o"],
                              dynamic_axes={"i": {2: "T"}, "o": {2: "T2"}})


if __name__ == "__main__":
    main()
