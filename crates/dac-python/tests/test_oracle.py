"""The drop-in modules next to the originals, on the same narrow random weights.

Needs torch, transformers and the reference: the environment of `fixtures/python/setup.sh --transformers`.
"""

import pathlib
import sys

import numpy as np
import pytest
from conftest import FIXTURES, PARITY, SPEECH, assert_same_codes, requires

import dac_rs
import dac_rs.descript
import dac_rs.hance
import dac_rs.transformers

torch, transformers = requires("torch", "transformers")
sys.path.insert(0, str(FIXTURES / "python"))
(reference,) = requires("reference")

pytestmark = pytest.mark.filterwarnings("ignore")

WEIGHTS = PARITY / "44khz" / "weights.pth"


def close(found, wanted, atol=None):
    """Asserts that two tensors have the same type, shape and values: latents, which exceed 1, within 1.5e-4 (8.5e-5
    was measured), audio within 5e-5 (2.9e-5 was measured)."""
    assert type(found) is type(wanted) is torch.Tensor
    assert found.dtype == wanted.dtype and found.shape == wanted.shape
    if atol is None:
        atol = 1.5e-4 if wanted.abs().max() > 1 else 5e-5
    torch.testing.assert_close(found, wanted, atol=atol, rtol=0)


def same_codes(found, wanted, margins=None):
    assert found.dtype == wanted.dtype == torch.int64
    assert_same_codes(found.numpy(), wanted.numpy(), margins)


@pytest.fixture(scope="module")
def audio():
    samples = dac_rs.Audio.load(SPEECH).resample(44100).samples[0]
    return torch.from_numpy(samples[30_000 : 30_000 + 20_480].copy())[None, None]


class TestDescript:
    @pytest.fixture(scope="class")
    def theirs(self):
        return reference.load(str(WEIGHTS))

    @pytest.fixture(scope="class")
    def ours(self):
        return dac_rs.descript.DAC.load(WEIGHTS)

    @pytest.mark.parametrize("samples", [20_480, 19_999, 513, 1024])
    @pytest.mark.parametrize("n_quantizers", [None, 3, 50])
    def test_encode_and_decode(self, ours, theirs, audio, samples, n_quantizers):
        part = audio[:, :, :samples]
        wanted = theirs.encode(part, n_quantizers)
        found = ours.encode(part, n_quantizers)
        margins = reference.codes_with_margins(theirs, theirs.encoder(part), n_quantizers)[3].numpy()
        assert len(found) == len(wanted) == 5
        same_codes(found[1], wanted[1], margins)
        for index in (0, 2, 3, 4):
            close(found[index], wanted[index])
        close(ours.decode(wanted[0]), theirs.decode(wanted[0]))

    def test_batches_are_independent_of_each_other(self, ours, theirs, audio):
        batch = torch.cat([audio[:, :, :5120], audio[:, :, 5120:10_240]])
        wanted, found = theirs.encode(batch), ours.encode(batch)
        same_codes(found[1], wanted[1])
        close(found[3], wanted[3])
        close(ours.decode(wanted[0]), theirs.decode(wanted[0]))

    def test_call_and_preprocess(self, ours, theirs, audio):
        part = audio[:, :, :12_345]
        wanted, found = theirs(part, 44100), ours(part, 44100)
        assert list(found) == list(wanted)
        for name in wanted:
            same_codes(found[name], wanted[name]) if name == "codes" else close(found[name], wanted[name])
        close(ours.preprocess(part, None), theirs.preprocess(part, None), 0)
        for model in (ours, theirs):
            with pytest.raises(AssertionError):
                model.preprocess(part, 22050)

    def test_quantizer(self, ours, theirs, audio):
        _, codes, latents, _, _ = theirs.encode(audio[:, :, :5120])
        wanted, found = theirs.quantizer.from_codes(codes), ours.quantizer.from_codes(codes)
        assert len(found) == len(wanted) == 3 and found[2] is codes and wanted[2] is codes
        close(found[0], wanted[0])
        close(found[1], wanted[1])
        for width in (72, 40, 43):
            wanted, found = theirs.quantizer.from_latents(latents[:, :width]), ours.quantizer.from_latents(latents[:, :width])
            assert len(found) == len(wanted) == 3
            close(found[0], wanted[0])
            close(found[1], wanted[1])
            same_codes(found[2], wanted[2])
        for model in (ours, theirs):
            with pytest.raises(IndexError):
                model.quantizer.from_codes(torch.full((1, 9, 4), 1024))

    def test_attributes(self, ours, theirs):
        for name in ("sample_rate", "n_codebooks", "codebook_size", "codebook_dim", "latent_dim", "encoder_dim", "encoder_rates",
                     "decoder_dim", "decoder_rates", "delay", "padding", "hop_length", "training"):
            assert getattr(ours, name) == getattr(theirs, name), name
        assert ours.to(torch.device("cpu")).device == theirs.device

    @pytest.mark.parametrize("preset", ["44khz-16kbps", "24khz", "16khz"])
    def test_delay_and_shortfall_of_every_model(self, preset):
        weights = PARITY / preset / "weights.pth"
        theirs, ours = reference.load(str(weights)), dac_rs.descript.DAC.load(weights)
        assert ours.delay == theirs.delay
        z = torch.randn(1, ours.latent_dim, 7)
        close(ours.decode(z), theirs.decode(z))

    @pytest.mark.parametrize("seconds", [1.0, 5.0])
    def test_compress_and_files(self, ours, theirs, audio, tmp_path, seconds):
        signal = reference.AudioSignal(audio.repeat(1, 1, 4), 44100)
        wanted = theirs.compress(signal, seconds)
        found = ours.compress(signal, seconds)
        # The loudnesses differ by some thousandths of a dB, and with them the gain and codes near a tie.
        assert found.codes.shape == wanted.codes.shape and (found.codes != wanted.codes).float().mean() < 0.01
        for name in ("chunk_length", "original_length", "channels", "sample_rate", "padding", "dac_version"):
            assert getattr(found, name) == getattr(wanted, name), name
        assert found.input_db.shape == wanted.input_db.shape and found.input_db.dtype == wanted.input_db.dtype
        assert abs(float(found.input_db) - float(wanted.input_db)) < 0.02
        # Each reads what the other writes.
        ours_path, theirs_path = found.save(tmp_path / "ours"), wanted.save(tmp_path / "theirs")
        assert pathlib.Path(ours_path).suffix == ".dac"
        same_codes(reference.DACFile.load(ours_path).codes, found.codes)
        decoded, again = ours.decompress(theirs_path), theirs.decompress(str(theirs_path))
        assert decoded.sample_rate == again.sample_rate and decoded.audio_data.shape == tuple(again.audio_data.shape)
        np.testing.assert_allclose(decoded.audio_data, again.audio_data.numpy(), atol=2e-4)
        np.testing.assert_allclose(ours.decompress(wanted).audio_data.numpy(), again.audio_data.numpy(), atol=2e-4)

    def test_unknown_files(self, ours, theirs, tmp_path):
        for model in (ours, theirs):
            with pytest.raises(FileNotFoundError):
                model.decompress(tmp_path / "missing.dac")


class TestTransformers:
    @pytest.fixture(scope="class")
    def theirs(self):
        return transformers.DacModel.from_pretrained(PARITY / "layouts" / "transformers").eval()

    @pytest.fixture(scope="class")
    def ours(self):
        return dac_rs.transformers.DacModel.from_pretrained(PARITY / "layouts" / "transformers").eval()

    @pytest.mark.parametrize("samples", [20_480, 20_000, 700])
    @pytest.mark.parametrize("n_quantizers", [None, 2, 50])
    def test_encode_decode_and_forward(self, ours, theirs, audio, samples, n_quantizers):
        part = torch.cat([audio, audio.flip(2)])[:, :, :samples]
        wanted, found = theirs.encode(part, n_quantizers), ours.encode(part, n_quantizers)
        assert list(found.keys()) == list(wanted.keys())
        same_codes(found.audio_codes, wanted.audio_codes)
        for name in ("loss", "quantized_representation", "projected_latents"):
            close(found[name], wanted[name])
        for arguments in ({"quantized_representation": wanted[1]}, {"audio_codes": wanted[2]}):
            close(ours.decode(**arguments).audio_values, theirs.decode(**arguments).audio_values)
        wanted, found = theirs(part, n_quantizers), ours(part, n_quantizers)
        assert list(found.keys()) == list(wanted.keys())
        close(found.audio_values, wanted.audio_values)
        wanted, found = theirs(part, n_quantizers, False), ours(part, n_quantizers, False)
        assert type(found) is type(wanted) is tuple and len(found) == len(wanted)

    def test_quantizer_and_config(self, ours, theirs, audio):
        encoded = theirs.encode(audio)
        # The original's from_latents fails in this version.
        wanted = theirs.quantizer.from_codes(encoded.audio_codes)
        found = ours.quantizer.from_codes(encoded.audio_codes)
        assert len(found) == len(wanted) == 3 and found[2] is encoded.audio_codes
        close(found[0], wanted[0])
        close(found[1], wanted[1])
        for name in ("sampling_rate", "hop_length", "n_codebooks", "codebook_size", "codebook_dim", "hidden_size",
                     "encoder_hidden_size", "decoder_hidden_size", "downsampling_ratios", "upsampling_ratios", "frame_rate",
                     "commitment_loss_weight", "codebook_loss_weight", "quantizer_dropout"):
            assert getattr(ours.config, name) == getattr(theirs.config, name), name
        assert ours.bits_per_codebook == theirs.bits_per_codebook and ours.quantizer.n_codebooks == theirs.quantizer.n_codebooks

    def test_feature_extractor(self):
        theirs = transformers.DacFeatureExtractor(sampling_rate=44100, hop_length=512)
        ours = dac_rs.transformers.DacFeatureExtractor(sampling_rate=44100, hop_length=512)
        one, two = np.sin(np.arange(700.0)), np.cos(np.arange(1025.0)).astype(np.float32)
        for raw in (one, two, one.tolist(), [one, two], [one.tolist(), two.tolist()]):
            for tensors in ("np", "pt", None):
                wanted = theirs(raw, sampling_rate=44100, return_tensors=tensors)["input_values"]
                found = ours(raw, sampling_rate=44100, return_tensors=tensors)["input_values"]
                assert type(found) is type(wanted)
                assert [np.shape(value) for value in found] == [np.shape(value) for value in wanted]
                np.testing.assert_array_equal(np.asarray(found), np.asarray(wanted))
        for arguments in ({"sampling_rate": 16000}, {"padding": True, "truncation": True, "sampling_rate": 44100}):
            for extractor in (ours, theirs):
                with pytest.raises(ValueError):
                    extractor(one, **arguments)
        for extractor in (ours, theirs):
            with pytest.raises(ValueError):
                extractor(np.zeros((2, 500), np.float32), sampling_rate=44100)

    def test_errors(self, ours, theirs):
        for model in (ours, theirs):
            with pytest.raises(ValueError, match="must be provided"):
                model.decode()
            with pytest.raises(IndexError):
                model.decode(audio_codes=torch.full((1, 9, 4), 32))


class TestHance:
    """The wrapper's chunking, computed with the reference by `fixtures/python/overlap_model.py`."""

    def test_encode_and_decode(self, tmp_path):
        import overlap_model

        theirs = reference.load(str(WEIGHTS))
        ours = dac_rs.hance.DAC(codec=dac_rs.load(weights=WEIGHTS)).to(torch.device("cpu"))
        path = PARITY / "overlap" / "input.wav"
        samples = torch.from_numpy(dac_rs.Audio.load(path).samples[0].copy())
        wanted_z, wanted_codes, margins = overlap_model.encode(theirs, samples, 1)
        zq, s = ours.encode(str(path))
        same_codes(s, wanted_codes, margins.numpy())
        close(zq, wanted_z)
        for rates in ((0.1, 0.1), (0.5, 0.0), (0.3, 0.75)):
            ours.decoding_chunk_rate, ours.decoding_overlap_rate = rates
            wanted = overlap_model.decode(theirs, theirs.quantizer.from_codes(s)[0], *rates)
            close(ours.decode(s=s), wanted[None, None])
            close(ours.decode(zq=ours.code_to_zq(s)), wanted[None, None])
        ours.save_tensor(s, tmp_path / "s.pt")
        same_codes(torch.load(tmp_path / "s.pt"), ours.load_tensor(tmp_path / "s.pt"))
