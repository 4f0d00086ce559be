"""Sources of audio: paths, bytes, files, arrays."""

from __future__ import annotations

import operator
import os
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ._arrays import is_array, to_samples
from ._errors import AudioError, UsageError

Source: TypeAlias = Any
"""A path, the bytes of a file, an open binary file, `(array, rate)`, an array, or a dict of Hugging Face's datasets
(`array` and `sampling_rate`, or `bytes` and `path`)."""

NativeSource: TypeAlias = "tuple[NDArray[np.float32], int] | tuple[bytes, str] | str"
"""What the extension takes."""


def to_rate(value: Any, what: str = "sample_rate") -> int:
    """Checks a sample rate in Hz."""
    try:
        # Also numpy's integers, and floats without a fraction.
        whole: Any = int(value) if isinstance(value, float) and value.is_integer() else value
        rate = operator.index(whole)
    except TypeError:
        raise UsageError(f"{what} is {value!r}, expected an integer number of Hz") from None
    if not 0 < rate < 2**32:
        raise UsageError(f"{what} is {rate}, expected a number of Hz above 0")
    return rate


def to_source(source: Source, sample_rate: int | None, model_rate: int) -> NativeSource:
    """Converts a source. `sample_rate` is that of an array; its default is the model's."""
    if isinstance(source, (str, os.PathLike)):
        return _no_rate(os.fsdecode(source), sample_rate, "a file")
    if isinstance(source, bytes):
        return _no_rate((source, "the bytes"), sample_rate, "a file's bytes")
    if isinstance(source, (bytearray, memoryview)) and memoryview(source).format == "B":
        return _no_rate((bytes(source), "the bytes"), sample_rate, "a file's bytes")
    if isinstance(source, Mapping):
        return _from_mapping(source, sample_rate, model_rate)
    if isinstance(source, tuple):
        if len(source) != 2:
            raise UsageError(f"a tuple of {len(source)} elements is not a source, expected (array, rate)")
        if sample_rate is not None:
            raise UsageError("sample_rate cannot be combined with (array, rate), which contains the rate")
        return to_samples(source[0]), to_rate(source[1], "the rate of (array, rate)")
    if hasattr(source, "read") and not is_array(source):
        return _no_rate(_read(source), sample_rate, "a file")
    return to_samples(source), model_rate if sample_rate is None else to_rate(sample_rate)


def _no_rate(source: NativeSource, sample_rate: int | None, what: str) -> NativeSource:
    if sample_rate is not None:
        raise UsageError(f"sample_rate applies only to arrays; {what} contains its rate")
    return source


def _from_mapping(source: Mapping[str, Any], sample_rate: int | None, model_rate: int) -> NativeSource:
    array, rate = source.get("array"), source.get("sampling_rate")
    if array is not None:
        # Tables of arrow give their rows as lists.
        array = np.asarray(array, np.float32) if isinstance(array, list) else array
        return to_source(array if rate is None else (array, rate), sample_rate, model_rate)
    content = source.get("bytes")
    if content is not None:
        if not isinstance(content, (bytes, bytearray, memoryview)):
            raise TypeError(f"the value of 'bytes' is of type {type(content).__name__}, expected bytes")
        name = os.path.basename(source.get("path") or "") or "the bytes"
        return _no_rate((bytes(content), name), sample_rate, "a file's bytes")
    if source.get("path") is not None:
        return to_source(os.fsdecode(source["path"]), sample_rate, model_rate)
    keys = ", ".join(map(str, source))
    raise UsageError(f"a dict with the keys {keys} is not a source, expected array and sampling_rate, bytes or path")


def _read(file: Any) -> tuple[bytes, str]:
    name = getattr(file, "name", None)
    name = os.path.basename(name) if isinstance(name, str) else f"the {type(file).__name__}"
    try:
        content = file.read()
    except (OSError, ValueError) as error:
        raise AudioError(f"cannot read {name}: {error}") from error
    if isinstance(content, (bytearray, memoryview)):
        content = bytes(content)
    if not isinstance(content, bytes):
        raise AudioError(f"{name} is open in text mode, expected binary mode ('rb')")
    return content, name
