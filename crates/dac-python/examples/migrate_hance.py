"""Code of the model card hance-ai/descript-audio-codec-44khz; only the first import is changed."""

import os
import pathlib
import tempfile

from dac_rs.hance import AutoModel

REPOSITORY = pathlib.Path(os.environ.get("DAC_PYTHON_EXAMPLES", "."))

# With published weights in the hub cache: "hance-ai/descript-audio-codec-44khz"
model = AutoModel.from_pretrained(REPOSITORY / "fixtures/parity/layouts/hance", trust_remote_code=True)
model.to("cpu")

zq, s = model.encode(str(REPOSITORY / "fixtures/audio/librivox_austen.wav"))
print(zq.shape, s.shape)
waveform = model.decode(zq=zq)
waveform = model.decode(s=s)
with tempfile.TemporaryDirectory() as folder:
    model.waveform_to_audiofile(waveform, os.path.join(folder, "out.wav"))
    model.save_tensor(s, os.path.join(folder, "tokens.pt"))
    assert (model.load_tensor(os.path.join(folder, "tokens.pt")) == s).all()
