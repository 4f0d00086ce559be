"""Bad input raises the right exception, with the facts."""

import io

import numpy as np
import pytest
from conftest import PARITY, SPEECH

import dac_rs
from dac_rs import AudioError, DacError, TokensError, UsageError, WeightsError, _native


def test_exceptions_have_one_base():
    for error in (AudioError, TokensError, WeightsError, UsageError):
        assert issubclass(error, DacError) and error.__module__ == "dac_rs"
    assert issubclass(UsageError, ValueError) and not issubclass(AudioError, ValueError)


def closed_file():
    file = io.BytesIO(b"RIFF")
    file.close()
    return file


def nan(position=7):
    samples = np.zeros(2000, np.float32)
    samples[position] = np.nan
    return samples


@pytest.mark.parametrize(
    ("source", "error", "text"),
    [
        (".", AudioError, r"\.: .*(directory|Is a directory)"),
        ("missing.wav", AudioError, "missing.wav: cannot open"),
        (b"", AudioError, "empty"),
        (b"not audio at all, only text", AudioError, "not an audio file"),
        (SPEECH.read_bytes()[:20], AudioError, "the bytes"),
        (closed_file(), AudioError, "closed file"),
        (io.StringIO("text"), AudioError, "text mode"),
        (nan(), AudioError, "sample 7 of channel 0 is NaN"),
        (np.full(100, np.inf, np.float32), AudioError, "inf"),
        (np.zeros(0, np.float32), AudioError, "no samples"),
        (np.zeros((0, 5), np.float32), AudioError, r"\(0, 5\)"),
        (np.zeros((1, 1, 5), np.float32), AudioError, r"\(1, 1, 5\), expected \[samples\] or \[channels, samples\]"),
        (np.zeros((44100, 2), np.float32), AudioError, r"\(44100, 2\).*transpose it with \.T"),
        (np.float32(1), AudioError, r"\(\)"),
        (np.zeros(5, complex), AudioError, "complex128"),
        (np.zeros(5, bool), AudioError, "bool"),
        (np.array(["a"]), AudioError, "<U1"),
        (np.array([None]), AudioError, "object"),
        ((np.zeros(5), 0), UsageError, "0, expected a number of Hz above 0"),
        ((np.zeros(5), -1), UsageError, "-1"),
        ((np.zeros(5), 2**40), UsageError, "Hz"),
        ((np.zeros(5), 10), AudioError, "10 Hz is outside"),
        ((np.zeros(5), "44100"), UsageError, "'44100'"),
        ((np.zeros(5), None), UsageError, "None"),
        ((np.zeros(5),), UsageError, "1 elements"),
        ({"samples": 1}, UsageError, "samples"),
        (5, TypeError, "int"),
        (None, TypeError, "NoneType"),
        (object(), TypeError, "object"),
    ],
)
def test_bad_sources(codec, source, error, text):
    with pytest.raises(error, match=text) as info:
        codec.encode(source)
    assert type(info.value) is error


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"n_codebooks": 0}, UsageError, "n_codebooks is 0"),
        ({"n_codebooks": 10}, UsageError, "10 codebooks requested; the model has 9"),
        ({"bitrate": -1.0}, UsageError, "bitrate is -1"),
        ({"bitrate": float("nan")}, UsageError, "NaN"),
        ({"n_codebooks": 1, "bitrate": 2.0}, UsageError, "cannot be combined"),
        ({"channels": "left"}, UsageError, 'channels is "left", expected "mono" or "keep"'),
        ({"save": "audio"}, UsageError, 'save contains "audio"'),
        ({"save": ()}, UsageError, "save is empty"),
        ({"nan": "drop"}, UsageError, "nan"),
        ({"chunk": "none"}, UsageError, "chunk"),
        ({"chunk_seconds": 0.0}, UsageError, "chunk length"),
        ({"chunk": "descript", "chunk_seconds": 1e-9}, UsageError, "window"),
        ({"sample_rate": 10}, AudioError, "10 Hz"),
    ],
)
def test_bad_options_of_encoding(codec, signal, options, error, text):
    with pytest.raises(error, match=text):
        codec.encode(signal, **options)


def test_a_rate_contradicts_a_file(codec):
    for source in (SPEECH, SPEECH.read_bytes(), (np.zeros(5), 44100)):
        with pytest.raises(UsageError, match="sample_rate"):
            codec.encode(source, sample_rate=44100)


@pytest.mark.parametrize(
    ("tokens", "error", "text"),
    [
        (np.full((1, 9, 4), 1024), TokensError, "codebook 0 of channel 0 contains 1024 at frame 0"),
        (np.full((1, 9, 4), -1), TokensError, "contains -1"),
        (np.full((1, 9, 4), 70_000), TokensError, "contains 70000"),
        (np.zeros((1, 1, 9, 4), int), TokensError, r"\(1, 1, 9, 4\)"),
        (np.zeros(4, int), TokensError, r"\(4,\)"),
        (np.zeros((1, 9, 0), int), TokensError, "empty"),
        (np.zeros((1, 10, 4), int), TokensError, "at most 9 codebooks"),
        (np.zeros((0, 9, 4), int), TokensError, "empty"),
        (np.zeros((1, 5, 4), np.float32), TokensError, r"z has shape \[1, 5, 4\], expected"),
        (np.zeros((1, 9, 4), bool), TokensError, "bool"),
        (".", TokensError, "directory"),
        ("missing.npy", TokensError, "missing.npy"),
        (b"", TokensError, "empty"),
        (b"not tokens", TokensError, "not a token file"),
        (3.5, TypeError, "float"),
    ],
)
def test_bad_tokens(codec, tokens, error, text):
    with pytest.raises(error, match=text):
        codec.decode(tokens)


def test_z_with_nan_is_refused(codec):
    z = np.zeros((1, codec.latent_dim, 4), np.float32)
    z[0, 0, 0] = np.nan
    with pytest.raises(TokensError, match="not finite"):
        codec.decode(z)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"output_rate": "fast"}, UsageError, "'fast'"),
        ({"output_rate": 10}, AudioError, "10 Hz"),
        ({"output_rate": "input"}, TokensError, "the rate and length of the input"),
        ({"start": -1.0}, UsageError, "-1"),
        ({"start": 100.0}, UsageError, "less than the length"),
        ({"duration": 0.0}, UsageError, "length of the range"),
        ({"n_codebooks": 10}, UsageError, "10"),
    ],
)
def test_bad_options_of_decoding(codec, options, error, text):
    with pytest.raises(error, match=text):
        codec.decode(np.zeros((1, 9, 4), int), **options)


def test_more_codebooks_than_the_tokens_have(codec):
    with pytest.raises(DacError, match="5 codebooks requested; the file has 3"):
        codec.decode(np.zeros((1, 3, 4), int), n_codebooks=5)


def test_tokens_of_another_model_are_refused(codec):
    other = dac_rs.load(weights=PARITY / "24khz" / "weights.pth")
    tokens = codec.encode(np.zeros(1000, np.float32))
    with pytest.raises(TokensError, match="another model"):
        other.decode(tokens)
    with pytest.raises(TokensError, match="sample rate"):
        other.check_tokens(tokens)
    assert codec.check_tokens(tokens) is None


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"model": "45khz"}, WeightsError, "45khz.*44khz"),
        ({"model": "45khz", "weights": SPEECH}, UsageError, "45khz"),
        ({"weights": "missing.pth"}, WeightsError, "missing.pth"),
        ({"weights": SPEECH}, WeightsError, "librivox_austen.wav"),
        ({"weights": "."}, WeightsError, "directory"),
        ({"model": "24khz", "weights": PARITY / "44khz" / "weights.pth"}, WeightsError, "24khz|shape"),
        ({"model": "tiny", "device": "tpu"}, UsageError, "tpu"),
        ({"model": "tiny", "device": "cuda"}, UsageError, "not part of this build"),
        ({"model": "tiny", "precision": "f64"}, UsageError, "f64"),
        ({"model": "tiny", "precision": "f16"}, UsageError, "f16"),
        ({"model": "tiny", "threads": 0}, UsageError, "threads is 0"),
    ],
)
def test_models_that_cannot_be_loaded(arguments, error, text):
    with pytest.raises(error, match=text):
        dac_rs.load(**arguments)


def test_weights_that_are_not_on_this_machine_are_not_downloaded(monkeypatch, tmp_path):
    for name in ("HOME", "DAC_HOME", "HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    with pytest.raises(WeightsError, match="cannot find the weights of 44khz; searched"):
        dac_rs.load()
    assert dac_rs.find_weights("44khz") == []
    with pytest.raises(UsageError, match="45khz"):
        dac_rs.find_weights("45khz")


def test_the_item_of_a_list_is_named(codec, signal):
    with pytest.raises(AudioError, match="^item 2: .*missing.wav"):
        codec.encode([signal, signal, "missing.wav", signal])
    with pytest.raises(TokensError, match="^item 1: "):
        codec.decode([np.zeros((1, 9, 2), int), np.full((1, 9, 2), 1024)])


def test_audio_that_cannot_be_written(tmp_path, signal):
    audio = dac_rs.Audio(signal, 44100)
    with pytest.raises(AudioError, match="cannot write"):
        audio.save(tmp_path / "missing" / "a.wav")
    with pytest.raises(UsageError, match="i8"):
        audio.save(tmp_path / "a.wav", format="i8")
    with pytest.raises(AudioError, match="NaN"):
        dac_rs.Audio(nan(), 44100).save(tmp_path / "a.wav")
    assert list(tmp_path.iterdir()) == []


def test_a_panic_is_an_exception_without_a_trace_of_rust(capfd):
    with pytest.raises(DacError, match="internal error, please report it: a test asked for it"):
        _native.panic_for_test()
    assert capfd.readouterr() == ("", "")
