"""The original's `dac.utils`: where weights are, and loading of them."""

from __future__ import annotations

import os
from pathlib import Path

from .. import _native
from .model import DAC

__all__ = ["download", "load_model"]

_MODELS = {
    ("44khz", "8kbps"): ("44khz", "0.0.1"),
    ("24khz", "8kbps"): ("24khz", "0.0.4"),
    ("16khz", "8kbps"): ("16khz", "0.0.5"),
    ("44khz", "16kbps"): ("44khz-16kbps", "1.0.0"),
}


def download(model_type: str = "44khz", model_bitrate: str = "8kbps", tag: str = "latest") -> Path:
    """Returns the path of a model's weights on this machine: of this tag in the original's cache, or else of another
    cache. Unlike the original, it downloads nothing: `dac-rs download` does.

    Raises:
        AssertionError: the model or the bitrate is unknown.
        ValueError: the tag is unknown.
        FileNotFoundError: the weights are not on this machine.
    """
    model_type, tag = model_type.lower(), tag.lower()
    assert model_type in ("44khz", "24khz", "16khz"), "model_type must be one of '44khz', '24khz', or '16khz'"
    assert model_bitrate in ("8kbps", "16kbps"), "model_bitrate must be one of '8kbps', or '16kbps'"
    preset, latest = _MODELS[model_type, model_bitrate]
    if tag not in ("latest", latest):
        raise ValueError(f"Could not find model with tag {tag} and model type {model_type}")
    path = Path.home() / ".cache" / "descript" / "dac" / f"weights_{model_type}_{model_bitrate}_{latest}.pth"
    if path.exists():
        return path
    found, searched = _native.find_weights(preset)
    if found:
        return Path(found[0])
    folders = ", ".join(map(os.fspath, searched))
    raise FileNotFoundError(f"the weights of {preset} are not in {folders}; download them with: dac-rs download {preset}")


def load_model(
    model_type: str = "44khz",
    model_bitrate: str = "8kbps",
    tag: str = "latest",
    load_path: str | os.PathLike[str] | None = None,
) -> DAC:
    """Loads a model by its name, or from a file."""
    return DAC.load(load_path or download(model_type, model_bitrate, tag))
