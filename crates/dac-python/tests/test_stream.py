"""Streams give the results of whole signals."""

import numpy as np
import pytest

import dac_rs


@pytest.mark.parametrize("low_latency", [False, True])
def test_streams_equal_whole_signals(speech, low_latency):
    codec = dac_rs.load("tiny", low_latency=low_latency)
    samples, rate = speech
    expected = codec.encode((samples, rate))
    with codec.stream_encoder(rate) as encoder:
        parts = [encoder.push(samples[start : start + 700]) for start in range(0, len(samples), 700)]
        parts.append(encoder.flush())
        assert encoder.latency_samples > 0 and encoder.meta["input_samples"] == len(samples)
    assert all(part.shape[:2] == (1, 9) and part.dtype == np.uint16 for part in parts)
    codes = np.concatenate(parts, axis=2)
    if low_latency:
        # Small pushes are rounded differently, which decides between two entries that are equally near.
        assert np.mean(codes != expected.codes) <= 0.005
    else:
        np.testing.assert_array_equal(codes, expected.codes)
    with codec.stream_decoder() as decoder:
        blocks = [decoder.push(codes[:, :, frame : frame + 1]) for frame in range(codes.shape[2])]
        blocks.append(decoder.flush())
        assert decoder.latency_samples > 0 and decoder.sample_rate == 44100
    whole = codec.decode(codes).samples
    np.testing.assert_allclose(np.concatenate(blocks, axis=1), whole, atol=3e-4 if low_latency else 1e-5)
    if low_latency:
        # The first samples come as soon as the look-ahead allows.
        first = next(index for index, block in enumerate(blocks) if block.shape[1] > 0)
        assert first * 512 <= decoder.latency_samples + 512


def test_channels_rates_and_codebooks_of_streams(codec, signal):
    stereo = np.stack([signal, -signal])
    with codec.stream_encoder(22050, 2, mix="keep", n_codebooks=3) as encoder:
        codes = np.concatenate([encoder.push(stereo), encoder.flush()], axis=2)
    expected = codec.encode((stereo, 22050), channels="keep", n_codebooks=3)
    np.testing.assert_array_equal(codes, expected.codes)
    with codec.stream_decoder(2, output_rate=22050) as decoder:
        samples = np.concatenate([decoder.push(codes), decoder.flush(15_000)], axis=1)
    assert samples.shape == (2, 15_000)
    np.testing.assert_allclose(samples, codec.decode(expected, output_rate="input").samples, atol=1e-5)


def test_an_ended_stream_is_an_error(codec, signal):
    with codec.stream_encoder() as encoder:
        encoder.push(signal)
        encoder.flush()
        with pytest.raises(dac_rs.UsageError, match="ended"):
            encoder.push(signal)
    with pytest.raises(dac_rs.UsageError, match="ended"):
        encoder.flush()
    with codec.stream_decoder() as decoder:
        with pytest.raises(dac_rs.TokensError, match="1024"):
            decoder.push(np.full((1, 9, 1), 1024))
