"""Batches of data sets: inputs, shards, pieces, layouts."""

import gzip
import io
import json
import tarfile

import numpy as np
import pytest

import dac_rs


@pytest.fixture
def folder(tmp_path, speech):
    """Two archives of a recording and its transcript each; the second has a member that is not audio."""
    samples, rate = speech
    dac_rs.Audio(samples[:9000], rate).save(tmp_path / "a.wav")
    audio = (tmp_path / "a.wav").read_bytes()
    text = json.dumps({"text": "hello"}).encode()
    for shard, members in enumerate([{"a.wav": audio, "a.json": text}, {"b.wav": audio, "b.json": text, "bad.wav": b"no"}]):
        with tarfile.open(tmp_path / f"in-{shard}.tar", "w") as archive:
            for name, content in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_archives_give_shards_of_their_names_and_failed_rows_are_retried(codec, folder):
    inputs = [folder / "in-0.tar", folder / "in-1.tar"]
    done = codec.encode_files(inputs, folder / "out", pack="tar", keep_shards=True)
    assert (done.done, done.failed) == (2, 1) and names(folder / "out") == ["in-0.tar", "in-1.tar"]
    again = codec.encode_files(inputs, folder / "out", pack="tar", keep_shards=True)
    assert (again.done, again.skipped, again.failed) == (0, 2, 0)
    retried = codec.encode_files(inputs, folder / "out", pack="tar", keep_shards=True, retry_failed=True)
    assert (retried.skipped, retried.failed) == (2, 1)
    decoded = codec.decode_files(folder / "out" / "in-0.tar", folder / "wav", output_rate="input")
    assert decoded.done == 1 and dac_rs.Audio.load(folder / "wav" / "in-0" / "a.wav").samples.shape == (1, 9000)


def test_shar_has_cuts_with_transcripts(codec, folder):
    done = codec.encode_files(folder / "in-0.tar", folder / "out", pack="shar", dtype="i32")
    assert done.done == 1 and done.records[0]["pack"] == "shar/codes.000000.tar"
    with gzip.open(folder / "out" / "shar" / "cuts.000000.jsonl.gz") as file:
        (cut,) = [json.loads(line) for line in file]
    assert cut["supervisions"][0]["text"] == "hello"
    decoded = codec.decode_files(folder / "out" / "shar", folder / "wav")
    assert decoded.done == 1


def test_recordings_are_cut_and_short_pieces_dropped(codec, folder):
    seconds = 9000 / dac_rs.Audio.load(folder / "a.wav").sample_rate
    lines = [{"clip": "a.wav"}, {"clip": "a.wav", "offset": 0.0, "duration": seconds / 9}]
    (folder / "m.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = codec.encode_files(
        folder / "m.jsonl", folder / "out", format="npy", segment=seconds / 3, min_seconds=seconds / 4, path_column="clip"
    )
    assert (done.done, done.dropped, done.failed) == (3, 1, 0) and "1 dropped" in repr(done)
    pieces = [name for name in names(folder / "out") if name.startswith("a-s")]
    assert pieces == ["a-s00000.npy", "a-s00001.npy", "a-s00002.npy"]


def test_layouts_are_written_and_decoded(codec, folder):
    layout = {"layout": "delay", "bos": 1025, "eos": 1024}
    plain = codec.encode_files(folder / "a.wav", folder / "plain", format="npy", n_codebooks=4)
    done = codec.encode_files(folder / "a.wav", folder / "out", format="npy", n_codebooks=4, **layout)
    assert plain.done == done.done == 1
    codes, found = np.load(folder / "plain" / "a.npy")[0], np.load(folder / "out" / "a.npy")[0]
    assert found.shape == (4, codes.shape[1] + 2 + 3) and (found[:, 0] == 1025).all()
    assert (found[2, 3 : 3 + codes.shape[1]] == codes[2]).all()
    decoded = codec.decode_files(folder / "out" / "a.npy", folder / "wav", **layout)
    assert decoded.done == 1


def test_limits_close_shards(codec, folder):
    inputs = [folder / "in-0.tar", folder / "in-1.tar"]
    codec.encode_files(inputs, folder / "out", pack="parquet", pack_entries=1)
    assert names(folder / "out") == ["tokens-000000.parquet", "tokens-000001.parquet"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"pack": "zip"}, 'expected "tar" or "parquet" or "shar"'),
        ({"pack_entries": 0, "pack": "tar"}, "pack_entries is 0"),
        ({"max_shard_minutes": -1.0, "pack": "tar"}, "max_shard_minutes is -1"),
        ({"keep_shards": True}, "need pack"),
        ({"keep_shards": True, "pack": "tar", "pack_bytes": 5}, "cannot be combined"),
        ({"pack": "shar", "format": "npy"}, "format cannot be combined"),
        ({"segment": float("nan")}, "segment is nan"),
        ({"audio_column": "a", "path_column": "b"}, "cannot be combined"),
        ({"layout": "wide", "format": "npy"}, "unknown layout"),
        ({"layout": "delay", "format": "npy"}, "give pad"),
        ({"layout": "flat"}, "requires --format npy"),
        ({"bos": 3, "format": "npy"}, "need layout"),
        ({"layout": "flat", "format": "npy", "eos": 70000}, "eos is 70000"),
    ],
)
def test_options_that_do_not_fit_are_usage_errors(codec, folder, options, text):
    with pytest.raises(dac_rs.UsageError, match=text):
        codec.encode_files(folder / "a.wav", folder / "out", **options)
    assert not (folder / "out").exists()
