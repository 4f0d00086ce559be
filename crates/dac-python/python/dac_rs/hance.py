"""Drop-in replacement for the model `hance-ai/descript-audio-codec-44khz`.

    from dac_rs.hance import AutoModel  # instead of: from transformers import AutoModel

Codes, z and waveforms are those of the original, in chunks of the same lengths; files at another rate are resampled
with another filter. Results are numpy arrays, or torch tensors once a torch object was passed to the model, for example
by `model.to(torch.device("cpu"))`, or with `from_pretrained(..., return_tensors="pt")`.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _hub
from ._arrays import to_numpy
from ._audio import Audio
from ._codec import Codec, load
from ._errors import AudioError
from ._settings import decode_settings, encode_settings
from ._tensors import Module, batch_of_codes, batch_of_floats, from_numpy, torch_of
from ._tokens import Tokens

__all__ = ["DAC", "AutoModel", "DACConfig"]

_RATES = {"44khz": 44100, "24khz": 24000, "16khz": 16000}


class DACConfig:
    """Settings of the wrapper.

    Args:
        model_type_by_sampling_freq: `44khz`, `24khz` or `16khz`.
        encoding_chunk_size_in_sec: length of an encoded chunk.
        decoding_chunk_rate: length of a decoded chunk as a fraction of all frames.
        decoding_overlap_rate: overlap as a fraction of a decoded chunk.
    """

    model_type = "dac"

    def __init__(
        self,
        model_type_by_sampling_freq: str = "44khz",
        encoding_chunk_size_in_sec: float = 1,
        decoding_chunk_rate: float = 0.1,
        decoding_overlap_rate: float = 0.1,
        **kwargs: Any,
    ) -> None:
        self.model_type_by_sampling_freq = model_type_by_sampling_freq
        self.encoding_chunk_size_in_sec = encoding_chunk_size_in_sec
        self.decoding_chunk_rate = decoding_chunk_rate
        self.decoding_overlap_rate = decoding_overlap_rate
        assert model_type_by_sampling_freq.lower() in _RATES, f"unknown model {model_type_by_sampling_freq!r}"
        assert 0 < decoding_chunk_rate <= 1, "`decoding_chunk_rate` must be above 0 and at most 1"
        assert 0 <= decoding_overlap_rate < 1, "`decoding_overlap_rate` must be at least 0 and below 1"


class DAC(Module):
    """The wrapper's model. Its chunk settings are attributes that can be changed at any time."""

    config_class = DACConfig

    def __init__(self, config: DACConfig | None = None, *, codec: Codec | None = None) -> None:
        self.config = config or DACConfig()
        self.model_type_by_sampling_freq = self.config.model_type_by_sampling_freq.lower()
        self.model_type_by_sampling_freq_int = _RATES[self.model_type_by_sampling_freq]
        self.encoding_chunk_size_in_sec = self.config.encoding_chunk_size_in_sec
        self.decoding_chunk_rate = self.config.decoding_chunk_rate
        self.decoding_overlap_rate = self.config.decoding_overlap_rate
        self.codec = codec or load(self.model_type_by_sampling_freq)
        self.downsampling_rate = self.codec.hop_length

    @property
    def dac(self) -> Any:
        """The model with the methods of the reference implementation."""
        from .descript import DAC as Reference

        return Reference(codec=self.codec)

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *,
        trust_remote_code: bool | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        revision: str | None = None,
        download: bool = False,
        return_tensors: str | None = None,
        threads: int | None = None,
        **kwargs: Any,
    ) -> DAC:
        """Loads the weights of a repository from the hub cache, or of a local directory.

        Args:
            pretrained_model_name_or_path: for example `hance-ai/descript-audio-codec-44khz`.
            trust_remote_code: ignored; no code is loaded.
            cache_dir: the hub cache, if it is not at its usual place.
            revision: a branch, tag or commit.
            download: allows a download by huggingface_hub.
            return_tensors: `pt` makes results torch tensors, `np` numpy arrays.
            threads: threads of the engine.
            kwargs: settings of DACConfig; others are ignored.

        Raises:
            OSError: the weights are not on this machine.
        """
        path = _hub.find(pretrained_model_name_or_path, revision=revision, cache_dir=cache_dir, download=download)
        codec = load(weights=path, threads=threads)
        settings = dict(zip(_SETTINGS, codec._native.overlap_settings(), strict=True))
        settings |= {name: kwargs[name] for name in _SETTINGS if name in kwargs}
        kind = next((name for name, rate in _RATES.items() if rate == codec.sample_rate), None)
        if kind is None:
            expected = ", ".join(map(str, _RATES.values()))
            raise OSError(f"{path} is a model for {codec.sample_rate} Hz, expected one of {expected}")
        model = cls(DACConfig(model_type_by_sampling_freq=kind, **settings), codec=codec)
        if return_tensors == "pt":
            import torch

            model._torch = torch
        elif return_tensors not in (None, "np"):
            raise ValueError(f"return_tensors is {return_tensors!r}, expected 'pt' or 'np'")
        return model

    def load_audio(self, filename: str | os.PathLike[str]) -> tuple[Any, int]:
        """Reads an audio file: float32 `[channels, samples]` and the rate in Hz."""
        audio = Audio.load(filename)
        return from_numpy(audio.samples, self._torch), audio.sample_rate

    def resample_audio(self, waveform: Any, orig_sr: int, target_sr: int) -> Any:
        """Resamples `[channels, samples]`."""
        if orig_sr == target_sr:
            return waveform
        torch = self._torch or torch_of(waveform)
        return from_numpy(Audio(waveform, orig_sr).resample(target_sr).samples, torch)

    def to_mono_channel(self, waveform: Any) -> Any:
        """Returns the mean of all channels, `[1, samples]`."""
        if waveform.shape[0] == 1:
            return waveform
        torch = self._torch or torch_of(waveform)
        return from_numpy(to_numpy(waveform, "waveform").mean(axis=0, keepdims=True, dtype=np.float32), torch)

    def encode(self, audio_fname: Any, sr: int | None = None) -> tuple[Any, Any]:
        """Encodes an audio file, mixed to mono and resampled.

        Args:
            audio_fname: a path; or an array `[samples]` or `[channels, samples]`, whose rate is `sr` (in Hz; the
                default is the model's).

        Returns:
            `zq`, float32 `[1, latent_dim, frames]`, and the codes `s`, int64 `[1, n_codebooks, frames]`.
        """
        torch = self._torch or torch_of(audio_fname)
        chunk = {"kind": "overlap", "seconds": self.encoding_chunk_size_in_sec}
        settings = encode_settings(save=("codes", "z"), chunk=chunk)
        tokens = self._run(lambda: self.codec._encode(audio_fname, sr, settings))
        return from_numpy(tokens.z, torch), from_numpy(tokens.codes_i64(), torch)

    def decode(self, *, zq: Any = None, s: Any = None) -> Any:
        """Decodes `zq` or the codes `s`, which win if both are given, to a waveform `[batch, 1, samples]`.

        Raises:
            AssertionError: neither is given.
        """
        assert zq is not None or s is not None, "one of them must be valid."
        torch = self._torch or torch_of(zq, s)
        if s is not None:
            tokens = Tokens(batch_of_codes(s, "s", self.codec.codebook_size))
        else:
            tokens = Tokens(z=batch_of_floats(zq, "zq"))
        chunk = {
            "kind": "overlap",
            "seconds": self.encoding_chunk_size_in_sec,
            "decoding_rate": self.decoding_chunk_rate,
            "overlap_rate": self.decoding_overlap_rate,
        }
        audio = self._run(lambda: self.codec._decode(tokens, decode_settings(chunk=chunk)))
        return from_numpy(audio.samples[:, None], torch)

    def code_to_zq(self, s: Any) -> Any:
        """Converts codes `[batch, n_codebooks, frames]` to z `[batch, latent_dim, frames]`."""
        torch = self._torch or torch_of(s)
        codes = batch_of_codes(s, "s", self.codec.codebook_size)
        return from_numpy(self.codec._native.codes_to_z(codes)[0], torch)

    def save_tensor(self, tensor: Any, fname: str | os.PathLike[str]) -> None:
        """Writes a tensor in torch's format. An array has to be codes or z, of three axes."""
        torch = torch_of(tensor)
        if torch is not None:
            torch.save(tensor.cpu(), fname)
            return
        array = to_numpy(tensor, "tensor")
        tokens = Tokens(array) if array.dtype.kind in "iu" else Tokens(z=array)
        tokens.save(fname, format="pt")

    def load_tensor(self, fname: str | os.PathLike[str]) -> Any:
        """Reads codes (int64) or z (float32) from a file of torch."""
        tokens = Tokens.load(fname)
        array: NDArray[Any] | None = tokens.z if tokens.codes is None else tokens.codes_i64()
        assert array is not None
        return from_numpy(array, self._torch)

    def waveform_to_audiofile(self, waveform: Any, fname: str | os.PathLike[str]) -> None:
        """Writes a waveform `[1, channels, samples]`, `[channels, samples]` or `[samples]` at the model's rate."""
        samples = to_numpy(waveform, "waveform")
        samples = samples[0] if samples.ndim == 3 else samples
        Audio(samples, self.model_type_by_sampling_freq_int).save(fname)

    @staticmethod
    def _run(work: Any) -> Any:
        """Raises the original's exceptions: torchaudio reports unreadable files as RuntimeError."""
        try:
            return work()
        except AudioError as error:
            raise _FileError(str(error)) from error


class _FileError(AudioError, RuntimeError):
    """An unreadable file."""


_FileError.__module__ = "dac_rs"
_FileError.__name__ = _FileError.__qualname__ = "AudioError"

_SETTINGS = ("encoding_chunk_size_in_sec", "decoding_chunk_rate", "decoding_overlap_rate")


class AutoModel:
    """Stands in for the class of the transformers library."""

    @staticmethod
    def from_pretrained(pretrained_model_name_or_path: str | os.PathLike[str], **kwargs: Any) -> DAC:
        """Loads the model: see `DAC.from_pretrained`."""
        return DAC.from_pretrained(pretrained_model_name_or_path, **kwargs)
