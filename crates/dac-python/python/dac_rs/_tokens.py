"""Tokens: codes, z and latents with their metadata."""

from __future__ import annotations

import json
import os
from typing import Any, BinaryIO, TypedDict

import numpy as np
from numpy.typing import NDArray

from . import _native
from ._arrays import to_codes, to_latents
from ._errors import TokensError, UsageError


class Meta(TypedDict, total=False):
    """Metadata of tokens. Unknown values are missing or None."""

    model: str | None
    weights_sha256: str | None
    model_rate_hz: int | None
    input_rate_hz: int | None
    input_samples: int | None
    codebook_size: int | None
    hop_samples: int | None
    replaced_samples: int | None
    input_truncated: bool | None
    damaged_samples: int | None
    input_warning: str | None
    input_db: float | None
    chunk_frames: int | None
    padding: bool | None


class Tokens:
    """Encoded audio.

    Attributes:
        codes: uint16 `[channels, codebooks, frames]`, or None.
        z: quantized latents, float32 `[channels, latent_dim, frames]`, or None.
        latents: projected latents, float32 `[channels, codebooks · codebook_dim, frames]`, or None.
        meta: metadata, such as the model, and the rate and length of the input.
        truncated: whether the tokens are the first frames of a truncated file.
    """

    __slots__ = ("codes", "latents", "meta", "truncated", "z")

    codes: NDArray[np.uint16] | None
    z: NDArray[np.float32] | None
    latents: NDArray[np.float32] | None
    meta: Meta
    truncated: bool

    def __init__(
        self,
        codes: Any = None,
        *,
        z: Any = None,
        latents: Any = None,
        meta: Meta | None = None,
        truncated: bool = False,
    ) -> None:
        self.codes = None if codes is None else to_codes(codes)
        self.z = None if z is None else to_latents(z, "z")
        self.latents = None if latents is None else to_latents(latents, "latents")
        if self.codes is None and self.z is None and self.latents is None:
            raise TokensError("tokens need codes, z or latents")
        self.meta = Meta() if meta is None else meta.copy()
        self.truncated = truncated

    @classmethod
    def from_codes(cls, codes: Any, **meta: Any) -> Tokens:
        """Makes tokens of codes `[channels, codebooks, frames]` or `[codebooks, frames]`, integers of any type.

        Keyword arguments are metadata, for example `input_samples` and `input_rate_hz`, which let a decode return
        audio of that length.
        """
        unknown = sorted(set(meta) - set(Meta.__annotations__))
        if unknown:
            known = ", ".join(Meta.__annotations__)
            raise UsageError(f"unknown metadata {', '.join(unknown)}; known are {known}")
        return cls(codes, meta=Meta(**meta))  # type: ignore[typeddict-item]

    @classmethod
    def load(cls, source: str | os.PathLike[str] | bytes | BinaryIO) -> Tokens:
        """Reads a token file of any format (safetensors, npy, pt, dac, dacp), which is detected from its content."""
        if isinstance(source, (str, os.PathLike)):
            native: str | bytes = os.fsdecode(source)
        else:
            native = bytes(source) if isinstance(source, (bytes, bytearray, memoryview)) else source.read()
        arrays, _, truncated = _native.read_tokens(native)
        return cls._of(arrays, truncated)

    def save(self, path: str | os.PathLike[str], *, format: str | None = None, dtype: str | None = None) -> None:
        """Writes a token file, which appears whole or not at all.

        Args:
            path: its extension is the format, unless `format` is given.
            format: safetensors, npy, pt, dac or dacp.
            dtype: integers of the codes, `u16`, `i32` or `i64`; the default is that of the format.
        """
        path = os.fsdecode(path)
        _native.write_tokens(self._native(), path, _format_of(path) if format is None else format, dtype)

    def to_bytes(self, format: str = "dacp", *, dtype: str | None = None) -> bytes:
        """Returns the bytes of a token file."""
        content = _native.write_tokens(self._native(), None, format, dtype)
        assert content is not None
        return content

    def codes_i64(self) -> NDArray[np.int64]:
        """Returns the codes as int64 `[channels, codebooks, frames]`, which torch needs for embeddings."""
        if self.codes is None:
            raise TokensError("these tokens contain no codes")
        return self.codes.astype(np.int64)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the codes, or else of z, or else of the latents: `(channels, values, frames)`."""
        for array in (self.codes, self.z, self.latents):
            if array is not None:
                channels, values, frames = array.shape
                return channels, values, frames
        raise TokensError("these tokens contain neither codes nor z nor latents")

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.shape[0]

    @property
    def frames(self) -> int:
        """Number of frames."""
        return self.shape[2]

    @property
    def n_codebooks(self) -> int | None:
        """Number of codebooks of the codes; None without codes."""
        return None if self.codes is None else self.codes.shape[1]

    @property
    def duration(self) -> float | None:
        """Length of the input in seconds; None if unknown."""
        samples, rate = self.meta.get("input_samples"), self.meta.get("input_rate_hz")
        return samples / rate if samples is not None and rate else None

    def _native(self) -> tuple[NDArray[np.uint16] | None, NDArray[np.float32] | None, NDArray[np.float32] | None, str]:
        meta = json.dumps(self.meta, default=_plain)
        codes = None if self.codes is None else to_codes(self.codes)
        z = None if self.z is None else to_latents(self.z, "z")
        latents = None if self.latents is None else to_latents(self.latents, "latents")
        return codes, z, latents, meta

    @classmethod
    def _of(
        cls,
        arrays: tuple[NDArray[np.uint16] | None, NDArray[np.float32] | None, NDArray[np.float32] | None, str],
        truncated: bool = False,
    ) -> Tokens:
        codes, z, latents, meta = arrays
        return cls(codes, z=z, latents=latents, meta=json.loads(meta), truncated=truncated)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tokens):
            return NotImplemented

        def same(a: NDArray[Any] | None, b: NDArray[Any] | None) -> bool:
            return a is b or (a is not None and b is not None and np.array_equal(a, b))

        known = [{k: v for k, v in tokens.meta.items() if v is not None} for tokens in (self, other)]
        arrays = [(self.codes, other.codes), (self.z, other.z), (self.latents, other.latents)]
        return known[0] == known[1] and all(same(a, b) for a, b in arrays)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        arrays = {"codes": self.codes, "z": self.z, "latents": self.latents}
        parts = [f"{name}={list(array.shape)}" for name, array in arrays.items() if array is not None]
        if self.meta.get("model"):
            parts.append(f"model={self.meta.get('model')!r}")
        if self.duration is not None:
            parts.append(f"duration={self.duration:.3f}")
        return f"Tokens({', '.join(parts)})"


def _plain(value: Any) -> Any:
    """Converts numpy's numbers for JSON."""
    if isinstance(value, np.generic):
        return value.item()
    raise UsageError(f"metadata contains {value!r} of type {type(value).__name__}, expected a number, text or bool")


def _format_of(path: str) -> str:
    extension = os.path.splitext(path)[1]
    if not extension:
        raise UsageError(f"{path} has no extension that gives a format; use format=")
    return extension[1:]
