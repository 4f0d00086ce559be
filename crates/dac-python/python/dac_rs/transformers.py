"""Drop-in replacement for `DacModel` and `DacFeatureExtractor` of the transformers library.

    from dac_rs.transformers import DacFeatureExtractor, DacModel  # instead of: from transformers import …

Results have the original's shapes, types and order: torch tensors if tensors were passed, else numpy arrays.
"""

from __future__ import annotations

import json
import logging
import math
import os
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _hub
from ._arrays import to_numpy
from ._codec import Codec, load
from ._tensors import Module, batch_of_codes, batch_of_floats, from_numpy, losses, torch_of

__all__ = ["DacConfig", "DacDecoderOutput", "DacEncoderOutput", "DacFeatureExtractor", "DacModel", "DacOutput"]

_log = logging.getLogger("dac_rs")


class _Output(OrderedDict[str, Any]):
    """Results by name, by position and as attributes, in the manner of `ModelOutput`: None is left out."""

    _names: tuple[str, ...] = ()

    def __init__(self, *values: Any, **named: Any) -> None:
        given = {**dict(zip(self._names, values, strict=False)), **named}
        super().__init__((name, given[name]) for name in self._names if given.get(name) is not None)

    def __getattr__(self, name: str) -> Any:
        if name in type(self)._names:
            return self.get(name)
        raise AttributeError(name)

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(key) if isinstance(key, str) else self.to_tuple()[key]

    def to_tuple(self) -> tuple[Any, ...]:
        """Returns the results in order."""
        return tuple(self[name] for name in self.keys())


class DacEncoderOutput(_Output):
    """Result of `DacModel.encode`."""

    _names = ("loss", "quantized_representation", "audio_codes", "projected_latents")


class DacDecoderOutput(_Output):
    """Result of `DacModel.decode`."""

    _names = ("audio_values",)


class DacOutput(_Output):
    """Result of `DacModel.forward`."""

    _names = ("loss", "audio_values", "quantized_representation", "audio_codes", "projected_latents")


class DacConfig:
    """Dimensions of a model; attributes have the original's names."""

    model_type = "dac"

    def __init__(
        self,
        encoder_hidden_size: int = 64,
        downsampling_ratios: Sequence[int] = (2, 4, 8, 8),
        decoder_hidden_size: int = 1536,
        n_codebooks: int = 9,
        codebook_size: int = 1024,
        codebook_dim: int = 8,
        quantizer_dropout: float = 0,
        commitment_loss_weight: float = 0.25,
        codebook_loss_weight: float = 1.0,
        sampling_rate: int = 16000,
        **kwargs: Any,
    ) -> None:
        self.encoder_hidden_size = encoder_hidden_size
        self.downsampling_ratios = list(downsampling_ratios)
        self.decoder_hidden_size = decoder_hidden_size
        self.upsampling_ratios = self.downsampling_ratios[::-1]
        self.n_codebooks = n_codebooks
        self.codebook_size = codebook_size
        self.codebook_dim = codebook_dim
        self.quantizer_dropout = quantizer_dropout
        self.sampling_rate = sampling_rate
        self.hidden_size = encoder_hidden_size * 2 ** len(self.downsampling_ratios)
        self.hop_length = math.prod(self.downsampling_ratios)
        self.commitment_loss_weight = commitment_loss_weight
        self.codebook_loss_weight = codebook_loss_weight
        self.return_dict = True
        for name, value in kwargs.items():
            setattr(self, name, value)

    @property
    def frame_rate(self) -> int:
        """Frames per second, rounded up."""
        return math.ceil(self.sampling_rate / math.prod(self.upsampling_ratios))

    @classmethod
    def _of(cls, codec: Codec, settings: dict[str, Any]) -> DacConfig:
        facts = codec._facts
        config = cls(
            **{
                **settings,
                "encoder_hidden_size": facts["encoder_dim"],
                "downsampling_ratios": facts["encoder_rates"],
                "decoder_hidden_size": facts["decoder_dim"],
                "n_codebooks": facts["n_codebooks"],
                "codebook_size": facts["codebook_size"],
                "codebook_dim": facts["codebook_dim"],
                "sampling_rate": facts["sample_rate"],
            }
        )
        config.upsampling_ratios = list(facts["decoder_rates"])
        config.hidden_size = facts["latent_dim"]
        return config


class _Quantizer:
    """The residual vector quantizer."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.n_codebooks = codec.n_codebooks

    def from_codes(self, audio_codes: Any) -> tuple[Any, Any, Any]:
        """Converts codes `[batch, codebooks, frames]` to z, the codebooks' entries, and the codes themselves."""
        torch = torch_of(audio_codes)
        codes = batch_of_codes(audio_codes, "audio_codes", self._codec.codebook_size)
        z, entries = self._codec._native.codes_to_z(codes)
        return from_numpy(z, torch), from_numpy(entries, torch), audio_codes

    def from_latents(self, latents: Any) -> tuple[Any, Any]:
        """Converts projected latents `[batch, codebooks · dim, frames]` to z and the nearest codebook entries."""
        torch = torch_of(latents)
        array = batch_of_floats(latents, "latents")
        dim = self._codec.codebook_dim
        whole = min(array.shape[1] // dim, self.n_codebooks) * dim
        codes = self._codec._native.latents_to_codes(np.ascontiguousarray(array[:, :whole]))
        z, entries = self._codec._native.codes_to_z(codes)
        return from_numpy(z, torch), from_numpy(entries, torch)


class DacModel(Module):
    """The model. Made by `from_pretrained`."""

    config_class = DacConfig
    main_input_name = "input_values"

    def __init__(self, codec: Codec, config: DacConfig | None = None) -> None:
        self.codec = codec
        self.config = config or DacConfig._of(codec, {})
        self.quantizer = _Quantizer(codec)
        self.bits_per_codebook = int(math.log2(self.config.codebook_size))

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *,
        cache_dir: str | os.PathLike[str] | None = None,
        revision: str | None = None,
        download: bool = False,
        threads: int | None = None,
        **kwargs: Any,
    ) -> DacModel:
        """Loads the weights of a repository from the hub cache, or of a local directory.

        Args:
            pretrained_model_name_or_path: for example `descript/dac_44khz`.
            cache_dir: the hub cache, if it is not at its usual place.
            revision: a branch, tag or commit.
            download: allows a download by huggingface_hub.
            threads: threads of the engine.
            kwargs: other arguments of the original, which are ignored.

        Raises:
            OSError: the weights are not on this machine.
        """
        path = _hub.find(pretrained_model_name_or_path, revision=revision, cache_dir=cache_dir, download=download)
        codec = load(weights=path, threads=threads)
        config = path.with_name("config.json")
        settings = json.loads(config.read_text()) if config.is_file() else {}
        return cls(codec, DacConfig._of(codec, settings))

    def encode(self, input_values: Any, n_quantizers: int | None = None, return_dict: bool | None = None) -> Any:
        """Encodes audio `[batch, 1, samples]` at the model's rate, padded by the feature extractor.

        Returns:
            DacEncoderOutput, or with `return_dict=False` a tuple: loss `[batch]`, z `[batch, hidden_size, frames]`,
            int64 codes `[batch, codebooks, frames]`, latents `[batch, codebooks · codebook_dim, frames]`.
        """
        torch = torch_of(input_values)
        audio = batch_of_floats(input_values, "input_values")
        codebooks = self.config.n_codebooks if n_quantizers is None else min(n_quantizers, self.config.n_codebooks)
        z, codes, latents = self.codec._native.encode_batch(audio, codebooks)
        distance = losses(latents, self.codec._native.codes_to_z(codes)[1], codebooks)
        weight = self.config.commitment_loss_weight + self.config.codebook_loss_weight
        loss = np.full(audio.shape[0], weight * distance, np.float32)
        arrays = (loss, z, codes.astype(np.int64), latents)
        results = tuple(from_numpy(array, torch) for array in arrays)
        return DacEncoderOutput(*results) if self._returns_dict(return_dict) else results

    def decode(
        self, quantized_representation: Any = None, audio_codes: Any = None, return_dict: bool | None = None
    ) -> Any:
        """Decodes z `[batch, hidden_size, frames]`, or the codes, which win if both are given.

        Returns:
            DacDecoderOutput, or with `return_dict=False` a tuple, with the audio `[batch, samples]`, not trimmed.

        Raises:
            ValueError: neither is given.
        """
        if quantized_representation is None and audio_codes is None:
            raise ValueError("Either `quantized_representation` or `audio_codes` must be provided.")
        torch = torch_of(quantized_representation, audio_codes)
        if audio_codes is not None:
            z = to_numpy(self.quantizer.from_codes(audio_codes)[0], "z")
        else:
            z = batch_of_floats(quantized_representation, "quantized_representation")
        audio = from_numpy(self.codec._native.decode_batch(z)[:, 0], torch)
        return DacDecoderOutput(audio) if self._returns_dict(return_dict) else (audio,)

    def forward(self, input_values: Any, n_quantizers: int | None = None, return_dict: bool | None = None) -> Any:
        """Encodes and decodes.

        Returns:
            DacOutput, or with `return_dict=False` a tuple: loss, audio `[batch, samples]` trimmed to the input's
            length, z, codes, latents.
        """
        loss, z, codes, latents = self.encode(input_values, n_quantizers, return_dict=False)
        audio = self.decode(z, return_dict=False)[0][..., : input_values.shape[-1]]
        results = (loss, audio, z, codes, latents)
        return DacOutput(*results) if self._returns_dict(return_dict) else results

    __call__ = forward

    def _returns_dict(self, return_dict: bool | None) -> bool:
        return self.config.return_dict if return_dict is None else return_dict


class _Features(dict[str, Any]):
    """A dict whose values are also attributes, in the manner of `BatchFeature`."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def to(self, *args: Any, **kwargs: Any) -> _Features:
        """Moves tensors."""
        for name, value in self.items():
            self[name] = value.to(*args, **kwargs) if hasattr(value, "to") else value
        return self


class DacFeatureExtractor:
    """Pads recordings to a batch of whole frames."""

    model_input_names = ["input_values", "n_quantizers"]

    def __init__(
        self,
        feature_size: int = 1,
        sampling_rate: int = 16000,
        padding_value: float = 0.0,
        hop_length: int = 512,
        **kwargs: Any,
    ) -> None:
        self.feature_size = feature_size
        self.sampling_rate = sampling_rate
        self.padding_value = padding_value
        self.hop_length = hop_length

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *,
        cache_dir: str | os.PathLike[str] | None = None,
        revision: str | None = None,
        download: bool = False,
        **kwargs: Any,
    ) -> DacFeatureExtractor:
        """Reads `preprocessor_config.json`, or else takes rate and hop from the `config.json`, next to the weights.

        Raises:
            OSError: neither is on this machine.
        """
        name = pretrained_model_name_or_path
        weights = _hub.find(name, revision=revision, cache_dir=cache_dir, download=download)
        settings: dict[str, Any] = {}
        for file in ("config.json", "preprocessor_config.json"):
            if (path := Path(weights).with_name(file)).is_file():
                settings |= json.loads(path.read_text())
        if not settings:
            raise OSError(f"there is neither preprocessor_config.json nor config.json next to {weights}")
        known = ("feature_size", "sampling_rate", "padding_value", "hop_length")
        return cls(**{name: settings[name] for name in known if name in settings})

    def __call__(
        self,
        raw_audio: Any,
        padding: bool | str | None = None,
        truncation: bool | None = False,
        max_length: int | None = None,
        return_tensors: str | None = None,
        sampling_rate: int | None = None,
    ) -> _Features:
        """Pads one recording `[samples]`, or a list of them, with zeros on the right to the longest, and to whole
        frames.

        Args:
            padding: True, `longest` (the default) or `max_length`; False pads nothing.
            truncation: cuts recordings to `max_length` samples.
            max_length: in samples, rounded up to whole frames.
            return_tensors: `np` or `pt`; otherwise a list of arrays.
            sampling_rate: of the recordings, in Hz; checked.

        Returns:
            A dict with `input_values`: `[batch, 1, samples]`.

        Raises:
            ValueError: another rate, or more than one channel.
        """
        if sampling_rate is None:
            _log.warning("pass sampling_rate to the feature extractor, so that it can be checked")
        elif sampling_rate != self.sampling_rate:
            raise ValueError(f"the model works at {self.sampling_rate} Hz, the audio is at {sampling_rate} Hz; resample it")
        if padding and truncation:
            raise ValueError("Both padding and truncation were set. Make sure you only set one.")
        padding = True if padding is None else padding
        recordings = [self._check(recording) for recording in _recordings(raw_audio)]
        if truncation and max_length is not None:
            cut = math.ceil(max_length / self.hop_length) * self.hop_length
            recordings = [recording[:cut] for recording in recordings]
        if padding:
            recordings = self._pad(recordings, max_length if padding == "max_length" else None)
        values: Any = [recording[None] for recording in recordings]
        if return_tensors is not None:
            if return_tensors not in ("np", "pt"):
                raise ValueError(f"return_tensors is {return_tensors!r}, expected 'np' or 'pt'")
            values = np.stack(values)
            if return_tensors == "pt":
                import torch

                values = torch.from_numpy(values)
        return _Features(input_values=values)

    def _check(self, recording: NDArray[np.float32]) -> NDArray[np.float32]:
        if recording.ndim > 2:
            raise ValueError(f"Expected input shape (channels, length) but got shape {recording.shape}")
        if self.feature_size == 2:
            raise ValueError("Stereo audio isn't supported for now")
        if recording.ndim != 1:
            raise ValueError(f"Expected mono audio but example has {recording.shape[-1]} channels")
        return recording

    def _pad(self, recordings: list[NDArray[np.float32]], length: int | None) -> list[NDArray[np.float32]]:
        longest = max(len(recording) for recording in recordings) if length is None else length
        longest = math.ceil(longest / self.hop_length) * self.hop_length
        value = self.padding_value
        return [
            np.pad(recording, (0, max(0, longest - len(recording))), constant_values=value) for recording in recordings
        ]


def _recordings(raw_audio: Any) -> list[NDArray[np.float32]]:
    """Lists the recordings, with samples first, as the original does."""
    is_batched = isinstance(raw_audio, (list, tuple)) and len(raw_audio) > 0 and not np.isscalar(raw_audio[0])
    given = raw_audio if is_batched else [raw_audio]
    return [np.asarray(recording, dtype=np.float32).T for recording in given]
