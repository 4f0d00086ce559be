"""The replacement of DacModel and DacFeatureExtractor."""

import numpy as np
import pytest
from conftest import PARITY, assert_same_codes, read_safetensors, requires

from dac_rs.transformers import DacFeatureExtractor, DacModel

NAME = "descript/dac_44khz"


@pytest.fixture
def model(hub):
    return DacModel.from_pretrained(NAME)


@pytest.fixture(scope="module")
def stored():
    return read_safetensors(PARITY / "layouts" / "expected.safetensors")


@pytest.fixture
def padded(stored):
    audio = stored["odd.input"]
    return np.pad(audio, ((0, 0), (0, 0), (0, -audio.shape[2] % 512)))


def test_results_are_those_of_the_reference(model, stored, padded):
    encoded = model.encode(padded)
    assert_same_codes(encoded.audio_codes, stored["odd.codes"], stored["odd.margins"])
    np.testing.assert_allclose(encoded.quantized_representation, stored["odd.z"], atol=2e-5)
    np.testing.assert_allclose(encoded.projected_latents, stored["odd.latents"], atol=5e-4)
    for decoded in (model.decode(encoded.quantized_representation), model.decode(audio_codes=encoded.audio_codes)):
        assert decoded.audio_values.shape == (1, 2048)
        np.testing.assert_allclose(decoded.audio_values, stored["odd.audio"][:, 0], atol=2e-5)
    few = model.encode(padded, n_quantizers=3).audio_codes
    assert_same_codes(few, stored["odd.k3.codes"], stored["odd.margins"][:, :3])
    assert model.encode(padded, 20).audio_codes.shape[1] == 9


def test_outputs_are_dicts_and_tuples(model, padded):
    encoded = model.encode(padded)
    names = ["loss", "quantized_representation", "audio_codes", "projected_latents"]
    assert list(encoded) == list(encoded.keys()) == names
    assert encoded[2] is encoded["audio_codes"] is encoded.audio_codes is encoded.to_tuple()[2]
    assert encoded.loss.shape == (1,) and encoded.loss.dtype == np.float32 and encoded.loss[0] > 0
    as_tuple = model.encode(padded, return_dict=False)
    assert type(as_tuple) is tuple and len(as_tuple) == 4
    assert len(model.decode(as_tuple[1], return_dict=False)) == 1
    with pytest.raises(AttributeError):
        encoded.codes  # noqa: B018


def test_forward_trims_to_the_input(model, stored, padded):
    result = model(padded[:, :, :1600])
    assert list(result) == ["loss", "audio_values", "quantized_representation", "audio_codes", "projected_latents"]
    assert result.audio_values.shape == (1, 1536)
    assert model(padded).audio_values.shape == (1, 2048)
    assert len(model.forward(padded, 3, False)) == 5


def test_config_and_quantizer(model, stored):
    config = model.config
    assert (config.sampling_rate, config.hop_length, config.n_codebooks, config.codebook_size) == (44100, 512, 9, 32)
    assert (config.codebook_dim, config.hidden_size, config.encoder_hidden_size, config.decoder_hidden_size) == (8, 16, 1, 16)
    assert config.downsampling_ratios == [2, 4, 8, 8] and config.upsampling_ratios == [8, 8, 4, 2]
    assert config.commitment_loss_weight == 0.25 and config.frame_rate == 87 and model.bits_per_codebook == 5
    z, entries, codes = model.quantizer.from_codes(stored["odd.codes"])
    np.testing.assert_allclose(z, stored["odd.from_codes.z"], atol=2e-5)
    np.testing.assert_allclose(entries, stored["odd.from_codes.projected"], atol=1e-6)
    assert codes is stored["odd.codes"] and model.quantizer.n_codebooks == 9
    z, entries = model.quantizer.from_latents(stored["odd.latents"])
    np.testing.assert_allclose(z, stored["odd.from_latents.z"], atol=2e-5)
    np.testing.assert_allclose(entries, stored["odd.from_latents.projected"], atol=1e-6)


def test_the_extractor_pads_to_whole_frames(hub):
    extractor = DacFeatureExtractor.from_pretrained(NAME)
    assert (extractor.sampling_rate, extractor.hop_length, extractor.feature_size) == (44100, 512, 1)
    one, two = np.ones(700, np.float64), np.ones(1025, np.float32)
    found = extractor(one, sampling_rate=44100, return_tensors="np")
    assert found["input_values"].shape == (1, 1, 1024) and found.input_values.dtype == np.float32
    assert found["input_values"].sum() == 700
    both = extractor([one, two], sampling_rate=44100, return_tensors="np")["input_values"]
    assert both.shape == (2, 1, 1536) and both[0].sum() == 700 and both[1].sum() == 1025
    listed = extractor([one.tolist(), two], sampling_rate=44100)["input_values"]
    assert isinstance(listed, list) and [value.shape for value in listed] == [(1, 1536)] * 2
    plain = extractor([one, two], padding=False, sampling_rate=44100)["input_values"]
    assert [value.shape for value in plain] == [(1, 700), (1, 1025)]
    most = extractor([one, two], padding="max_length", max_length=2000, sampling_rate=44100, return_tensors="np")
    assert most["input_values"].shape == (2, 1, 2048)


def test_errors_are_those_of_the_original(model, hub, padded):
    extractor = DacFeatureExtractor.from_pretrained(NAME)
    with pytest.raises(ValueError, match="22050"):
        extractor(np.zeros(5), sampling_rate=22050)
    with pytest.raises(ValueError, match="mono"):
        extractor(np.zeros((2, 500)), sampling_rate=44100)
    with pytest.raises(ValueError, match=r"\(1, 2, 500\)|Expected input shape"):
        extractor(np.zeros((1, 2, 500)), sampling_rate=44100)
    with pytest.raises(ValueError, match="Stereo"):
        DacFeatureExtractor(feature_size=2, sampling_rate=44100)(np.zeros(5), sampling_rate=44100)
    with pytest.raises(ValueError, match="Both padding and truncation"):
        extractor(np.zeros(5), padding=True, truncation=True, sampling_rate=44100)
    with pytest.raises(ValueError, match="Either `quantized_representation` or `audio_codes`"):
        model.decode()
    with pytest.raises(IndexError, match="32"):
        model.decode(audio_codes=np.full((1, 9, 4), 32))
    with pytest.raises(ValueError, match="three axes"):
        model.encode(padded[0])
    with pytest.raises(OSError, match="download=True"):
        DacModel.from_pretrained("descript/another")


def test_tensors_in_tensors_out(model, padded):
    (torch,) = requires("torch")
    encoded = model.to("cpu").eval().encode(torch.from_numpy(padded))
    assert encoded.audio_codes.dtype == torch.int64 and encoded.loss.shape == (1,)
    assert isinstance(model.decode(audio_codes=encoded.audio_codes).audio_values, torch.Tensor)
    found = DacFeatureExtractor(sampling_rate=44100)(padded[0, 0], sampling_rate=44100, return_tensors="pt")
    assert isinstance(found["input_values"], torch.Tensor) and found.to("cpu") is found
    assert isinstance(model(found["input_values"]).audio_values, torch.Tensor)
