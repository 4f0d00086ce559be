"""Settings of the extension's calls as dicts, with their defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from . import _data_sets
from ._errors import UsageError
from ._numbers import count
from ._sources import to_rate


def chunk_settings(chunk: str | Mapping[str, Any], seconds: float | None = None) -> dict[str, Any]:
    """Settings of a chunking mode."""
    settings: dict[str, Any] = {"kind": chunk, "seconds": seconds, "decoding_rate": None, "overlap_rate": None}
    return settings if isinstance(chunk, str) else {**settings, **chunk}


def encode_settings(
    *,
    n_codebooks: int | None = None,
    bitrate: float | None = None,
    channels: str = "mono",
    save: str | Iterable[str] = ("codes",),
    nan: str = "error",
    damaged: str = "error",
    chunk: str | Mapping[str, Any] = "exact",
    chunk_seconds: float | None = None,
    format: str = "safetensors",
    dtype: str | None = None,
    pack: Mapping[str, Any] | None = None,
    layout: Mapping[str, Any] | None = None,
    rows: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Settings of an encode. The last three are those of data sets."""
    return {
        "n_codebooks": count("n_codebooks", n_codebooks),
        "bitrate": bitrate,
        "channels": channels,
        "save": [save] if isinstance(save, str) else list(save),
        "nan": nan,
        "damaged": damaged,
        "chunk": chunk_settings(chunk, chunk_seconds),
        "format": format,
        "dtype": dtype,
        "pack": pack or _data_sets.pack_settings(),
        "layout": layout or _data_sets.layout_settings(),
        "rows": rows or _data_sets.row_settings(),
    }


def decode_settings(
    *,
    n_codebooks: int | None = None,
    output_rate: int | str | None = None,
    start: float | None = None,
    duration: float | None = None,
    restore_loudness: bool = True,
    chunk: str | Mapping[str, Any] = "exact",
    chunk_seconds: float | None = None,
    tail_frames: int = 0,
    audio_format: str = "wav",
    sample_format: str = "i16",
    layout: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Settings of a decode."""
    return {
        "n_codebooks": count("n_codebooks", n_codebooks),
        "output_rate": rate_text(output_rate),
        "start": start,
        "duration": duration,
        "restore_loudness": restore_loudness,
        "chunk": chunk_settings(chunk, chunk_seconds),
        "tail_frames": tail_frames,
        "audio_format": audio_format,
        "sample_format": sample_format,
        "layout": layout or _data_sets.layout_settings(),
    }


def rate_text(rate: int | str | None) -> str:
    """Text of an output rate: `model`, `input` or a number of Hz."""
    if rate is None or rate == "model":
        return "model"
    if isinstance(rate, str):
        if rate != "input":
            raise UsageError(f"output_rate is {rate!r}, expected a number of Hz, 'input' or 'model'")
        return rate
    return str(to_rate(rate, "output_rate"))
