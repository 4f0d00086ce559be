"""Encoder and decoder for `map_batches` of Ray Data.

    import ray
    from dac_rs.ray import Encoder

    rows = ray.data.read_binary_files("s3://…", include_paths=True)
    tokens = rows.map_batches(Encoder, fn_constructor_kwargs={"model": "44khz"}, **Encoder.options(actors=8))
    tokens.write_parquet("tokens")

Rows of tokens have the columns of `dac-rs encode --pack parquet` (docs/spec/packs.md). This module imports pyarrow,
not ray: the classes run in Ray's workers.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ._audio import Audio
from ._codec import Codec, load
from ._errors import DacError, UsageError
from ._sources import Source
from ._tokens import Meta, Tokens

__all__ = ["Decoder", "Encoder"]

_CODES = pa.list_(pa.list_(pa.uint16()))

_META: dict[str, Any] = {
    "model": pa.string(),
    "weights_sha256": pa.string(),
    "model_rate_hz": pa.int64(),
    "input_rate_hz": pa.int64(),
    "input_samples": pa.int64(),
    "audio_seconds": pa.float64(),
    "codebook_size": pa.int64(),
    "hop_samples": pa.int64(),
    "replaced_samples": pa.int64(),
    "input_truncated": pa.bool_(),
    "damaged_samples": pa.int64(),
    "input_warning": pa.string(),
    "input_db": pa.float32(),
    "chunk_frames": pa.int64(),
    "padding": pa.bool_(),
}


class _Actor:
    """A model that is loaded once for each of Ray's actors."""

    def __init__(
        self, model: str | None, weights: str | os.PathLike[str] | None, threads: int, errors: str
    ) -> None:
        if errors not in ("raise", "column"):
            raise UsageError(f"errors is {errors!r}, expected 'raise' or 'column'")
        self.codec: Codec = load(model, weights=weights, threads=threads)
        self.errors = errors

    @staticmethod
    def options(*, actors: int, threads: int = 1, batch_size: int = 32) -> dict[str, Any]:
        """Arguments of `map_batches`: one thread for each actor scales best."""
        return {
            "batch_format": "pyarrow",
            "batch_size": batch_size,
            "concurrency": actors,
            "num_cpus": threads,
            "zero_copy_batch": True,
        }


class Encoder(_Actor):
    """Encodes the rows of a batch, a pyarrow table.

    Args:
        model, weights: as in `dac_rs.load`.
        threads: of each actor.
        column: contains the bytes of audio files, their paths, or structs of Hugging Face's datasets (`bytes` and
            `path`, or `array` and `sampling_rate`).
        keep: whether the other columns are kept.
        errors: `raise` ends the job at the first file that cannot be encoded; `column` writes its error into the column
            `error` and nulls into the others.
        options: arguments of `Codec.encode`, such as `n_codebooks`, `bitrate` and `channels`.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        weights: str | os.PathLike[str] | None = None,
        threads: int = 1,
        column: str = "bytes",
        keep: bool = True,
        errors: str = "raise",
        **options: Any,
    ) -> None:
        super().__init__(model, weights, threads, errors)
        self.column = column
        self.keep = keep
        self.encode_options = options

    def __call__(self, table: Any) -> Any:
        """Returns the table with the columns of tokens."""
        if self.column not in table.column_names:
            raise UsageError(f"there is no column {self.column!r}; the columns are {', '.join(table.column_names)}")
        sources: list[Source] = table.column(self.column).to_pylist()
        tokens, errors = self._encode(sources)
        columns = _columns(tokens)
        if self.errors == "column":
            columns["error"] = pa.array(errors, pa.string())
        kept = table.drop_columns([self.column]) if self.keep else table.select([])
        kept = kept.drop_columns([name for name in columns if name in kept.column_names])
        if kept.num_columns == 0:
            return pa.table(columns)
        for name, values in columns.items():
            kept = kept.append_column(name, values)
        return kept

    def _encode(self, sources: list[Source]) -> tuple[list[Tokens | None], list[str | None]]:
        if self.errors == "raise":
            return list(self.codec.encode(sources, **self.encode_options)), [None] * len(sources)
        tokens: list[Tokens | None] = []
        errors: list[str | None] = []
        for source in sources:
            try:
                tokens.append(self.codec.encode(source, **self.encode_options))
                errors.append(None)
            except (DacError, TypeError) as error:
                tokens.append(None)
                errors.append(str(error))
        return tokens, errors


class Decoder(_Actor):
    """Decodes the rows of a batch, a pyarrow table with the columns `codes`, `channels`, `codebooks`, `frames` and, if
    known, the metadata.

    Adds `audio`, lists of float32 samples: all of channel 0, then of channel 1, …; and `sample_rate` in Hz. With
    `folder` it writes WAV files instead, named after the column `key`, or else after SHA-256 of the codes, and adds
    `path`.

    Args:
        model, weights: as in `dac_rs.load`.
        threads: of each actor.
        folder: for WAV files; has to exist.
        errors: `raise`, or `column` for a column `error`.
        options: arguments of `Codec.decode`, such as `output_rate`.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        weights: str | os.PathLike[str] | None = None,
        threads: int = 1,
        folder: str | os.PathLike[str] | None = None,
        errors: str = "raise",
        **options: Any,
    ) -> None:
        super().__init__(model, weights, threads, errors)
        self.folder = None if folder is None else os.fspath(folder)
        self.decode_options = options

    def __call__(self, table: Any) -> Any:
        """Returns the table with the columns of audio."""
        decoded: list[Audio | None] = []
        errors: list[str | None] = []
        for row in table.to_pylist():
            try:
                decoded.append(self.codec.decode(tokens_of(row), **self.decode_options))
                errors.append(None)
            except DacError as error:
                if self.errors == "raise":
                    raise
                decoded.append(None)
                errors.append(str(error))
        rates = pa.array([audio and audio.sample_rate for audio in decoded], pa.int64())
        if self.folder is None:
            samples = [None if audio is None else audio.samples.reshape(-1) for audio in decoded]
            table = table.append_column("audio", pa.array(samples, pa.list_(pa.float32())))
        else:
            paths = [self._write(row, audio) for row, audio in zip(table.to_pylist(), decoded, strict=True)]
            table = table.append_column("path", pa.array(paths, pa.string()))
        table = table.append_column("sample_rate", rates)
        if self.errors == "column":
            table = table.append_column("error", pa.array(errors, pa.string()))
        return table

    def _write(self, row: dict[str, Any], audio: Audio | None) -> str | None:
        if audio is None or self.folder is None:
            return None
        name = row.get("key")
        if name is None:
            import hashlib

            name = hashlib.sha256(tokens_of(row).codes_i64().tobytes()).hexdigest()
        path = os.path.join(self.folder, f"{os.path.basename(name)}.wav")
        audio.save(path)
        return path


def tokens_of(row: dict[str, Any]) -> Tokens:
    """Makes tokens of a row, a dict with the columns of parquet packs."""
    shape = (row["channels"], row["codebooks"], row["frames"])
    if row["codes"] is None or None in shape:
        raise UsageError("the row contains no codes")
    codes: NDArray[np.uint16] = np.array(row["codes"], np.uint16).reshape(shape)
    meta = {name: row[name] for name in Meta.__annotations__ if row.get(name) is not None}
    return Tokens(codes, meta=Meta(**meta))  # type: ignore[typeddict-item]


def _columns(tokens: list[Tokens | None]) -> dict[str, Any]:
    """Columns of tokens; nulls where there are none."""
    shapes = [None if one is None else one.shape for one in tokens]
    columns = {"codes": pa.array([_lists(one) for one in tokens], _CODES)}
    for axis, name in enumerate(("channels", "codebooks", "frames")):
        columns[name] = pa.array([shape and shape[axis] for shape in shapes], pa.int64())
    for name, kind in _META.items():
        columns[name] = pa.array([_meta(one, name) for one in tokens], kind)
    return columns


def _lists(tokens: Tokens | None) -> list[NDArray[np.uint16]] | None:
    if tokens is None:
        return None
    if tokens.codes is None:
        raise UsageError("save has to contain 'codes': rows store codes")
    return list(tokens.codes.reshape(-1, tokens.codes.shape[2]))


def _meta(tokens: Tokens | None, name: str) -> Any:
    if tokens is None:
        return None
    return tokens.duration if name == "audio_seconds" else tokens.meta.get(name)
