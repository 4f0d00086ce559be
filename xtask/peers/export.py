"""Exports the model of FOLDER/weights.pth to OUT/encode.onnx and OUT/decode.onnx, of any length: export.py FOLDER OUT."""
import pathlib
import sys

import torch

import network


def main():
    folder, out = map(pathlib.Path, sys.argv[1:3])
    out.mkdir(parents=True, exist_ok=True)
    model = network.load(folder)
    layers = sys.modules["dac.nn.layers"]
    # The same arithmetic without the scripted function, which the exporter would inline less well.
    layers.Snake1d.forward = lambda self, x: x + (self.alpha + 1e-9).reciprocal() * torch.sin(self.alpha * x).pow(2)
    codebooks = model.n_codebooks
    sides = (("encode", network.Encode(model), torch.zeros(1, 1, 100 * model.hop_length)),
             ("decode", network.Decode(model), torch.zeros(1, codebooks, 100, dtype=torch.long)))
    with torch.no_grad():
        for name, module, example in sides:
            torch.onnx.export(module.eval(), (example,), str(out / f"{name}.onnx"), dynamo=False, opset_version=17,
                              input_names=["i"], output_names=["o"], dynamic_axes={"i": {2: "T"}, "o": {2: "T2"}})


if __name__ == "__main__":
    main()
