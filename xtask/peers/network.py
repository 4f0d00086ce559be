"""Loads the reference's network with weight norm folded into the weights, which is its fastest form.

Imports only the network's modules of the published package and replaces `audiotools` by an empty module, so
that the packages for downloads, plotting and training are not needed.
"""
import importlib.util
import pathlib
import sys
import types

import torch


def reference_class():
    """Returns the class `DAC` of the installed package `descript-audio-codec`."""
    audiotools, ml = types.ModuleType("audiotools"), types.ModuleType("audiotools.ml")
    audiotools.AudioSignal = type("AudioSignal", (), {})
    ml.BaseModel = type("BaseModel", (torch.nn.Module,), {})
    audiotools.ml = ml
    sys.modules.update({"audiotools": audiotools, "audiotools.ml": ml})
    folder = pathlib.Path(importlib.util.find_spec("dac").submodule_search_locations[0])
    for name in ("dac", "dac.nn", "dac.model"):
        # Without the packages' __init__, which imports everything else.
        package = types.ModuleType(name)
        package.__path__ = [str(folder.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package
    return importlib.import_module("dac.model.dac").DAC


def load(folder):
    """Returns the model of FOLDER/weights.pth in evaluation mode."""
    checkpoint = torch.load(pathlib.Path(folder) / "weights.pth", map_location="cpu", weights_only=False)
    model = reference_class()(**checkpoint["metadata"]["kwargs"]).eval()
    model.load_state_dict(checkpoint["state_dict"])
    for layer in model.modules():
        if isinstance(layer, (torch.nn.Conv1d, torch.nn.ConvTranspose1d)):
            torch.nn.utils.remove_weight_norm(layer)
    return model


class Encode(torch.nn.Module):
    """Maps audio [1, 1, samples] of whole hops to codes [1, codebooks, frames]."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, audio):
        return self.model.encode(audio)[1]


class Decode(torch.nn.Module):
    """Maps codes [1, codebooks, frames] to audio [1, 1, samples]."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, codes):
        return self.model.decode(self.model.quantizer.from_codes(codes)[0])
