"""Arrays of any library as numpy arrays of the layout that the extension takes, without a copy where possible."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._errors import AudioError, TokensError, UsageError

MAX_CHANNELS = 64
"""Largest number of channels of audio."""

_CPU_DEVICES = (1, 3)
"""Device types of DLPack whose memory the CPU reads: CPU, and pinned memory of CUDA."""


def is_array(value: object) -> bool:
    """Returns whether `value` is an array of some library."""
    return isinstance(value, np.ndarray) or any(
        hasattr(value, name) for name in ("__dlpack__", "__array__", "__array_interface__")
    )


def to_numpy(value: Any, what: str) -> NDArray[Any]:
    """Views an array of any library as a numpy array; `what` names it in errors."""
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "detach"):
        # A torch tensor that requires a gradient refuses to be exported.
        value = value.detach()
    if hasattr(value, "__dlpack__"):
        device = value.__dlpack_device__()
        if device[0] not in _CPU_DEVICES:
            raise UsageError(f"{what} is on device {device}, expected an array on the CPU; use .cpu()")
        try:
            return np.from_dlpack(value)
        except (BufferError, RuntimeError, TypeError, ValueError):
            # For example bfloat16, which numpy does not have.
            if hasattr(value, "float"):
                return np.asarray(value.float())
    if hasattr(value, "__array__") or hasattr(value, "__array_interface__"):
        return np.asarray(value)
    try:
        return np.asarray(memoryview(value))
    except TypeError:
        kind = type(value).__name__
        raise TypeError(f"{what} is of type {kind}, expected an array (numpy, DLPack or buffer protocol)") from None


def to_floats(array: NDArray[Any], what: str) -> NDArray[np.float32]:
    """Converts numbers to f32; integers become fractions of their type's full scale."""
    dtype = array.dtype
    if dtype == np.float32:
        return array
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return array.astype(np.float32)
    if dtype.kind == "i":
        return (array / np.float64(-float(np.iinfo(dtype).min))).astype(np.float32)
    if dtype.kind == "u" and dtype.itemsize == 1:
        return ((array.astype(np.float32) - 128) / 128).astype(np.float32)
    raise AudioError(f"{what} has elements of type {dtype}, expected floats, signed integers or uint8")


def to_samples(value: Any, what: str = "the audio") -> NDArray[np.float32]:
    """Converts audio to samples `[channels, samples]`, each channel contiguous. `[samples]` is one channel."""
    array = to_numpy(value, what)
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2:
        shape = tuple(array.shape)
        raise AudioError(f"{what} has shape {shape}, expected [samples] or [channels, samples]")
    if not 1 <= array.shape[0] <= MAX_CHANNELS:
        shape = tuple(array.shape)
        hint = "; transpose it with .T" if 1 <= array.shape[1] <= MAX_CHANNELS else ""
        raise AudioError(f"{what} has shape {shape}, expected [channels, samples] with 1 to {MAX_CHANNELS} channels{hint}")
    array = to_floats(array, what)
    if not array.flags.aligned or (array.shape[1] > 1 and array.strides[1] != array.itemsize):
        array = np.require(array, requirements=["A", "C"])
    return array


def to_codes(value: Any, what: str = "codes") -> NDArray[np.uint16]:
    """Converts codes to uint16 `[channels, codebooks, frames]`. `[codebooks, frames]` is one channel."""
    array = to_numpy(value, what)
    if array.dtype.kind not in "iu":
        raise TokensError(f"{what} have elements of type {array.dtype}, expected integers")
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3:
        shape = tuple(array.shape)
        raise TokensError(f"{what} have shape {shape}, expected [channels, codebooks, frames] or [codebooks, frames]")
    if array.dtype != np.uint16:
        outside = (array < 0) | (array > 0xFFFF)
        if outside.any():
            channel, codebook, frame = (int(i) for i in np.argwhere(outside)[0])
            found = int(array[channel, codebook, frame])
            place = f"codebook {codebook} of channel {channel} contains {found} at frame {frame}"
            raise TokensError(f"{what}: {place}; codes are from 0 to 65535")
    return np.ascontiguousarray(array, dtype=np.uint16)


def to_latents(value: Any, what: str) -> NDArray[np.float32]:
    """Converts z or latents to f32 `[channels, values, frames]`. `[values, frames]` is one channel."""
    array = to_numpy(value, what)
    if array.dtype.kind != "f":
        raise TokensError(f"{what} has elements of type {array.dtype}, expected floats")
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3:
        shape = tuple(array.shape)
        raise TokensError(f"{what} has shape {shape}, expected [channels, values, frames] or [values, frames]")
    return np.ascontiguousarray(to_floats(array, what))
