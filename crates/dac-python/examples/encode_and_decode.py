"""Encodes a recording, saves its tokens, and decodes them."""

import os
import pathlib
import tempfile

import dac_rs

REPOSITORY = pathlib.Path(os.environ.get("DAC_PYTHON_EXAMPLES", "."))

codec = dac_rs.load("tiny")
tokens = codec.encode(REPOSITORY / "fixtures/audio/librivox_austen.wav")
print(tokens)

with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "talk.safetensors"
    tokens.save(path)
    audio = codec.decode(path, output_rate="input")
    audio.save(pathlib.Path(folder) / "decoded.wav")
print(audio)
assert audio.duration == tokens.duration

# The first second at 2 codebooks, 1.7 kbit/s.
print(codec.decode(tokens, start=0.0, duration=1.0, n_codebooks=2))
