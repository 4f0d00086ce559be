"""The original's `.dac` files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .._arrays import to_numpy
from .._errors import TokensError
from .._tokens import Meta, Tokens

__all__ = ["DACFile"]


@dataclass
class DACFile:
    """Content of a `.dac` file.

    Attributes:
        codes: int64 `[channels, codebooks, frames]`.
        chunk_length: frames per window.
        original_length: samples per channel of the input, at its own rate.
        input_db: loudness of the input in dB (LUFS), an array of one value.
        channels: channels of the input.
        sample_rate: of the input, in Hz.
        padding: whether the layers padded: true for one window of the whole signal.
        dac_version: version of the format.
    """

    codes: Any
    chunk_length: int
    original_length: int
    input_db: Any
    channels: int
    sample_rate: int
    padding: bool
    dac_version: str

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the file with the extension `.dac`, and returns its path."""
        path = Path(path).with_suffix(".dac")
        self._tokens().save(path, format="dac")
        return path

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> DACFile:
        """Reads a file. Unlike the original, it executes nothing that the file contains.

        Raises:
            RuntimeError: it is not a `.dac` file of version 1.0.0.
        """
        try:
            return cls._of(Tokens.load(path))
        except TokensError as error:
            if not Path(path).exists():
                raise FileNotFoundError(str(error)) from error
            raise RuntimeError(str(error)) from error

    @classmethod
    def _of(cls, tokens: Tokens) -> DACFile:
        meta, codes = tokens.meta, tokens.codes_i64()
        return cls(
            codes=codes,
            chunk_length=meta.get("chunk_frames") or codes.shape[2],
            original_length=meta.get("input_samples") or 0,
            input_db=np.array([meta.get("input_db")], np.float32),
            channels=codes.shape[0],
            sample_rate=meta.get("input_rate_hz") or 0,
            padding=meta.get("padding") is not False,
            dac_version="1.0.0",
        )

    def _tokens(self) -> Tokens:
        loudness = float(np.asarray(to_numpy(self.input_db, "input_db"), np.float64).reshape(-1)[0])
        meta = Meta(
            input_samples=int(self.original_length),
            input_rate_hz=int(self.sample_rate),
            chunk_frames=int(self.chunk_length),
            padding=bool(self.padding),
        )
        if np.isfinite(loudness):
            meta["input_db"] = loudness
        return Tokens(self.codes, meta=meta)
