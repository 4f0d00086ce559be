"""The codec: encoding of audio and decoding of tokens."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias, overload

from . import _batch, _data_sets, _native
from ._arrays import is_array, to_codes, to_latents, to_numpy
from ._audio import Audio
from ._errors import TokensError, UsageError
from ._groups import DecoderGroup, EncoderGroup
from ._numbers import count
from ._settings import decode_settings, encode_settings
from ._sources import Source, to_source
from ._stream import StreamDecoder, StreamEncoder
from ._tokens import Tokens

TokensLike: TypeAlias = Any
"""Tokens, a path or the bytes of a token file, codes (an array of integers) or z (an array of floats)."""

Channels: TypeAlias = Literal["mono", "keep"]
"""`mono` encodes the mean of all channels, `keep` each channel by itself."""

Chunk: TypeAlias = Literal["exact", "whole", "overlap", "descript"]
"""The way long signals are divided: docs/user/chunking.md. Only `exact` takes little memory and is exact."""


def load(
    model: str | os.PathLike[str] | None = None,
    *,
    device: str = "cpu",
    threads: int | None = None,
    precision: str = "f32",
    weights: str | os.PathLike[str] | None = None,
    low_latency: bool = False,
    prepare: bool = False,
) -> Codec:
    """Loads a model. Nothing is downloaded.

    Args:
        model: `44khz` (the default), another name of `dac-rs models`, or the path of a checkpoint. Weights of
            a name are searched in the caches of `dac-rs`, of descript-audio-codec and of Hugging Face; `tiny` is part
            of the package.
        device: `cpu`; others need a build with their feature: `flex`, `wgpu`, `cuda`.
        threads: of all calls together; by default the processors that this process may use, or
            `RAYON_NUM_THREADS`.
        precision: `f32`, `exact` (no Winograd convolutions), or `bf16` on processors with AVX512_BF16.
        weights: path of a checkpoint in any published layout. With `model`, it has to be of that model.
        low_latency: makes streams return each sample as early as possible, at some cost in speed.
        prepare: writes the packed weights to the cache if they are not there, as `dac-rs models --prepare` does. Loads
            use them in any case: they take no time, and processes share the memory. Failures to write are ignored.

    Raises:
        WeightsError: the weights are missing or invalid.
        UsageError: the device or the precision is not available.
    """
    args = {
        "model": None if model is None else os.fsdecode(model),
        "weights": None if weights is None else os.fsdecode(weights),
        "device": device,
        "threads": count("threads", threads),
        "precision": precision,
        "low_latency": low_latency,
        "prepare": prepare,
    }
    return Codec(_native.Codec.load(args), args)


class Codec:
    """A loaded model, made by `load`. Threads may share it. Pickling it stores how it was loaded, not its weights."""

    def __init__(self, native: _native.Codec, args: dict[str, Any]) -> None:
        self._native = native
        self._args = args
        self._facts = native.facts()

    @overload
    def encode(
        self,
        source: list[Source],
        *,
        sample_rate: int | None = None,
        n_codebooks: int | None = None,
        bitrate: float | None = None,
        channels: Channels = "mono",
        save: str | Iterable[str] = ("codes",),
        nan: Literal["error", "zero"] = "error",
        damaged: Literal["error", "silence"] = "error",
        chunk: Chunk = "exact",
        chunk_seconds: float | None = None,
        measure_loudness: bool = False,
    ) -> list[Tokens]: ...
    @overload
    def encode(
        self,
        source: Source,
        *,
        sample_rate: int | None = None,
        n_codebooks: int | None = None,
        bitrate: float | None = None,
        channels: Channels = "mono",
        save: str | Iterable[str] = ("codes",),
        nan: Literal["error", "zero"] = "error",
        damaged: Literal["error", "silence"] = "error",
        chunk: Chunk = "exact",
        chunk_seconds: float | None = None,
        measure_loudness: bool = False,
    ) -> Tokens: ...
    def encode(
        self,
        source: Source | list[Source],
        *,
        sample_rate: int | None = None,
        n_codebooks: int | None = None,
        bitrate: float | None = None,
        channels: Channels = "mono",
        save: str | Iterable[str] = ("codes",),
        nan: Literal["error", "zero"] = "error",
        damaged: Literal["error", "silence"] = "error",
        chunk: Chunk = "exact",
        chunk_seconds: float | None = None,
        measure_loudness: bool = False,
    ) -> Tokens | list[Tokens]:
        """Encodes audio, resampled to the model's rate.

        Args:
            source: a path, the bytes of a file, an open binary file, `(array, rate)`, or an array `[samples]` or
                `[channels, samples]` of numpy, torch (on the CPU) or any library with DLPack or the buffer protocol.
                Floats have full scale at 1, integers at their type's range. float32 with contiguous channels is not
                copied; do not change it meanwhile. A list is encoded in parallel and gives a list.
            sample_rate: of an array, in Hz; the default is the model's.
            n_codebooks: the default is all.
            bitrate: as many codebooks as fit into this number of kbit/s, but at least one.
            channels: `mono` encodes the mean of all channels, `keep` each by itself.
            save: any of `codes`, `z`, `latents`.
            nan: `zero` replaces NaN and infinite samples by 0.
            damaged: `silence` replaces damaged parts of a file.
            chunk, chunk_seconds: the way long signals are divided.
            measure_loudness: records the input's loudness, which a `.dac` file needs.

        Raises:
            AudioError: the source is not audio, has no samples or contains NaN.
            UsageError: an option does not fit the model.
        """
        settings = encode_settings(
            n_codebooks=n_codebooks, bitrate=bitrate, channels=channels, save=save, nan=nan, damaged=damaged,
            chunk=chunk, chunk_seconds=chunk_seconds, format="dac" if measure_loudness else "safetensors",
        )
        encoded: Tokens | list[Tokens] = self._encode(source, sample_rate, settings)
        return encoded

    def _encode(self, source: Source, sample_rate: int | None, settings: dict[str, Any]) -> Any:
        is_list = isinstance(source, list)
        sources = [to_source(one, sample_rate, self.sample_rate) for one in (source if is_list else [source])]
        tokens = [Tokens._of(arrays) for arrays in self._native.encode(sources, is_list, settings)]
        return tokens if is_list else tokens[0]

    @overload
    def decode(
        self,
        tokens: list[TokensLike],
        *,
        output_rate: int | str | None = None,
        start: float | None = None,
        duration: float | None = None,
        n_codebooks: int | None = None,
        tail_frames: int = 0,
        restore_loudness: bool = True,
        chunk: Chunk = "exact",
    ) -> list[Audio]: ...
    @overload
    def decode(
        self,
        tokens: TokensLike,
        *,
        output_rate: int | str | None = None,
        start: float | None = None,
        duration: float | None = None,
        n_codebooks: int | None = None,
        tail_frames: int = 0,
        restore_loudness: bool = True,
        chunk: Chunk = "exact",
    ) -> Audio: ...
    def decode(
        self,
        tokens: TokensLike | list[TokensLike],
        *,
        output_rate: int | str | None = None,
        start: float | None = None,
        duration: float | None = None,
        n_codebooks: int | None = None,
        tail_frames: int = 0,
        restore_loudness: bool = True,
        chunk: Chunk = "exact",
    ) -> Audio | list[Audio]:
        """Decodes tokens to audio as long as the input, or, where its length is unknown, of all frames.

        Args:
            tokens: Tokens, a path or the bytes of a token file, codes `[channels, codebooks, frames]` (integers) or z
                `[channels, latent_dim, frames]` (floats); without the first axis they are one channel. A list is
                decoded in parallel and gives a list.
            output_rate: in Hz, or `input` for the rate of the input; the default is the model's.
            start, duration: decode only this part, in seconds.
            n_codebooks: decode only the first ones.
            tail_frames: frames at the end that are only context of the earlier ones; their audio is omitted.
            restore_loudness: bring the audio to the loudness that the tokens record, as a `.dac` file does.
            chunk: `overlap` averages chunks as the hance-ai wrapper does.

        Raises:
            TokensError: the tokens are invalid or of another model.
            UsageError: an option is out of range or needs metadata that the tokens do not contain.
        """
        settings = decode_settings(
            n_codebooks=n_codebooks, output_rate=output_rate, start=start, duration=duration,
            tail_frames=tail_frames, restore_loudness=restore_loudness, chunk=chunk,
        )
        decoded: Audio | list[Audio] = self._decode(tokens, settings)
        return decoded

    def _decode(self, tokens: TokensLike, settings: dict[str, Any]) -> Any:
        is_list = isinstance(tokens, list)
        native = [to_tokens(one)._native() for one in (tokens if is_list else [tokens])]
        audio = [Audio(*decoded) for decoded in self._native.decode(native, is_list, settings)]
        return audio if is_list else audio[0]

    def stream_encoder(
        self,
        sample_rate: int | None = None,
        channels: int = 1,
        *,
        n_codebooks: int | None = None,
        bitrate: float | None = None,
        mix: Channels = "mono",
    ) -> StreamEncoder:
        """Starts an encoder of a signal that arrives piece by piece; use it in a `with` statement.

        Args:
            sample_rate: of the signal, in Hz; the default is the model's.
            channels: of the signal.
            n_codebooks, bitrate: as in `encode`.
            mix: `mono` encodes the mean of all channels, `keep` each by itself.
        """
        settings = encode_settings(n_codebooks=n_codebooks, bitrate=bitrate, channels=mix)
        return StreamEncoder(self._native, self._facts, sample_rate, channels, settings)

    def stream_decoder(self, channels: int = 1, *, output_rate: int | None = None) -> StreamDecoder:
        """Starts a decoder of codes that arrive piece by piece; use it in a `with` statement.

        Args:
            channels: of the codes.
            output_rate: in Hz; the default is the model's.
        """
        return StreamDecoder(self._native, self._facts, channels, output_rate)

    def encoder_group(self, *, n_codebooks: int | None = None) -> EncoderGroup:
        """Starts a group of encoders without streams. Load the model with `low_latency`."""
        return EncoderGroup(self._native, n_codebooks)

    def decoder_group(self) -> DecoderGroup:
        """Starts a group of decoders without streams. Load the model with `low_latency`."""
        return DecoderGroup(self._native)

    def encode_files(
        self,
        inputs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        output: str | os.PathLike[str],
        *,
        jobs: int | None = None,
        format: str | None = None,
        pack: _data_sets.Pack | None = None,
        keep_shards: bool = False,
        retry_failed: bool = False,
        pack_entries: int | None = None,
        pack_bytes: int | None = None,
        max_shard_minutes: float | None = None,
        layout: str | None = None,
        codebook_offset: int = 0,
        bos: int | None = None,
        eos: int | None = None,
        pad: int | None = None,
        segment: float | None = None,
        min_seconds: float | None = None,
        max_seconds: float | None = None,
        audio_column: str | None = None,
        path_column: str | None = None,
        resume: bool = True,
        progress: bool = True,
        n_codebooks: int | None = None,
        bitrate: float | None = None,
        channels: Channels = "mono",
        save: str | Iterable[str] = ("codes",),
        dtype: Literal["u16", "i32", "i64"] | None = None,
        nan: Literal["error", "zero"] = "error",
        damaged: Literal["error", "silence"] = "error",
        root: str | os.PathLike[str] | None = None,
        keep_extension: bool = False,
        partition: str | None = None,
        manifest: str | os.PathLike[str] | None = None,
        dry_run: bool = False,
    ) -> _batch.BatchResult:
        """Encodes files to token files or packs: the batch of `dac-rs encode`, with its manifest.

        Args:
            inputs: files, directories (searched recursively), glob patterns, and data sets: WebDataset tar, parquet,
                manifests, tables, Lhotse Shar (docs/user/datasets.md).
            output: directory; created if missing.
            jobs: files at a time; the default is one for each thread.
            format: safetensors (the default), npy (the default in tar packs), pt, dac or dacp; other packs have none.
            pack: collects the tokens in `tar` (WebDataset) or `parquet` files, or as Lhotse `shar`.
            keep_shards: writes one shard for each data set of the input, with its name.
            retry_failed: encodes rows again that failed and that these shards lack, into shards of other names.
            pack_entries, pack_bytes, max_shard_minutes: limits at which a shard is closed; the defaults are 1000
                entries, 1 GB and 10 minutes.
            layout: `frames`, `flat`, `interleaved`, `delay` or `delay:0,1,2,…`: the order of codes for a language model,
                in npy files and packs (docs/spec/layouts.md).
            codebook_offset, bos, eos, pad: of the layout: an offset for each codebook, and special tokens.
            segment: cuts inputs into pieces of this number of seconds.
            min_seconds, max_seconds: drop other inputs and pieces.
            audio_column, path_column: of parquet files, the column with the audio; of tables and manifests, that with
                its path. The usual names are found.
            resume: skips outputs that the manifest lists as valid; otherwise they are replaced.
            progress: shows a bar, if tqdm is installed and standard error is a terminal.
            root, keep_extension, partition, manifest, dry_run: as in the program (docs/user/batches.md).

        Raises:
            UsageError: the inputs or options cannot be used; nothing was done. Errors of single files are in their
                records.
        """
        settings = encode_settings(
            n_codebooks=n_codebooks, bitrate=bitrate, channels=channels, save=save, nan=nan, damaged=damaged,
            dtype=dtype, format=_data_sets.token_format(format, pack),
            pack=_data_sets.pack_settings(pack, keep_shards, pack_entries, pack_bytes, max_shard_minutes),
            layout=_data_sets.layout_settings(layout, codebook_offset, bos, eos, pad),
            rows=_data_sets.row_settings(segment, min_seconds, max_seconds, audio_column, path_column),
        )
        options = _batch.options(
            inputs, output, jobs, resume, root, keep_extension, partition, manifest, dry_run, retry_failed
        )
        return _batch.run(_native.encode_files, self._native, options, settings, progress)

    def decode_files(
        self,
        inputs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        output: str | os.PathLike[str],
        *,
        jobs: int | None = None,
        audio_format: Literal["wav", "flac"] = "wav",
        sample_format: Literal["i16", "i24", "f32"] = "i16",
        layout: str | None = None,
        codebook_offset: int = 0,
        bos: int | None = None,
        eos: int | None = None,
        pad: int | None = None,
        output_rate: int | str | None = None,
        resume: bool = True,
        progress: bool = True,
        n_codebooks: int | None = None,
        start: float | None = None,
        duration: float | None = None,
        root: str | os.PathLike[str] | None = None,
        keep_extension: bool = False,
        partition: str | None = None,
        manifest: str | os.PathLike[str] | None = None,
        dry_run: bool = False,
    ) -> _batch.BatchResult:
        """Decodes token files and packs to WAV or FLAC files: the batch of `dac-rs decode`.

        Arguments are those of `encode_files`; `layout` and its tokens are those with which the codes were written.
        """
        settings = decode_settings(
            n_codebooks=n_codebooks, output_rate=output_rate, start=start, duration=duration,
            audio_format=audio_format, sample_format=sample_format, chunk_seconds=_batch.DECODED_BLOCK_SECONDS,
            layout=_data_sets.layout_settings(layout, codebook_offset, bos, eos, pad),
        )
        options = _batch.options(inputs, output, jobs, resume, root, keep_extension, partition, manifest, dry_run)
        return _batch.run(_native.decode_files, self._native, options, settings, progress)

    def check_tokens(self, tokens: Tokens) -> str | None:
        """Checks that tokens fit this model. Returns a warning if they were made with other weights.

        Raises:
            TokensError: the sample rate, hop or codebook size differs.
        """
        return self._native.check_tokens(tokens._native()[3])

    @property
    def name(self) -> str:
        """Name of the model with these dimensions, or `custom`."""
        return self._facts["name"]

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights file, in hexadecimal."""
        return self._facts["weights_sha256"]

    @property
    def prepared_path(self) -> str | None:
        """Path of the prepared weights that this codec uses; None if it packed the weights itself."""
        path = self._facts["prepared"]
        return None if path is None else os.fspath(path)

    @property
    def device(self) -> str:
        """Device that runs the network."""
        return self._facts["device"]

    @property
    def precision(self) -> str:
        """Precision of the convolutions."""
        return self._facts["precision"]

    @property
    def threads(self) -> int:
        """Threads of all calls together."""
        return self._facts["threads"]

    @property
    def sample_rate(self) -> int:
        """Rate of the model's audio, in Hz."""
        return self._facts["sample_rate"]

    @property
    def hop_length(self) -> int:
        """Samples per frame, at the model's rate."""
        return self._facts["hop_length"]

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sample_rate / self.hop_length

    @property
    def n_codebooks(self) -> int:
        """Number of codebooks."""
        return self._facts["n_codebooks"]

    @property
    def codebook_size(self) -> int:
        """Entries per codebook; codes are below it."""
        return self._facts["codebook_size"]

    @property
    def codebook_dim(self) -> int:
        """Values per codebook entry."""
        return self._facts["codebook_dim"]

    @property
    def latent_dim(self) -> int:
        """Values per frame of z."""
        return self._facts["latent_dim"]

    def __reduce__(self) -> tuple[Any, ...]:
        return _reload, (self._args,)

    def __repr__(self) -> str:
        facts = f"{self.sample_rate} Hz, {self.n_codebooks} codebooks, device {self.device}, {self.threads} threads"
        return f"<dac_rs.Codec {self.name}: {facts}>"


def _reload(args: dict[str, Any]) -> Codec:
    return load(**args)


def to_tokens(value: TokensLike) -> Tokens:
    """Converts anything that can be decoded to tokens."""
    if isinstance(value, Tokens):
        return value
    if isinstance(value, (str, os.PathLike, bytes)):
        return Tokens.load(value)
    if not is_array(value):
        kind = type(value).__name__
        raise TypeError(f"cannot decode a value of type {kind}, expected Tokens, a path, or an array of codes or z")
    array = to_numpy(value, "the array")
    if array.dtype.kind in "iu":
        return Tokens(to_codes(array))
    if array.dtype.kind == "f":
        return Tokens(z=to_latents(array, "z"))
    raise TokensError(f"the array has elements of type {array.dtype}, expected integers (codes) or floats (z)")


def find_weights(model: str) -> list[str]:
    """Returns the paths of a model's weights on this machine, most preferred first."""
    if model not in _native.model_names():
        raise UsageError(f"model is {model!r}, expected one of {', '.join(_native.model_names())}")
    return [os.fspath(path) for path in _native.find_weights(model)[0]]
