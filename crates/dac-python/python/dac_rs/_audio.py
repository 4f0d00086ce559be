"""Audio in memory."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _native
from ._arrays import to_samples
from ._sources import Source, to_rate, to_source


class Audio:
    """Audio in memory.

    Attributes:
        samples: float32 `[channels, samples]`, full scale at 1.
        sample_rate: in Hz.
    """

    __slots__ = ("sample_rate", "samples")

    samples: NDArray[np.float32]
    sample_rate: int

    def __init__(self, samples: Any, sample_rate: int) -> None:
        self.samples = to_samples(samples)
        self.sample_rate = to_rate(sample_rate)

    @classmethod
    def load(cls, source: Source) -> Audio:
        """Reads a whole audio file (WAV, FLAC, MP3, Ogg, …) from a path, its bytes or an open binary file."""
        return cls(*_native.read_audio(to_source(source, None, 44100)))

    def save(self, path: str | os.PathLike[str], *, format: str = "i16") -> None:
        """Writes a WAV file, or a FLAC file if the path ends in `.flac`; it appears whole or not at all.

        Args:
            path: its directory must exist.
            format: `i16`, `i24` or (only WAV) `f32`.
        """
        _native.write_audio(os.fsdecode(path), to_samples(self.samples), self.sample_rate, format)

    def resample(self, sample_rate: int) -> Audio:
        """Returns the audio at another rate in Hz."""
        rate = to_rate(sample_rate)
        return Audio(_native.resample(to_samples(self.samples), self.sample_rate, rate), rate)

    def loudness(self) -> float:
        """Returns the integrated loudness in dB (LUFS, ITU-R BS.1770), at least -70."""
        return _native.loudness(to_samples(self.samples), self.sample_rate)[0]

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.samples.shape[0])

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return float(self.samples.shape[1] / self.sample_rate)

    def __repr__(self) -> str:
        return f"Audio(samples={list(self.samples.shape)}, sample_rate={self.sample_rate})"
