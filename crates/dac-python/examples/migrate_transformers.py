"""Code for DacModel of the transformers library; only the first import is changed."""

import os
import pathlib

from dac_rs import Audio
from dac_rs.transformers import DacFeatureExtractor, DacModel

REPOSITORY = pathlib.Path(os.environ.get("DAC_PYTHON_EXAMPLES", "."))

# With published weights in the hub cache: "descript/dac_44khz"
name = REPOSITORY / "fixtures/parity/layouts/transformers"
model = DacModel.from_pretrained(name)
processor = DacFeatureExtractor.from_pretrained(name)

audio = Audio.load(REPOSITORY / "fixtures/audio/librivox_austen.wav").resample(processor.sampling_rate).samples[0]
inputs = processor(raw_audio=audio, sampling_rate=processor.sampling_rate, return_tensors="np")
encoded = model.encode(inputs["input_values"])
print(encoded.audio_codes.shape, encoded.quantized_representation.shape)
audio_values = model.decode(encoded.quantized_representation).audio_values
assert audio_values.shape == model(inputs["input_values"]).audio_values.shape
