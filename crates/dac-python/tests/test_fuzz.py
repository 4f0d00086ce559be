"""Random calls of the package: each returns or raises an exception of the package, and never crashes.

`DAC_PYTHON_FUZZ_SECONDS` sets the duration (by default 5 s for each test).
"""

import os
import time

import numpy as np
from conftest import SPEECH, requires

import dac_rs

hypothesis, st, numpy_st = requires("hypothesis", "hypothesis.strategies", "hypothesis.extra.numpy")

SECONDS = float(os.environ.get("DAC_PYTHON_FUZZ_SECONDS", "5"))
EXPECTED = (dac_rs.DacError, TypeError)
WAV = SPEECH.read_bytes()[:20_000]
CODEC = dac_rs.load("tiny", threads=2)
TOKENS = {name: CODEC.encode(np.sin(np.arange(4000, dtype=np.float32)), measure_loudness=True).to_bytes(name)
          for name in ("safetensors", "npy", "pt", "dac", "dacp")}


def fuzz(strategy, seconds=SECONDS):
    """Runs a test with examples of the strategy for a limited time."""

    def decorate(test):
        def run():
            deadline = time.monotonic() + seconds
            rounds = 0
            while time.monotonic() < deadline:
                settings = hypothesis.settings(
                    max_examples=50, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
                )
                case = hypothesis.given(strategy)(lambda value: test(value))
                hypothesis.seed(int(os.environ.get("DAC_PYTHON_FUZZ_SEED", "0")) * 100_000 + rounds)(settings(case))()
                rounds += 1
            assert rounds

        run.__name__ = test.__name__
        return run

    return decorate


def attempt(call, *arguments, **options):
    """Calls, and returns the result or None after an exception of the package."""
    try:
        return call(*arguments, **options)
    except EXPECTED as error:
        text = str(error)
        assert text and "internal error" not in text, text
        return None


shapes = st.lists(st.integers(0, 5), max_size=4).map(tuple) | st.tuples(st.integers(0, 3), st.integers(0, 3000))
any_arrays = numpy_st.arrays(
    st.sampled_from(["f4", "f8", "f2", ">f4", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1", "c8", "O", "U2", "M8[s]"]),
    shapes,
)
numbers = st.none() | st.integers(-3, 3) | st.integers() | st.floats() | st.booleans() | st.text(max_size=3)
damaged = st.builds(
    lambda content, position, byte, cut: (content[:position] + bytes([byte]) + content[position + 1 :])[:cut],
    st.sampled_from([WAV, *TOKENS.values()]),
    st.integers(0, 600),
    st.integers(0, 255),
    st.integers(0, 20_000),
)
sources = any_arrays | damaged | st.binary(max_size=200) | numbers | st.tuples(any_arrays, numbers) | st.dictionaries(
    st.sampled_from(["array", "sampling_rate", "bytes", "path", "x"]), any_arrays | numbers, max_size=3
)
options = st.fixed_dictionaries({}, optional={
    "sample_rate": numbers,
    "n_codebooks": numbers,
    "bitrate": numbers,
    "channels": st.sampled_from(["mono", "keep", "x"]) | numbers,
    "save": st.sampled_from(["codes", "z", "latents", "x", ("codes", "z"), ()]) | numbers,
    "nan": st.sampled_from(["error", "zero", "x"]),
    "chunk": st.sampled_from(["exact", "whole", "overlap", "descript", "x"]),
    "chunk_seconds": numbers,
})


@fuzz(st.tuples(sources | st.lists(sources, max_size=3), options))
def test_encode(value):
    source, arguments = value
    tokens = attempt(CODEC.encode, source, **arguments)
    for one in tokens if isinstance(tokens, list) else [tokens]:
        if one is not None and one.codes is not None and one.frames < 200:
            attempt(CODEC.decode, one)


@fuzz(st.tuples(any_arrays | damaged | numbers | st.lists(any_arrays, max_size=3), st.fixed_dictionaries({}, optional={
    "output_rate": numbers | st.sampled_from(["input", "model"]),
    "start": numbers,
    "duration": numbers,
    "n_codebooks": numbers,
    "chunk": st.sampled_from(["exact", "whole", "overlap", "descript", "x"]),
})))
def test_decode(value):
    tokens, arguments = value
    attempt(CODEC.decode, tokens, **arguments)


@fuzz(st.tuples(damaged | st.binary(max_size=100), st.sampled_from(["safetensors", "npy", "pt", "dac", "dacp", "x"])))
def test_token_files(value):
    content, name = value
    tokens = attempt(dac_rs.Tokens.load, content)
    if tokens is not None:
        attempt(tokens.to_bytes, name)


@fuzz(st.lists(any_arrays, max_size=4))
def test_streams(blocks):
    with CODEC.stream_encoder(channels=1) as encoder:
        for block in blocks:
            attempt(encoder.push, block)
        codes = attempt(encoder.flush)
    with CODEC.stream_decoder() as decoder:
        for block in [*blocks, codes] if codes is not None else blocks:
            attempt(decoder.push, block)
        attempt(decoder.flush)


@fuzz(st.tuples(any_arrays, any_arrays))
def test_audio_and_shims(value):
    from dac_rs.descript import DAC
    from dac_rs.transformers import DacModel

    audio = attempt(dac_rs.Audio, value[0], 44100)
    if audio is not None and audio.samples.size:
        attempt(audio.resample, 16000)
        attempt(audio.loudness)
    for call in (DAC(codec=CODEC).encode, DAC(codec=CODEC).decode, DacModel(CODEC).encode, DacModel(CODEC).decode):
        try:
            call(value[1])
        except (*EXPECTED, ValueError, IndexError):
            pass
