"""Models, signals and stored results of the reference for the tests."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import struct
import warnings

import numpy as np
import pytest

import dac_rs

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
FIXTURES = REPOSITORY / "fixtures"
PARITY = FIXTURES / "parity"
SPEECH = FIXTURES / "audio" / "librivox_austen.wav"
NEAR_TIE = 2e-6
"""Distances of two codebook entries that differ by less may be ordered either way."""


def read_safetensors(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Reads all tensors of a file."""
    content = path.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    types = {"F32": "<f4", "I64": "<i8", "I16": "<i2"}
    tensors = {}
    for name, entry in json.loads(content[8 : 8 + length]).items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            data = content[8 + length + start : 8 + length + end]
            tensors[name] = np.frombuffer(data, types[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def assert_same_codes(found: np.ndarray, expected: np.ndarray, margins: np.ndarray | None = None) -> None:
    """Asserts equal codes, except from the first near-tie of a frame on."""
    assert found.shape == expected.shape and found.dtype == np.int64
    differs = found != expected
    if margins is not None:
        after_tie = np.cumsum(margins < NEAR_TIE, axis=1) > 0
        differs &= ~after_tie
    assert not differs.any(), f"{int(differs.sum())} codes differ"


def requires(*modules: str) -> list[object]:
    """Imports modules, or skips the test; fails instead if DAC_PYTHON_REQUIRE lists one of them."""
    required = os.environ.get("DAC_PYTHON_REQUIRE", "").split(",")
    found = []
    with warnings.catch_warnings():
        # Not of this package; tests turn warnings into errors.
        warnings.simplefilter("ignore")
        for module in modules:
            if module.partition(".")[0] in required:
                found.append(__import__(module, fromlist=["_"]))
            else:
                found.append(pytest.importorskip(module))
    return found


@pytest.fixture(scope="session")
def codec() -> dac_rs.Codec:
    """The tiny model."""
    return dac_rs.load("tiny")


@pytest.fixture(scope="session")
def narrow() -> dac_rs.Codec:
    """A narrow network with random weights, whose results of the reference are stored."""
    return dac_rs.load(weights=PARITY / "44khz" / "weights.pth")


@pytest.fixture(scope="session")
def expected() -> dict[str, np.ndarray]:
    """Results of the reference for the narrow network."""
    return read_safetensors(PARITY / "44khz" / "expected.safetensors")


@pytest.fixture(scope="session")
def speech() -> tuple[np.ndarray, int]:
    """2 s of speech `[samples]`, and its rate."""
    audio = dac_rs.Audio.load(SPEECH)
    return audio.samples[0, : 2 * audio.sample_rate].copy(), audio.sample_rate


@pytest.fixture
def signal() -> np.ndarray:
    """A third of a second of noise at 44.1 kHz, `[samples]`."""
    return (np.random.default_rng(3).standard_normal(15_000) * 0.1).astype(np.float32)


@pytest.fixture
def hub(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A hub cache with narrow random weights in the layouts of the hance-ai wrapper and of transformers."""
    for layout, repository in (("hance", "hance-ai/descript-audio-codec-44khz"), ("transformers", "descript/dac_44khz")):
        folder = tmp_path / "hub" / f"models--{repository.replace('/', '--')}"
        shutil.copytree(PARITY / "layouts" / layout, folder / "snapshots" / "0123abc")
        (folder / "refs").mkdir()
        (folder / "refs" / "main").write_text("0123abc")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"
