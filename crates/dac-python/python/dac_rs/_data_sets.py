"""Settings of data sets as dicts, with their defaults."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from ._errors import UsageError
from ._numbers import count, positive

Pack: TypeAlias = Literal["tar", "parquet", "shar"]
"""Kind of shards: WebDataset archives, parquet files, Lhotse Shar."""


def token_format(format: str | None, pack: str | None) -> str:
    """Format of token files, by themselves or in archives."""
    if format is not None and pack in ("parquet", "shar"):
        raise UsageError(f"format cannot be combined with pack={pack!r}, whose shards contain codes instead of token files")
    return format or ("safetensors" if pack is None else "npy")


def pack_settings(
    kind: str | None = None,
    keep_shards: bool = False,
    entries: int | None = None,
    bytes: int | None = None,
    minutes: float | None = None,
) -> dict[str, Any]:
    """Kind and limits of shards."""
    return {
        "kind": kind,
        "keep_shards": keep_shards,
        "entries": count("pack_entries", entries),
        "bytes": count("pack_bytes", bytes),
        "minutes": positive("max_shard_minutes", minutes),
    }


def layout_settings(
    layout: str | None = None,
    codebook_offset: int = 0,
    bos: int | None = None,
    eos: int | None = None,
    pad: int | None = None,
) -> dict[str, Any]:
    """Layout of codes for a language model, and its special tokens."""
    for name, token in (("codebook_offset", codebook_offset), ("bos", bos), ("eos", eos), ("pad", pad)):
        if token is not None and not 0 <= token <= 65535:
            raise UsageError(f"{name} is {token}, expected 0 to 65535")
    return {"layout": layout, "codebook_offset": codebook_offset, "bos": bos, "eos": eos, "pad": pad}


def row_settings(
    segment: float | None = None,
    min_seconds: float | None = None,
    max_seconds: float | None = None,
    audio_column: str | None = None,
    path_column: str | None = None,
) -> dict[str, Any]:
    """Cutting of recordings, limits of their length, and the column or field with the audio or its path."""
    if audio_column is not None and path_column is not None:
        raise UsageError("audio_column and path_column cannot be combined")
    return {
        "segment": positive("segment", segment),
        "min_seconds": positive("min_seconds", min_seconds),
        "max_seconds": positive("max_seconds", max_seconds),
        "column": audio_column if path_column is None else path_column,
    }
