"""Encoders and decoders of signals that arrive piece by piece."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _native
from ._arrays import to_codes, to_samples
from ._errors import UsageError
from ._settings import rate_text
from ._sources import to_rate
from ._tokens import Meta, Tokens


class StreamEncoder:
    """Encodes a signal piece by piece, with the same codes as `Codec.encode`.

    Attributes:
        meta: metadata of the tokens, known after `flush`.
    """

    meta: Meta | None

    def __init__(
        self,
        native: _native.Codec,
        facts: _native.Facts,
        sample_rate: int | None,
        channels: int,
        settings: dict[str, Any],
    ) -> None:
        if not 1 <= channels <= 64:
            raise UsageError(f"channels is {channels}, expected 1 to 64")
        self._facts = facts
        self._channels = channels
        rate = facts["sample_rate"] if sample_rate is None else to_rate(sample_rate)
        self._stream = _native.EncodeStream(native, rate, channels, settings)
        self._shape = (1 if settings["channels"] == "mono" else channels, settings["n_codebooks"])
        self.meta = None

    @property
    def latency_samples(self) -> int:
        """Samples that have to follow a frame's first one before the frame is complete, at the model's rate. Without
        `low_latency` the engine collects longer blocks."""
        return self._facts["encoder_latency_samples"]

    def push(self, samples: Any) -> NDArray[np.uint16]:
        """Takes samples `[channels, samples]`, or `[samples]` of one channel, and returns the codes
        `[channels, codebooks, frames]` that are complete, possibly of 0 frames."""
        codes = self._stream.push(to_samples(samples))
        if codes is None:
            channels, codebooks = self._shape
            return np.zeros((channels, codebooks or self._facts["n_codebooks"], 0), np.uint16)
        self._shape = codes.shape[:2]
        return codes

    def flush(self) -> NDArray[np.uint16]:
        """Ends the signal and returns its remaining codes."""
        codes, _, _, meta = self._stream.finish()
        self.meta = json.loads(meta)
        assert codes is not None
        return codes

    def close(self) -> None:
        """Discards the signal; leaving the `with` statement does this."""
        self._stream.close()

    def __enter__(self) -> StreamEncoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class StreamDecoder:
    """Decodes codes piece by piece, with the same samples as `Codec.decode`.

    Attributes:
        sample_rate: of the returned samples, in Hz.
    """

    sample_rate: int

    def __init__(self, native: _native.Codec, facts: _native.Facts, channels: int, output_rate: int | None) -> None:
        if not 1 <= channels <= 64:
            raise UsageError(f"channels is {channels}, expected 1 to 64")
        self._hop = facts["hop_length"]
        meta = json.dumps({"input_rate_hz": facts["sample_rate"] if output_rate is None else to_rate(output_rate)})
        self._stream = _native.DecodeStream(native, meta, channels, rate_text(output_rate))
        self.sample_rate = self._stream.rate_hz

    @property
    def latency_samples(self) -> int:
        """Samples, at the model's rate, of the frames that have to follow a frame before all of its samples are
        returned. Without `low_latency` the engine collects longer blocks."""
        return self._stream.latency_frames * self._hop

    def push(self, codes: Any) -> NDArray[np.float32]:
        """Takes codes `[channels, codebooks, frames]` or `[codebooks, frames]`, or Tokens, and returns the samples
        `[channels, samples]` that are complete."""
        return self._stream.push(to_codes(codes.codes if isinstance(codes, Tokens) else codes))

    def flush(self, samples: int | None = None) -> NDArray[np.float32]:
        """Ends the signal and returns its remaining samples. The whole output then has `samples` samples per channel,
        at `sample_rate`, or by default all that the frames give."""
        return self._stream.finish(samples)

    def close(self) -> None:
        """Discards the signal; leaving the `with` statement does this."""
        self._stream.close()

    def __enter__(self) -> StreamDecoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
