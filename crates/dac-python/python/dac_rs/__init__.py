"""The Descript Audio Codec: audio to discrete tokens and back.

    import dac_rs

    codec = dac_rs.load("tiny")
    tokens = codec.encode("talk.flac")
    audio = codec.decode(tokens)
    audio.save("decoded.wav")
"""

from ._audio import Audio
from ._batch import BatchResult
from ._codec import Codec, find_weights, load
from ._errors import AudioError, DacError, TokensError, UsageError, WeightsError
from ._groups import DecoderGroup, EncoderGroup
from ._native import DEBUG_BUILD as _DEBUG_BUILD
from ._native import VERSION as __version__
from ._stream import StreamDecoder, StreamEncoder
from ._tokens import Meta, Tokens

__all__ = [
    "Audio",
    "AudioError",
    "BatchResult",
    "Codec",
    "DacError",
    "DecoderGroup",
    "EncoderGroup",
    "Meta",
    "StreamDecoder",
    "StreamEncoder",
    "Tokens",
    "TokensError",
    "UsageError",
    "WeightsError",
    "__version__",
    "find_weights",
    "load",
]

if _DEBUG_BUILD:
    import warnings

    warnings.warn("dac_rs is a debug build, several times slower than a release build", stacklevel=2)
