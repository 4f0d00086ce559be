"""Code for descript-audio-codec; only the first import is changed."""

import os
import pathlib
import tempfile

import numpy as np

import dac_rs.descript as dac

REPOSITORY = pathlib.Path(os.environ.get("DAC_PYTHON_EXAMPLES", "."))

# With published weights: dac.DAC.load(dac.utils.download(model_type="44khz"))
model = dac.DAC.load(REPOSITORY / "fixtures/parity/44khz/weights.pth")
model.to("cpu")

signal = dac.AudioSignal(REPOSITORY / "fixtures/parity/overlap/input.wav")
x = model.preprocess(signal.audio_data, signal.sample_rate)
z, codes, latents, commitment_loss, codebook_loss = model.encode(x)
y = model.decode(z)
print(z.shape, codes.shape, latents.shape, y.shape)

with tempfile.TemporaryDirectory() as folder:
    compressed = model.compress(signal)
    path = compressed.save(pathlib.Path(folder) / "compressed.dac")
    decompressed = model.decompress(dac.DACFile.load(path))
    decompressed.write(pathlib.Path(folder) / "output.wav")
assert np.shape(decompressed.audio_data) == np.shape(signal.audio_data)
