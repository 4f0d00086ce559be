"""The part of audiotools' `AudioSignal` that programs around the codec use."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from .._arrays import to_numpy
from .._audio import Audio
from .._tensors import from_numpy, torch_of

__all__ = ["AudioSignal"]


class AudioSignal:
    """Audio with a batch axis.

    Attributes:
        audio_data: float32 `[batch, channels, samples]`: a torch tensor if one was given, else a numpy array.
        sample_rate: in Hz.
    """

    def __init__(
        self, audio_path_or_array: str | os.PathLike[str] | Any, sample_rate: int | None = None, **kwargs: Any
    ) -> None:
        if isinstance(audio_path_or_array, (str, os.PathLike)):
            audio = Audio.load(audio_path_or_array)
            if sample_rate is not None and sample_rate != audio.sample_rate:
                audio = audio.resample(sample_rate)
            self.audio_data: Any = audio.samples[None]
            self.sample_rate = audio.sample_rate
            self.path_to_file: Any = audio_path_or_array
            return
        assert sample_rate is not None, "Must set sample rate!"
        array = to_numpy(audio_path_or_array, "the audio").astype(np.float32, copy=False)
        while array.ndim < 3:
            array = array[None]
        self.audio_data = from_numpy(array, torch_of(audio_path_or_array))
        self.sample_rate = sample_rate
        self.path_to_file = None

    @property
    def samples(self) -> Any:
        """The audio data."""
        return self.audio_data

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the audio data."""
        return tuple(self.audio_data.shape)

    @property
    def batch_size(self) -> int:
        """Number of items."""
        return self.shape[0]

    @property
    def num_channels(self) -> int:
        """Number of channels."""
        return self.shape[1]

    @property
    def signal_length(self) -> int:
        """Samples per channel."""
        return self.shape[2]

    length = signal_length

    @property
    def signal_duration(self) -> float:
        """Length in seconds."""
        return self.signal_length / self.sample_rate

    duration = signal_duration

    def write(self, audio_path: str | os.PathLike[str]) -> AudioSignal:
        """Writes the first item to a 16-bit file, and returns the signal."""
        self._audio(0).save(audio_path)
        self.path_to_file = audio_path
        return self

    def resample(self, sample_rate: int) -> AudioSignal:
        """Resamples the signal in place, and returns it."""
        if sample_rate != self.sample_rate:
            items = [self._audio(item).resample(sample_rate).samples for item in range(self.batch_size)]
            self.audio_data = from_numpy(np.stack(items), torch_of(self.audio_data))
            self.sample_rate = sample_rate
        return self

    def to_mono(self) -> AudioSignal:
        """Replaces the channels by their mean, and returns the signal."""
        mono = to_numpy(self.audio_data, "the audio").mean(axis=1, keepdims=True, dtype=np.float32)
        self.audio_data = from_numpy(mono, torch_of(self.audio_data))
        return self

    def loudness(self) -> Any:
        """Returns the integrated loudness of each item in dB (LUFS), `[batch]`."""
        found = np.array([self._audio(item).loudness() for item in range(self.batch_size)], np.float32)
        return from_numpy(found, torch_of(self.audio_data))

    def clone(self) -> AudioSignal:
        """Returns a copy."""
        data = self.audio_data
        return AudioSignal(data.clone() if hasattr(data, "clone") else data.copy(), self.sample_rate)

    def numpy(self) -> Any:
        """Returns the audio data as a numpy array."""
        return to_numpy(self.audio_data, "the audio")

    def to(self, device: Any) -> AudioSignal:
        """Moves a torch tensor, and returns the signal."""
        if hasattr(self.audio_data, "to"):
            self.audio_data = self.audio_data.to(device)
        return self

    def cpu(self) -> AudioSignal:
        """Moves a torch tensor to the CPU, and returns the signal."""
        return self.to("cpu")

    def detach(self) -> AudioSignal:
        """Returns the signal."""
        return self

    def __getitem__(self, key: Any) -> AudioSignal:
        return AudioSignal(self.audio_data[key], self.sample_rate)

    def _audio(self, item: int) -> Audio:
        return Audio(self.audio_data[item], self.sample_rate)

    def __repr__(self) -> str:
        return f"AudioSignal(shape={list(self.shape)}, sample_rate={self.sample_rate})"
