"""The reference's network in its fastest form: weight norm folded once, as every library that runs it for others does.

The published package asks for downloads, plotting and training, which the network never touches: of it only the modules of
the network are imported, and `audiotools` is a hollow stand-in.
"""
import importlib.util
import pathlib
import sys
import types

import torch


def _reference():
    """The class `DAC` of the installed package `descript-audio-codec`."""
    audiotools, ml = types.ModuleType("audiotools"), types.ModuleType("audiotools.ml")
    audiotools.AudioSignal = type("AudioSignal", (), {})
    ml.BaseModel = type("BaseModel", (torch.nn.Module,), {})
    audiotools.ml = ml
    sys.modules.update({"audiotools": audiotools, "audiotools.ml": ml})
    folder = pathlib.Path(importlib.util.find_spec("dac").submodule_search_locations[0])
    for name in ("dac", "dac.nn", "dac.model"):
        # Packages without their __init__, which would import everything else.
        package = types.ModuleType(name)
        package.__path__ = [str(folder.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package
    return importlib.import_module("dac.model.dac").DAC


def load(folder):
    """The model of FOLDER/weights.pth, ready to run."""
    held = torch.load(pathlib.Path(folder) / "weights.pth", map_location="cpu", weights_only=False)
    model = _reference()(**held["metadata"]["kwargs"]).eval()
    model.load_state_dict(held["state_dict"])
    for layer in model.modules():
        if isinstance(layer, (torch.nn.Conv1d, torch.nn.ConvTranspose1d)):
            torch.nn.utils.remove_weight_norm(layer)
    return model


class Encode(torch.nn.Module):
    """Audio [1, 1, samples] in whole hops to codes [1, codebooks, frames]."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, audio):
        return self.model.encode(audio)[1]


class Decode(torch.nn.Module):
    """Codes [1, codebooks, frames] to audio [1, 1, samples]."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, codes):
        return self.model.decode(self.model.quantizer.from_codes(codes)[0])
