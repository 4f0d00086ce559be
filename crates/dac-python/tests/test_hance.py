"""The replacement of the model hance-ai/descript-audio-codec-44khz."""

import json

import numpy as np
import pytest
from conftest import PARITY, SPEECH, assert_same_codes, read_safetensors, requires

import dac_rs
from dac_rs.hance import DAC, AutoModel, DACConfig

NAME = "hance-ai/descript-audio-codec-44khz"


@pytest.fixture(scope="module")
def stored():
    return read_safetensors(PARITY / "overlap" / "expected.safetensors")


def test_the_snippet_of_the_model_card_runs(hub, tmp_path):
    audio_filename = str(SPEECH)
    device = "cpu"

    model = AutoModel.from_pretrained(NAME, trust_remote_code=True)
    model.to(device)
    model.eval()

    zq, s = model.encode(audio_filename)
    waveform = model.decode(zq=zq)
    waveform = model.decode(s=s)
    model.waveform_to_audiofile(waveform, str(tmp_path / "out.wav"))
    model.save_tensor(s, str(tmp_path / "tokens.pt"))
    loaded_s = model.load_tensor(str(tmp_path / "tokens.pt"))

    frames = s.shape[2]
    assert zq.shape == (1, 16, frames) and zq.dtype == np.float32
    assert s.shape == (1, 9, frames) and s.dtype == np.int64
    assert waveform.shape == (1, 1, frames * 512) and waveform.dtype == np.float32
    np.testing.assert_array_equal(loaded_s, s)
    written = dac_rs.Audio.load(tmp_path / "out.wav")
    assert written.sample_rate == 44100
    np.testing.assert_allclose(written.samples[0], np.clip(waveform[0, 0], -1, 1), atol=2**-15)
    np.testing.assert_allclose(model.decode(zq=zq), waveform, atol=1e-5)
    model.save_tensor(zq, str(tmp_path / "zq.pt"))
    np.testing.assert_array_equal(model.load_tensor(str(tmp_path / "zq.pt")), zq)


def test_attributes_and_settings(hub):
    model = AutoModel.from_pretrained(NAME)
    assert (model.model_type_by_sampling_freq, model.model_type_by_sampling_freq_int) == ("44khz", 44100)
    assert (model.encoding_chunk_size_in_sec, model.decoding_chunk_rate, model.decoding_overlap_rate) == (1, 0.1, 0.1)
    assert model.downsampling_rate == 512 and model.device == "cpu" and model.dac.hop_length == 512
    other = AutoModel.from_pretrained(NAME, decoding_chunk_rate=0.5, encoding_chunk_size_in_sec=2)
    assert (other.encoding_chunk_size_in_sec, other.decoding_chunk_rate, other.decoding_overlap_rate) == (2, 0.5, 0.1)
    with pytest.raises(AssertionError):
        DACConfig(decoding_chunk_rate=0.0)
    with pytest.raises(AssertionError):
        DACConfig(decoding_overlap_rate=1.0)
    with pytest.raises(AssertionError):
        DACConfig("48khz")


def test_codes_and_waveforms_are_those_of_the_wrapper(narrow, stored):
    settings = json.loads((PARITY / "overlap" / "settings.json").read_text())
    model = DAC(codec=narrow)
    for name, setting in settings["encode"].items():
        model.encoding_chunk_size_in_sec = setting["encoding_chunk_size_in_sec"]
        zq, s = model.encode(str(PARITY / "overlap" / "input.wav"))
        assert_same_codes(s, stored[f"encode.{name}.codes"], stored[f"encode.{name}.margins"])
        np.testing.assert_allclose(zq, stored[f"encode.{name}.z"], atol=2e-5)
    codes = stored["encode.1s.codes"]
    for name, setting in settings["decode"].items():
        model.decoding_chunk_rate = setting["decoding_chunk_rate"]
        model.decoding_overlap_rate = setting["decoding_overlap_rate"]
        used = codes[:, :, : setting["frames"]]
        wanted = stored[f"decode.{name}.audio"] * stored[f"decode.{name}.scale"]
        for waveform in (model.decode(s=used), model.decode(zq=model.code_to_zq(used))):
            assert waveform.shape == (1, 1, len(wanted))
            np.testing.assert_allclose(waveform[0, 0], wanted, atol=float(stored[f"decode.{name}.scale"][0]) * 0.51 + 2e-5)


def test_arrays_are_encoded_like_files(narrow):
    model = DAC(codec=narrow)
    waveform, rate = model.load_audio(PARITY / "overlap" / "input.wav")
    assert waveform.shape[0] == 1 and rate == 44100
    zq, s = model.encode(waveform, rate)
    np.testing.assert_array_equal(s, model.encode(PARITY / "overlap" / "input.wav")[1])
    assert model.resample_audio(waveform, rate, rate) is waveform
    assert model.resample_audio(waveform, rate, 22050).shape[1] == round(waveform.shape[1] / 2)
    stereo = np.concatenate([waveform, -waveform])
    assert model.to_mono_channel(stereo).tolist() == [[0] * waveform.shape[1]]
    assert model.to_mono_channel(waveform) is waveform


def test_batches_are_decoded(narrow, stored):
    model = DAC(codec=narrow)
    codes = stored["encode.1s.codes"][:, :, :20]
    both = model.decode(s=np.concatenate([codes, codes[:, :, ::-1]]))
    assert both.shape == (2, 1, 20 * 512)
    np.testing.assert_array_equal(both[0], model.decode(s=codes)[0])


def test_errors_are_those_of_the_original(narrow, hub, tmp_path):
    model = DAC(codec=narrow)
    with pytest.raises(AssertionError):
        model.decode()
    with pytest.raises(TypeError):
        model.decode(np.zeros((1, 9, 4), int))
    with pytest.raises(IndexError, match="1024"):
        model.decode(s=np.full((1, 9, 4), 1024))
    with pytest.raises(RuntimeError, match="missing.wav") as info:
        model.encode("missing.wav")
    assert isinstance(info.value, dac_rs.AudioError)
    with pytest.raises(OSError, match="download=True"):
        AutoModel.from_pretrained("hance-ai/another")
    with pytest.raises(OSError, match="model.safetensors"):
        AutoModel.from_pretrained(tmp_path)
    with pytest.raises(NotImplementedError):
        model.train()
    assert model.train(False) is model.half() is model.cuda() is model.requires_grad_(False) is model


def test_torch_objects_make_results_tensors(hub, tmp_path):
    (torch,) = requires("torch")
    model = AutoModel.from_pretrained(NAME).to(torch.device("cpu"))
    assert model.device == torch.device("cpu")
    zq, s = model.encode(str(SPEECH))
    assert zq.dtype == torch.float32 and s.dtype == torch.int64
    waveform = model.decode(s=s)
    assert isinstance(waveform, torch.Tensor) and waveform.shape == (1, 1, s.shape[2] * 512)
    model.save_tensor(s, tmp_path / "s.pt")
    assert torch.equal(torch.load(tmp_path / "s.pt"), s) and torch.equal(model.load_tensor(tmp_path / "s.pt"), s)
    plain = AutoModel.from_pretrained(NAME)
    assert isinstance(plain.decode(s=s), torch.Tensor) and isinstance(plain.encode(str(SPEECH))[1], np.ndarray)
    assert isinstance(AutoModel.from_pretrained(NAME, return_tensors="pt").encode(str(SPEECH))[0], torch.Tensor)


def test_a_local_folder_and_a_revision_are_found(hub, signal):
    folder = hub / f"models--{NAME.replace('/', '--')}" / "snapshots" / "0123abc"
    for model in (
        AutoModel.from_pretrained(folder),
        AutoModel.from_pretrained(NAME, revision="main"),
        AutoModel.from_pretrained(NAME, revision="0123abc"),
        AutoModel.from_pretrained(NAME, cache_dir=hub),
    ):
        assert model.codec.n_codebooks == 9
    with pytest.raises(OSError, match="download"):
        AutoModel.from_pretrained(NAME, revision="4567def")
