"""Support for the drop-in modules: torch tensors in and out, and the methods that torch modules have."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ._arrays import to_numpy

Self = TypeVar("Self", bound="Module")


def torch_of(*values: Any) -> Any:
    """Returns the module torch if one of the values is a tensor, a device or a dtype of torch, else None."""
    for value in values:
        if type(value).__module__.partition(".")[0] == "torch":
            return sys.modules["torch"]
    return None


def from_numpy(array: NDArray[Any], torch: Any) -> Any:
    """Returns the array as a tensor, if torch is given, else the array itself. The tensor shares writable memory."""
    if torch is None:
        return array
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def batch_of_floats(value: Any, what: str) -> NDArray[np.float32]:
    """Returns a C-contiguous f32 array with three axes; ValueError for another number of axes, TypeError for
    elements that are not real numbers."""
    array = to_numpy(value, what)
    if array.ndim != 3:
        raise ValueError(f"{what} has shape {tuple(array.shape)}, expected three axes")
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{what} has elements of type {array.dtype}, expected numbers")
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype=np.float32)


def batch_of_codes(value: Any, what: str, size: int) -> NDArray[np.uint16]:
    """Returns C-contiguous codes with three axes; IndexError for a code of `size` or more, as torch raises."""
    array = to_numpy(value, what)
    if array.ndim != 3:
        raise ValueError(f"{what} has shape {tuple(array.shape)}, expected (batch, codebooks, frames)")
    if array.dtype.kind not in "iu":
        raise TypeError(f"{what} has elements of type {array.dtype}, expected integers")
    if array.size and not 0 <= int(array.min()) <= int(array.max()) < size:
        found = int(array.max()) if int(array.max()) >= size else int(array.min())
        raise IndexError(f"{what} contains {found}, expected codes from 0 to {size - 1}")
    return np.ascontiguousarray(array, dtype=np.uint16)


class Module:
    """Methods of torch modules that make sense for a codec that only runs, on the CPU."""

    training: bool = False
    _torch: Any = None

    def to(self: Self, *args: Any, **kwargs: Any) -> Self:
        """Accepts any device and type and changes nothing: the engine runs on the CPU in f32. A torch device or type
        makes later results tensors."""
        self._torch = self._torch or torch_of(*args, *kwargs.values())
        return self

    def cpu(self: Self) -> Self:
        """Returns the model itself."""
        return self

    def cuda(self: Self, device: Any = None) -> Self:
        """Returns the model itself, which runs on the CPU."""
        return self.to(device)

    def float(self: Self) -> Self:
        """Returns the model itself, which computes in f32."""
        return self

    def half(self: Self) -> Self:
        """Returns the model itself, which computes in f32."""
        return self

    def bfloat16(self: Self) -> Self:
        """Returns the model itself, which computes in f32."""
        return self

    def eval(self: Self) -> Self:
        """Returns the model itself, which is always in evaluation mode."""
        return self

    def train(self: Self, mode: bool = True) -> Self:
        """Accepts False; training is not possible."""
        if mode:
            raise NotImplementedError("dac_rs cannot train; use the original package")
        return self

    def requires_grad_(self: Self, requires_grad: bool = True) -> Self:
        """Accepts False; there are no gradients."""
        if requires_grad:
            raise NotImplementedError("dac_rs computes no gradients; use the original package")
        return self

    def parameters(self, recurse: bool = True) -> Iterator[Any]:
        """Returns no parameters: the weights are packed for the engine."""
        return iter(())

    @property
    def device(self) -> Any:
        """The CPU: a torch device if torch is used, else `cpu`."""
        return "cpu" if self._torch is None else self._torch.device("cpu")


def losses(latents: NDArray[np.float32], entries: NDArray[np.float32], codebooks: int) -> np.float32:
    """Mean squared distance of latents and codebook entries `[batch, codebooks · dim, frames]`, summed over the
    codebooks: commitment loss and codebook loss, which are equal without training."""
    batch, _, frames = latents.shape
    squares = np.square(latents - entries).reshape(batch, codebooks, -1, frames)
    return np.float32(squares.mean(axis=(0, 2, 3)).sum())
