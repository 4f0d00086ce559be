"""The replacement of the package descript-audio-codec."""

import json
import shutil

import numpy as np
import pytest
from conftest import FIXTURES, PARITY, assert_same_codes, read_safetensors, requires

import dac_rs
import dac_rs.descript as dac


@pytest.fixture(scope="module")
def model():
    return dac.DAC.load(PARITY / "44khz" / "weights.pth")


def test_results_are_those_of_the_reference(model, expected):
    for case in ("whole", "odd", "one", "pair"):
        audio = model.preprocess(expected[f"{case}.input"], 44100)
        assert audio.shape[2] % 512 == 0
        z, codes, latents, commitment, codebook = model.encode(audio)
        assert_same_codes(codes, expected[f"{case}.codes"], expected[f"{case}.margins"])
        np.testing.assert_allclose(z, expected[f"{case}.z"], atol=2e-5)
        np.testing.assert_allclose(latents, expected[f"{case}.latents"], atol=5e-4)
        np.testing.assert_allclose(model.decode(z), expected[f"{case}.audio"], atol=5e-5)
        assert commitment.shape == codebook.shape == () and commitment == codebook > 0
        z, entries, same = model.quantizer.from_codes(codes)
        np.testing.assert_allclose(z, expected[f"{case}.from_codes.z"], atol=2e-5)
        np.testing.assert_allclose(entries, expected[f"{case}.from_codes.projected"], atol=1e-6)
        assert same is codes
        z, entries, found = model.quantizer.from_latents(expected[f"{case}.latents"])
        assert_same_codes(found, expected[f"{case}.from_latents.codes"], expected[f"{case}.margins"])
        np.testing.assert_allclose(entries, expected[f"{case}.from_latents.projected"], atol=1e-6)
    few = model.encode(expected["whole.input"], 4)[1]
    assert_same_codes(few, expected["whole.k4.codes"], expected["whole.margins"][:, :4])
    assert model.encode(expected["whole.input"], 50)[1].shape[1] == 9


def test_a_call_encodes_and_decodes(model, expected):
    audio = expected["odd.input"]
    result = model(audio, 44100)
    assert list(result) == ["audio", "z", "codes", "latents", "vq/commitment_loss", "vq/codebook_loss"]
    assert result["audio"].shape == audio.shape
    np.testing.assert_allclose(result["audio"], expected["odd.audio"][:, :, : audio.shape[2]], atol=5e-5)
    assert model(audio, n_quantizers=3)["codes"].shape[1] == 3


def test_attributes(model):
    assert (model.sample_rate, model.hop_length, model.n_codebooks, model.codebook_size) == (44100, 512, 9, 1024)
    assert (model.codebook_dim, model.latent_dim, model.encoder_dim, model.decoder_dim) == (8, 64, 4, 48)
    assert model.encoder_rates == [2, 4, 8, 8] and model.decoder_rates == [8, 8, 4, 2]
    assert model.padding is True and model.device == "cpu" and model.delay > 0
    assert model.to("cuda").eval() is model


@pytest.mark.parametrize("case", sorted(json.loads((PARITY / "descript" / "cases.json").read_text())))
def test_compress_and_decompress_equal_the_reference(case, tmp_path):
    facts = json.loads((PARITY / "descript" / "cases.json").read_text())[case]
    stored = read_safetensors(PARITY / "descript" / "expected.safetensors")
    model = dac.DAC.load(PARITY / facts["model"] / "weights.pth")
    reference = dac.DACFile.load(PARITY / "descript" / f"{case}.dac")
    if facts["input"] == "zeros":
        signal = dac.AudioSignal(np.zeros(facts["samples"], np.float32), facts["sample_rate_hz"])
    else:
        signal = dac.AudioSignal(FIXTURES / facts["input"])[..., : facts["samples"]]
    found = model.compress(signal, win_duration=facts["win_duration_s"], n_quantizers=facts["n_quantizers"])
    is_resampled = facts["sample_rate_hz"] != model.sample_rate
    if is_resampled:
        # The reference resamples with another filter.
        assert found.codes.shape == reference.codes.shape
    else:
        assert_same_codes(found.codes, reference.codes, stored[f"{case}.margins"])
    assert (found.chunk_length, found.padding) == (facts["chunk_length_frames"], facts["padding"])
    assert (found.original_length, found.channels) == (facts["original_length_samples"], facts["channels"])
    assert (found.sample_rate, found.dac_version) == (facts["sample_rate_hz"], "1.0.0")
    np.testing.assert_allclose(found.input_db, facts["input_db"], atol=0.02)
    path = found.save(tmp_path / "a.xyz")
    assert path == tmp_path / "a.dac" and dac.DACFile.load(path).codes.tolist() == found.codes.tolist()
    audio = model.decompress(path)
    assert audio.audio_data.shape == (1, facts["channels"], facts["original_length_samples"])
    assert audio.sample_rate == facts["sample_rate_hz"]
    if facts["channels"] == 1 and not is_resampled:
        # The reference changes the loudness of each channel by itself.
        wanted = stored[f"{case}.audio"] * stored[f"{case}.scale"]
        decoded = model.decompress(reference).audio_data[0]
        np.testing.assert_allclose(decoded, wanted, atol=2e-4 * np.abs(wanted).max() + float(stored[f"{case}.scale"][0]))


def test_paths_and_whole_windows(model, tmp_path):
    path = PARITY / "overlap" / "input.wav"
    assert model.compress(str(path)).chunk_length == 72
    whole = model.compress(path, None)
    assert whole.padding and whole.chunk_length == whole.codes.shape[2]
    model.decompress(whole).write(tmp_path / "out.wav")
    assert dac_rs.Audio.load(tmp_path / "out.wav").samples.shape[1] == whole.original_length


def test_signals(tmp_path, signal):
    audio = dac.AudioSignal(signal, 22050)
    assert audio.shape == (1, 1, 15_000) and audio.signal_length == audio.length == 15_000
    assert audio.signal_duration == 15_000 / 22050 and (audio.batch_size, audio.num_channels) == (1, 1)
    assert audio.write(tmp_path / "a.wav") is audio and audio.path_to_file == tmp_path / "a.wav"
    assert dac.AudioSignal(tmp_path / "a.wav", 44100).shape == (1, 1, 30_000)
    assert audio.clone().resample(11025).shape == (1, 1, 7500) and audio.sample_rate == 22050
    stereo = dac.AudioSignal(np.stack([signal, signal]), 22050)
    np.testing.assert_array_equal(stereo.to_mono().audio_data, audio.audio_data)
    assert audio[..., :100].shape == (1, 1, 100) and audio.loudness().shape == (1,)
    assert audio.cpu().numpy() is audio.audio_data and audio.samples is audio.audio_data
    with pytest.raises(AssertionError, match="sample rate"):
        dac.AudioSignal(signal)


def test_models_are_found_by_name(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("DAC_HOME", "HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(FileNotFoundError, match="dac-rs download 44khz"):
        dac.utils.load_model()
    cache = tmp_path / ".cache" / "descript" / "dac"
    cache.mkdir(parents=True)
    shutil.copy(PARITY / "44khz" / "weights.pth", cache / "weights_44khz_8kbps_0.0.1.pth")
    assert dac.utils.download() == cache / "weights_44khz_8kbps_0.0.1.pth"
    assert dac.utils.load_model("44kHz").sample_rate == 44100
    assert dac.utils.load_model(load_path=PARITY / "24khz" / "weights.pth").sample_rate == 24000
    with pytest.raises(AssertionError):
        dac.utils.download("48khz")
    with pytest.raises(ValueError, match="tag 9"):
        dac.utils.download(tag="9")


def test_errors_are_those_of_the_original(model, tmp_path):
    with pytest.raises(AssertionError, match="22050"):
        model.preprocess(np.zeros((1, 1, 5), np.float32), 22050)
    with pytest.raises(FileNotFoundError, match="missing.wav"):
        model.compress("missing.wav")
    with pytest.raises(FileNotFoundError, match="missing.dac"):
        model.decompress(tmp_path / "missing.dac")
    (tmp_path / "bad.dac").write_bytes(b"bad")
    with pytest.raises(RuntimeError, match="bad.dac"):
        model.decompress(tmp_path / "bad.dac")
    with pytest.raises(dac_rs.UsageError, match="-20"):
        model.compress(dac.AudioSignal(np.ones(5000), 44100), normalize_db=-20)
    with pytest.raises(dac_rs.UsageError, match="batch of 2"):
        model.compress(dac.AudioSignal(np.ones((2, 1, 5000)), 44100))


def test_tensors_in_tensors_out(model, expected):
    (torch,) = requires("torch")
    audio = torch.from_numpy(expected["odd.input"].copy())
    result = model(audio)
    assert all(isinstance(value, torch.Tensor) for value in result.values())
    assert result["codes"].dtype == torch.int64 and result["vq/commitment_loss"].shape == ()
    assert isinstance(model.preprocess(audio, None), torch.Tensor)
    file = model.compress(dac.AudioSignal(audio, 44100))
    assert isinstance(file.codes, torch.Tensor) and isinstance(file.input_db, torch.Tensor)
    assert isinstance(model.decompress(file).audio_data, torch.Tensor)
