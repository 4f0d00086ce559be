"""The original's model `DAC`."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np

from .._arrays import to_numpy
from .._codec import Codec, load
from .._errors import AudioError, UsageError
from .._settings import decode_settings, encode_settings
from .._tensors import Module, batch_of_codes, batch_of_floats, from_numpy, losses, torch_of
from .files import DACFile
from .signal import AudioSignal

__all__ = ["DAC", "DACFile"]

_MAX_SECONDS = 3600.0
"""Longest window."""


class _Quantizer:
    """The residual vector quantizer."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.n_codebooks = codec.n_codebooks
        self.codebook_size = codec.codebook_size
        self.codebook_dim = [codec.codebook_dim] * codec.n_codebooks

    def from_codes(self, codes: Any) -> tuple[Any, Any, Any]:
        """Converts codes `[batch, codebooks, frames]` to z, the codebooks' entries, and the codes themselves."""
        torch = torch_of(codes)
        z, entries = self._codec._native.codes_to_z(batch_of_codes(codes, "codes", self.codebook_size))
        return from_numpy(z, torch), from_numpy(entries, torch), codes

    def from_latents(self, latents: Any) -> tuple[Any, Any, Any]:
        """Converts projected latents `[batch, codebooks · dim, frames]` to z, the nearest codebook entries, and
        their codes (int64)."""
        torch = torch_of(latents)
        array = batch_of_floats(latents, "latents")
        dim = self._codec.codebook_dim
        whole = min(array.shape[1] // dim, self.n_codebooks) * dim
        codes = self._codec._native.latents_to_codes(np.ascontiguousarray(array[:, :whole]))
        z, entries = self._codec._native.codes_to_z(codes)
        return from_numpy(z, torch), from_numpy(entries, torch), from_numpy(codes.astype(np.int64), torch)


class DAC(Module):
    """The model. Made by `load`, `dac.utils.load_model` or `from_pretrained`-like functions of this package."""

    def __init__(self, *, codec: Codec) -> None:
        facts = codec._facts
        self.codec = codec
        self.encoder_dim = facts["encoder_dim"]
        self.encoder_rates = facts["encoder_rates"]
        self.decoder_dim = facts["decoder_dim"]
        self.decoder_rates = facts["decoder_rates"]
        self.sample_rate = facts["sample_rate"]
        self.latent_dim = facts["latent_dim"]
        self.hop_length = facts["hop_length"]
        self.n_codebooks = facts["n_codebooks"]
        self.codebook_size = facts["codebook_size"]
        self.codebook_dim = facts["codebook_dim"]
        self.quantizer = _Quantizer(codec)
        self.delay = _delay(self.encoder_rates, self.decoder_rates)
        self.padding = True

    @classmethod
    def load(cls, location: str | os.PathLike[str], *args: Any, threads: int | None = None, **kwargs: Any) -> DAC:
        """Loads a checkpoint in any published layout. Other arguments of the original are ignored."""
        return cls(codec=load(weights=location, threads=threads))

    def preprocess(self, audio_data: Any, sample_rate: int | None) -> Any:
        """Pads audio `[batch, 1, samples]` with zeros on the right to whole frames.

        Raises:
            AssertionError: `sample_rate` is not the model's.
        """
        assert sample_rate in (None, self.sample_rate), f"{sample_rate} Hz is not the model's {self.sample_rate} Hz"
        array = to_numpy(audio_data, "audio_data")
        length = array.shape[-1]
        missing = math.ceil(length / self.hop_length) * self.hop_length - length
        padded = np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, missing)])
        return from_numpy(padded, torch_of(audio_data))

    def encode(self, audio_data: Any, n_quantizers: int | None = None) -> tuple[Any, Any, Any, Any, Any]:
        """Encodes audio `[batch, 1, samples]`.

        Returns:
            z `[batch, latent_dim, frames]`, int64 codes `[batch, codebooks, frames]`, latents
            `[batch, codebooks · codebook_dim, frames]`, commitment loss and codebook loss.
        """
        torch = torch_of(audio_data)
        audio = batch_of_floats(audio_data, "audio_data")
        codebooks = self.n_codebooks if n_quantizers is None else min(n_quantizers, self.n_codebooks)
        z, codes, latents = self.codec._native.encode_batch(audio, codebooks)
        loss = np.asarray(losses(latents, self.codec._native.codes_to_z(codes)[1], codebooks))
        arrays = (z, codes.astype(np.int64), latents, loss, loss.copy())
        z, codes, latents, commitment, codebook = (from_numpy(array, torch) for array in arrays)
        return z, codes, latents, commitment, codebook

    def decode(self, z: Any) -> Any:
        """Decodes z `[batch, latent_dim, frames]` to audio `[batch, 1, samples]`, not trimmed."""
        return from_numpy(self.codec._native.decode_batch(batch_of_floats(z, "z")), torch_of(z))

    def forward(self, audio_data: Any, sample_rate: int | None = None, n_quantizers: int | None = None) -> dict[str, Any]:
        """Encodes and decodes; the audio is as long as the input."""
        length = audio_data.shape[-1]
        z, codes, latents, commitment, codebook = self.encode(self.preprocess(audio_data, sample_rate), n_quantizers)
        return {
            "audio": self.decode(z)[..., :length],
            "z": z,
            "codes": codes,
            "latents": latents,
            "vq/commitment_loss": commitment,
            "vq/codebook_loss": codebook,
        }

    __call__ = forward

    def compress(
        self,
        audio_path_or_signal: str | os.PathLike[str] | AudioSignal | Any,
        win_duration: float | None = 1.0,
        verbose: bool = False,
        normalize_db: float | None = -16,
        n_quantizers: int | None = None,
    ) -> DACFile:
        """Encodes a file or a signal in windows.

        Args:
            audio_path_or_signal: a path, or an AudioSignal of one item, also of audiotools.
            win_duration: length of a window in seconds; None is the whole signal, if it is no
                longer than an hour.
            verbose: ignored.
            normalize_db: only -16 is possible.
            n_quantizers: number of codebooks; all by default.

        Raises:
            UsageError: the loudness or the batch is not possible.
        """
        if normalize_db != -16:
            raise UsageError(f"normalize_db is {normalize_db}, expected -16: other loudnesses are not supported")
        source: Any = audio_path_or_signal
        torch = None
        if not isinstance(source, (str, os.PathLike)):
            torch = torch_of(source.audio_data)
            data = to_numpy(source.audio_data, "the audio")
            if data.shape[0] != 1:
                raise UsageError(f"the signal has a batch of {data.shape[0]}, expected 1; compress each item by itself")
            source = (data[0], int(source.sample_rate))
        codebooks = None if n_quantizers is None else min(n_quantizers, self.n_codebooks)
        chunk = {"kind": "descript", "seconds": _MAX_SECONDS if win_duration is None else float(win_duration)}
        settings = encode_settings(n_codebooks=codebooks, channels="keep", chunk=chunk, format="dac")
        try:
            tokens = self.codec._encode(source, None, settings)
        except AudioError as error:
            if isinstance(source, (str, os.PathLike)) and not os.path.exists(source):
                raise FileNotFoundError(str(error)) from error
            raise
        file = DACFile._of(tokens)
        file.codes, file.input_db = from_numpy(file.codes, torch), from_numpy(file.input_db, torch)
        return file

    def decompress(self, obj: str | os.PathLike[str] | DACFile | Any, verbose: bool = False) -> AudioSignal:
        """Decodes a `.dac` file or DACFile to an AudioSignal `[1, channels, samples]` of the input's rate, length and
        loudness. All channels get one gain; the original changes each by itself."""
        if isinstance(obj, (str, os.PathLike)):
            obj = DACFile.load(obj)
        tokens = DACFile._tokens(obj)
        audio = self.codec._decode(tokens, decode_settings(output_rate="input"))
        return AudioSignal(from_numpy(audio.samples[None], torch_of(obj.codes)), audio.sample_rate)


def _delay(encoder_rates: list[int], decoder_rates: list[int]) -> int:
    """Samples by which a window is longer than its output, on each side (original: `get_delay`)."""
    # (kernel, stride, dilation, is transposed) of each layer, in the order in which the original lists them.
    units = [(7, 1, 1), (1, 1, 1), (7, 1, 3), (1, 1, 1), (7, 1, 9), (1, 1, 1)]
    layers: list[tuple[int, int, int, bool]] = [(7, 1, 1, False)]
    for rate in encoder_rates:
        layers += [(*unit, False) for unit in units] + [(2 * rate, rate, 1, False)]
    # The quantizer's layers of one tap change no length.
    layers += [(3, 1, 1, False), (7, 1, 1, False)]
    for rate in decoder_rates:
        layers += [(2 * rate, rate, 1, True)] + [(*unit, False) for unit in units]
    layers.append((7, 1, 1, False))
    out = 0
    for kernel, stride, dilation, transposed in layers:
        reach = dilation * (kernel - 1) + 1
        out = math.floor((out - 1) * stride + reach if transposed else (out - reach) / stride + 1)
    length = out
    for kernel, stride, dilation, transposed in reversed(layers):
        reach = dilation * (kernel - 1) + 1
        length = math.ceil((length - reach) / stride + 1 if transposed else (length - 1) * stride + reach)
    return (length - out) // 2
