"""Batches of files."""

import json
import logging
import sys
import types

import numpy as np
import pytest
from conftest import SPEECH

import dac_rs


@pytest.fixture
def folder(tmp_path, speech):
    samples, rate = speech
    (tmp_path / "in").mkdir()
    for index in range(4):
        dac_rs.Audio(samples[index * 4000 : index * 4000 + 9000], rate).save(tmp_path / "in" / f"{index}.wav")
    return tmp_path


def test_files_are_encoded_resumed_and_decoded(codec, folder):
    done = codec.encode_files(folder / "in", folder / "out", jobs=2, n_codebooks=4)
    assert (done.jobs, done.done, done.skipped, done.failed) == (4, 4, 0, 0)
    records = {record["key"]: record for record in done.records}
    assert len(records) == 4 and all(record["status"] == "ok" for record in done.records)
    for index in range(4):
        single = codec.encode(folder / "in" / f"{index}.wav", n_codebooks=4)
        assert dac_rs.Tokens.load(folder / "out" / f"{index}.safetensors") == single
    manifest = (folder / "out" / ".dac-manifest.jsonl").read_text().splitlines()
    assert {json.loads(line)["key"] for line in manifest} == set(records)
    again = codec.encode_files([folder / "in"], folder / "out", n_codebooks=4)
    assert (again.done, again.skipped) == (0, 4)
    replaced = codec.encode_files([folder / "in"], folder / "out", n_codebooks=4, resume=False)
    assert replaced.done == 4
    decoded = codec.decode_files(folder / "out", folder / "wav", output_rate="input")
    assert decoded.done == 4 and "4 done" in repr(decoded)
    assert dac_rs.Audio.load(folder / "wav" / "0.wav").samples.shape == (1, 9000)


def test_packs_and_dry_runs(codec, folder):
    planned = codec.encode_files(folder / "in", folder / "out", pack="tar", dry_run=True)
    assert planned.planned == 4 and not (folder / "out").exists()
    packed = codec.encode_files(folder / "in", folder / "out", pack="tar")
    assert packed.done == 4 and (folder / "out" / "tokens-000000.tar").is_file()
    assert {record["pack"] for record in packed.records} == {"tokens-000000.tar"}


def test_errors_of_files_are_in_their_records(codec, folder, caplog):
    (folder / "in" / "bad.wav").write_bytes(b"RIFF")
    with caplog.at_level(logging.WARNING, "dac_rs"):
        result = codec.encode_files(folder / "in", folder / "out")
    assert (result.done, result.failed) == (4, 1)
    (bad,) = [record for record in result.records if record["status"] == "error"]
    assert "bad.wav" in bad["input"] and bad["error"]


def test_unusable_inputs_are_usage_errors(codec, folder):
    with pytest.raises(dac_rs.UsageError, match="no such file"):
        codec.encode_files(folder / "missing.wav", folder / "out")
    with pytest.raises(dac_rs.UsageError, match="no inputs"):
        codec.encode_files([], folder / "out")
    with pytest.raises(dac_rs.UsageError, match="partition|I/N"):
        codec.encode_files(folder / "in", folder / "out", partition="5/3")
    with pytest.raises(dac_rs.UsageError, match="expected \"tar\" or \"parquet\" or \"shar\""):
        codec.encode_files(folder / "in", folder / "out", pack="zip")


def test_progress_is_shown_with_tqdm(codec, folder, monkeypatch):
    seen = []

    class Bar:
        def __init__(self, total, **kwargs):
            seen.append(("total", total))

        def update(self):
            seen.append("update")

        def close(self):
            seen.append("close")

    monkeypatch.setitem(sys.modules, "tqdm", types.SimpleNamespace(tqdm=Bar))
    codec.encode_files(folder / "in", folder / "out")
    assert seen == [("total", 4)] + ["update"] * 4 + ["close"]
    seen.clear()
    codec.encode_files(folder / "in", folder / "out", progress=False)
    assert seen == []


def test_an_exception_of_the_progress_bar_ends_the_batch(codec, folder, monkeypatch):
    class Bar:
        def __init__(self, total, **kwargs):
            raise RuntimeError("no bar")

    monkeypatch.setitem(sys.modules, "tqdm", types.SimpleNamespace(tqdm=Bar))
    with pytest.raises(RuntimeError, match="no bar"):
        codec.encode_files(folder / "in", folder / "out")


def test_a_batch_gives_what_the_program_gives(codec, tmp_path, capfd):
    from dac_rs import _native

    arguments = ["dac-rs", "encode", str(SPEECH), "--model", "tiny", "--output", str(tmp_path / "program")]
    assert _native.run_program(arguments) == 0
    codec.encode_files(SPEECH, tmp_path / "python")
    name = "librivox_austen.safetensors"
    assert (tmp_path / "program" / name).read_bytes() == (tmp_path / "python" / name).read_bytes()
    assert np.array_equal(dac_rs.Tokens.load(tmp_path / "python" / name).codes, codec.encode(SPEECH).codes)
    capfd.readouterr()
