"""Drop-in replacement for the package `descript-audio-codec`.

    import dac_rs.descript as dac  # instead of: import dac

Results have the original's shapes, types and order: torch tensors if tensors were passed, else numpy arrays.
"""

from . import model, utils
from .files import DACFile
from .model import DAC
from .signal import AudioSignal

__all__ = ["DAC", "AudioSignal", "DACFile", "model", "utils"]

__model_version__ = "latest"
