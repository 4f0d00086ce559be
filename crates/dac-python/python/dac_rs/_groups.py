"""Groups of streams that are computed together."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from . import _native
from ._arrays import to_codes, to_samples
from ._errors import DacError, UsageError
from ._numbers import count
from ._tokens import Tokens


NativeGroup = TypeVar("NativeGroup", _native.DecoderGroup, _native.EncoderGroup)


def _stream(stream: int) -> int:
    if isinstance(stream, bool) or not isinstance(stream, int) or not 0 <= stream < 2**64:
        raise UsageError(f"stream is {stream!r}, expected a number that join() returned")
    return stream


class _Group(Generic[NativeGroup]):
    """What both kinds of groups have in common."""

    _group: NativeGroup

    def __len__(self) -> int:
        """Number of streams."""
        return self._group.streams()

    def join(self) -> int:
        """Adds a stream and returns its number, which no other stream of the group gets."""
        return self._group.join()

    def leave(self, stream: int) -> None:
        """Removes a stream with all of its signal that was not returned."""
        self._group.leave(_stream(stream))

    def end(self, stream: int) -> None:
        """Ends the stream's signal with the next step, which returns the rest of its result. Then the stream can begin
        another signal."""
        self._group.end(_stream(stream))

    def reset(self, stream: int) -> None:
        """Discards the stream's signal."""
        self._group.reset(_stream(stream))


class DecoderGroup(_Group[_native.DecoderGroup]):
    """Decodes any number of streams of one channel each together: the weights are read once for all of them, which is
    what short pieces cost most.

    Streams join and leave at any time. `push` adds codes of a stream to the next step; `step` computes all streams. A
    stream gives the samples of a `StreamDecoder` that gets the codes of each step in one push. Threads may share a
    group; they wait for each other.
    """

    def __init__(self, native: _native.Codec) -> None:
        self._group = _native.DecoderGroup(native)

    def push(self, stream: int, codes: Any) -> None:
        """Adds codes `[codebooks, frames]` or `[1, codebooks, frames]`, or Tokens of one channel, to the next step. An
        error discards the stream's signal.

        Raises:
            TokensError: the codes do not fit the model or the codes before.
            UsageError: the stream is not in the group, or `end` was called since the last step.
        """
        array = to_codes(codes.codes if isinstance(codes, Tokens) else codes)
        if array.shape[0] != 1:
            raise UsageError(f"the codes have {array.shape[0]} channels, expected 1: each channel is a stream")
        self._group.push(_stream(stream), array)

    def step(self) -> dict[int, NDArray[np.float32] | DacError]:
        """Computes what was pushed since the last step. Returns, for each stream that had input or ended, the samples
        `[samples]` that are complete, at the model's rate. A stream that failed has its exception instead, and was
        reset; the others are not affected."""
        return dict(self._group.step())


class EncoderGroup(_Group[_native.EncoderGroup]):
    """Encodes any number of streams of one channel each, at the model's rate, together. Works as DecoderGroup, with
    the codes of a `StreamEncoder`."""

    def __init__(self, native: _native.Codec, n_codebooks: int | None) -> None:
        self._group = _native.EncoderGroup(native, count("n_codebooks", n_codebooks))

    def push(self, stream: int, samples: Any) -> None:
        """Adds samples `[samples]` or `[1, samples]` at the model's rate to the next step.

        Raises:
            AudioError: a sample is not finite.
            UsageError: the stream is not in the group, or `end` was called since the last step.
        """
        array = to_samples(samples)
        if array.shape[0] != 1:
            raise UsageError(f"the samples have {array.shape[0]} channels, expected 1: each channel is a stream")
        self._group.push(_stream(stream), array)

    def step(self) -> dict[int, NDArray[np.uint16] | DacError]:
        """Computes what was pushed since the last step. Returns, for each stream that had input or ended, the codes
        `[codebooks, frames]` that are complete. A stream that failed has its exception instead, and was reset; the
        others are not affected."""
        results = self._group.step()
        return {stream: codes if isinstance(codes, DacError) else codes[0] for stream, codes in results}
