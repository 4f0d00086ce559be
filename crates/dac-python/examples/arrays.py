"""Encodes numpy arrays: one, a list in parallel, and a stream."""

import numpy as np

import dac_rs

codec = dac_rs.load("tiny")
tone = np.sin(2 * np.pi * 220 * np.arange(32_000) / 16_000).astype(np.float32)

single = codec.encode((tone, 16_000))
assert single.codes is not None
print(single.codes.shape, single.codes.dtype)

several = codec.encode([tone, tone[:8000], tone[:100]], sample_rate=16_000, save=("codes", "z"))
print([tokens.frames for tokens in several])
assert np.array_equal(several[0].codes_i64(), single.codes_i64())

with codec.stream_encoder(16_000) as encoder, codec.stream_decoder() as decoder:
    blocks = []
    for start in range(0, len(tone), 1600):
        blocks.append(decoder.push(encoder.push(tone[start : start + 1600])))
    blocks.append(decoder.push(encoder.flush()))
    blocks.append(decoder.flush())
print(np.concatenate(blocks, axis=1).shape)
