"""Encoding and decoding."""

import io
import pathlib
import pickle

import numpy as np
import pytest
from conftest import PARITY, REPOSITORY, SPEECH, assert_same_codes

import dac_rs


def test_properties_describe_the_model(codec, narrow):
    assert (codec.name, codec.sample_rate, codec.hop_length, codec.n_codebooks) == ("tiny", 44100, 512, 9)
    assert (codec.codebook_size, codec.codebook_dim, codec.device, codec.precision) == (1024, 8, "cpu", "f32")
    assert codec.frame_rate == 44100 / 512 and codec.threads >= 1 and len(codec.weights_sha256) == 64
    assert (narrow.latent_dim, narrow.n_codebooks) == (64, 9)
    assert "tiny" in repr(codec)


def test_codes_and_audio_are_those_of_the_reference(narrow, expected):
    for case in ("whole", "odd", "one"):
        tokens = narrow.encode(expected[f"{case}.input"][0], save=("codes", "z", "latents"))
        assert_same_codes(tokens.codes_i64(), expected[f"{case}.codes"], expected[f"{case}.margins"])
        np.testing.assert_allclose(tokens.z, expected[f"{case}.z"], atol=2e-5)
        np.testing.assert_allclose(tokens.latents, expected[f"{case}.latents"], atol=5e-4)
        for source in (expected[f"{case}.codes"], expected[f"{case}.from_codes.z"]):
            np.testing.assert_allclose(narrow.decode(source).samples, expected[f"{case}.audio"][0], atol=5e-5)
    few = narrow.encode(expected["whole.input"][0], n_codebooks=4)
    assert_same_codes(few.codes_i64(), expected["whole.k4.codes"], expected["whole.margins"][:, :4])


def test_all_sources_give_the_same_tokens(codec, tmp_path):
    audio = dac_rs.Audio.load(SPEECH)
    expected = codec.encode(SPEECH)
    content = SPEECH.read_bytes()
    with SPEECH.open("rb") as file:
        assert codec.encode(file) == expected
    for source in (str(SPEECH), content, bytearray(content), io.BytesIO(content), {"bytes": content, "path": "a.wav"}):
        assert codec.encode(source) == expected
    for source in ((audio.samples, audio.sample_rate), {"array": audio.samples[0], "sampling_rate": audio.sample_rate}):
        assert codec.encode(source) == expected
    assert codec.encode(audio.samples, sample_rate=audio.sample_rate) == expected
    assert codec.encode({"path": str(SPEECH), "bytes": None}) == expected
    # Codes of an integer file: 16-bit samples are the same numbers.
    assert codec.encode((np.round(audio.samples * 32768).astype(np.int16), audio.sample_rate)) == expected


def test_metadata_describes_the_input(codec, speech):
    samples, rate = speech
    tokens = codec.encode((samples, rate))
    assert tokens.meta["model"] == "tiny" and tokens.meta["weights_sha256"] == codec.weights_sha256
    assert (tokens.meta["input_rate_hz"], tokens.meta["input_samples"]) == (rate, len(samples))
    assert tokens.duration == len(samples) / rate
    assert tokens.shape == tokens.codes.shape == (1, 9, tokens.frames) and tokens.n_codebooks == 9


def test_a_list_gives_the_results_of_its_items(codec, speech):
    samples, rate = speech
    lengths = [7000, 1, 20_000, 512, 30_000, 513, len(samples), 3000]
    sources = [samples[:length] for length in lengths]
    together = codec.encode(sources, sample_rate=rate)
    assert together == [codec.encode(source, sample_rate=rate) for source in sources]
    decoded = codec.decode(together, output_rate="input")
    assert [audio.samples.shape[1] for audio in decoded] == lengths
    for audio, tokens in zip(decoded, together):
        np.testing.assert_array_equal(audio.samples, codec.decode(tokens, output_rate="input").samples)
    assert codec.encode([]) == [] and codec.decode([]) == []


def test_the_number_of_threads_does_not_change_results(codec, speech):
    single = dac_rs.load("tiny", threads=1)
    many = dac_rs.load("tiny", threads=5)
    tokens = [codec.encode(speech, save=("codes", "z")) for codec in (codec, single, many)]
    assert tokens[0] == tokens[1] == tokens[2]


def test_options_of_encoding(codec, signal):
    stereo = np.stack([signal, np.roll(signal, 50)])
    kept = codec.encode(stereo, channels="keep")
    assert kept.channels == 2 and kept.codes[1].tolist() == codec.encode(stereo[1]).codes[0].tolist()
    assert codec.encode(stereo) == codec.encode(stereo.mean(0, dtype=np.float32))
    assert codec.encode(signal, n_codebooks=3).codes.tolist() == codec.encode(signal).codes[:, :3].tolist()
    assert codec.encode(signal, bitrate=4).n_codebooks == 4
    z = codec.encode(signal, save="z")
    assert z.codes is None and z.latents is None and z.z.shape == (1, codec.latent_dim, z.frames)
    assert codec.encode(signal, chunk="whole") == codec.encode(signal, chunk="exact", chunk_seconds=0.1)
    broken = signal.copy()
    broken[50] = np.nan
    silent = signal.copy()
    silent[50] = 0
    assert codec.encode(broken, nan="zero").codes.tolist() == codec.encode(silent).codes.tolist()
    assert codec.encode(signal, measure_loudness=True).meta["input_db"] < 0


def test_options_of_decoding(codec, speech):
    samples, rate = speech
    tokens = codec.encode((samples, rate), save=("codes", "z"))
    whole = codec.decode(tokens)
    assert whole.sample_rate == 44100 and whole.samples.shape == (1, round(len(samples) * 44100 / rate))
    part = codec.decode(tokens, start=0.5, duration=0.25)
    np.testing.assert_allclose(part.samples[0], whole.samples[0, 22050 : 22050 + 11025], atol=1e-5)
    assert codec.decode(tokens, output_rate=16000).samples.shape[1] == round(len(samples) * 16000 / rate)
    assert codec.decode(tokens, output_rate="input").samples.shape == (1, len(samples))
    np.testing.assert_array_equal(
        codec.decode(tokens, n_codebooks=2).samples, codec.decode(codec.encode((samples, rate), n_codebooks=2)).samples
    )
    # Without metadata, all frames are decoded.
    assert codec.decode(tokens.codes).samples.shape[1] == tokens.frames * 512
    np.testing.assert_allclose(codec.decode(tokens.z).samples[0, :1000], whole.samples[0, :1000], atol=1e-5)


def test_a_codec_is_pickled_by_how_it_was_loaded(codec, narrow, signal):
    for original in (codec, narrow):
        copy = pickle.loads(pickle.dumps(original))
        assert copy.encode(signal) == original.encode(signal)
    assert len(pickle.dumps(codec)) < 500


def test_weights_in_every_layout_give_the_same_codes():
    layouts = PARITY / "layouts"
    files = [path for name in ("reference", "hance", "transformers") for path in (layouts / name).iterdir()]
    audio = np.sin(np.arange(5000, dtype=np.float32) / 9)
    found = [dac_rs.load(weights=path).encode(audio).codes.tolist() for path in files if path.suffix != ".json"]
    assert len(found) == 3 and found[0] == found[1] == found[2]
    assert dac_rs.load(str(files[0])).name == "custom"


def test_numpy_scalars_are_accepted_as_numbers(codec, signal):
    tokens = codec.encode(signal, sample_rate=np.int64(22050), n_codebooks=np.int32(2))
    assert tokens.meta["input_rate_hz"] == 22050
    assert codec.decode(tokens, output_rate=np.int64(22050), start=np.float32(0.1)).sample_rate == 22050


def test_audio_files_are_written_and_read(tmp_path, signal):
    stereo = np.stack([signal, -signal / 2])
    for name, kind, step in (("a.wav", "i16", 2**-15), ("a.wav", "i24", 2**-23), ("a.wav", "f32", 0), ("a.flac", "i16", 2**-15)):
        dac_rs.Audio(stereo, 22050).save(tmp_path / name, format=kind)
        found = dac_rs.Audio.load(tmp_path / name)
        assert found.sample_rate == 22050
        np.testing.assert_allclose(found.samples, stereo, atol=step / 2 + 1e-12)
    assert found.resample(44100).samples.shape == (2, 30_000)
    assert found.duration == 15_000 / 22050 and found.channels == 2
    assert -70 < found.loudness() < 0


def test_prepared_weights_are_written_on_request_and_used(tmp_path, monkeypatch, signal):
    monkeypatch.setenv("DAC_HOME", str(tmp_path))
    weights = REPOSITORY / "crates" / "dac-model" / "assets" / "tiny.safetensors"
    packed = dac_rs.load(weights=weights)
    assert packed.prepared_path is None and not list(tmp_path.iterdir())
    assert dac_rs.load(weights=weights, prepare=True).prepared_path is None
    mapped = dac_rs.load(weights=weights)
    assert pathlib.Path(mapped.prepared_path).parent == tmp_path / "prepared"
    assert mapped.weights_sha256 == packed.weights_sha256
    expected = packed.encode(signal)
    np.testing.assert_array_equal(mapped.encode(signal).codes, expected.codes)
    np.testing.assert_array_equal(mapped.decode(expected).samples, packed.decode(expected).samples)
    assert dac_rs.load(weights=weights, low_latency=True).prepared_path is None, "prepared for another schedule"
