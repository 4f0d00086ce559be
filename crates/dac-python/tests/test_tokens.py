"""Tokens and token files."""

import io
import pickle

import numpy as np
import pytest

import dac_rs
from dac_rs import Tokens


@pytest.fixture
def tokens(codec, signal):
    return codec.encode(signal, measure_loudness=True)


@pytest.mark.parametrize("format", ["safetensors", "npy", "pt", "dac", "dacp"])
def test_every_format_keeps_the_codes(tokens, tmp_path, format):
    tokens.save(tmp_path / f"a.{format}")
    found = Tokens.load(tmp_path / f"a.{format}")
    np.testing.assert_array_equal(found.codes, tokens.codes)
    assert found.codes.dtype == np.uint16 and found.codes_i64().dtype == np.int64
    assert Tokens.load(tokens.to_bytes(format)) == found
    assert Tokens.load(io.BytesIO(tokens.to_bytes(format))) == found
    if format == "safetensors":
        assert found == tokens


def test_z_and_latents_are_stored(codec, signal, tmp_path):
    tokens = codec.encode(signal, save=("codes", "z", "latents"))
    tokens.save(tmp_path / "a.safetensors")
    assert Tokens.load(tmp_path / "a.safetensors") == tokens
    with pytest.raises(dac_rs.TokensError, match="only codes"):
        tokens.save(tmp_path / "a.dacp")
    assert not (tmp_path / "a.dacp").exists()


def test_the_format_can_differ_from_the_extension(tokens, tmp_path):
    tokens.save(tmp_path / "a.bin", format="npy", dtype="i64")
    np.testing.assert_array_equal(np.load(tmp_path / "a.bin"), tokens.codes_i64())
    assert np.load(tmp_path / "a.bin").dtype == np.int64
    with pytest.raises(dac_rs.UsageError, match="bin.*safetensors"):
        tokens.save(tmp_path / "b.bin")
    with pytest.raises(dac_rs.UsageError, match="no extension"):
        tokens.save(tmp_path / "b")


def test_metadata_has_the_fields_of_the_library(tokens):
    assert set(tokens.meta) == set(dac_rs.Meta.__annotations__)


def test_codes_with_metadata_decode_to_the_input(codec, signal):
    codes = codec.encode(signal).codes
    made = Tokens.from_codes(codes, input_samples=np.int64(15_000), input_rate_hz=44100)
    assert codec.decode(made).samples.shape == (1, 15_000)
    assert Tokens.from_codes(codes[0].astype(np.int32)).codes.tolist() == codes.tolist()


def test_tokens_are_compared_and_pickled(codec, signal, tokens):
    assert pickle.loads(pickle.dumps(tokens)) == tokens
    assert tokens != codec.encode(signal, n_codebooks=2) and tokens != "tokens"
    assert tokens != Tokens(tokens.codes)
    assert "codes=[1, 9, 30]" in repr(tokens)
    with pytest.raises(TypeError):
        hash(tokens)


def test_a_truncated_stream_gives_its_first_frames(codec, speech):
    content = codec.encode(speech).to_bytes("dacp")
    found = Tokens.load(content[: len(content) // 2])
    assert found.truncated and 0 < found.frames < codec.encode(speech).frames
