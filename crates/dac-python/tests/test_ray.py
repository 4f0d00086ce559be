"""Ray Data on a local cluster of two nodes. Needs ray and pyarrow: `cargo xtask wheel --ray`."""

import os
import signal as signals
import sys

import numpy as np
import pytest
from conftest import requires

import dac_rs

ray, pyarrow, parquet, cluster_utils = requires("ray", "pyarrow", "pyarrow.parquet", "ray.cluster_utils")
requires("ray.data")

from dac_rs.ray import Decoder, Encoder, tokens_of  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


class KilledEncoder(Encoder):
    """An encoder whose process is killed once, in the middle of the job."""

    def __init__(self, marker, **arguments):
        super().__init__("tiny", **arguments)
        self.marker = marker
        self.batches = 0

    def __call__(self, table):
        self.batches += 1
        if self.batches == 3:
            try:
                os.close(os.open(self.marker, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signals.SIGKILL)
        return super().__call__(table)


@pytest.fixture(scope="module")
def cluster():
    nodes = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 4})
    nodes.add_node(num_cpus=4)
    ray.init(address=nodes.address, log_to_driver=False)
    # Workers cannot import the tests.
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield nodes
    ray.shutdown()
    nodes.shutdown()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    random = np.random.default_rng(5)
    for index in range(48):
        samples = random.standard_normal(3000 + 500 * index).astype(np.float32) * 0.1
        dac_rs.Audio(samples, 16000).save(folder / f"{index:02}.wav")
    return folder


@pytest.fixture(scope="module")
def plain(corpus):
    """Tokens of a plain run by file name."""
    codec = dac_rs.load("tiny")
    return {path.name: codec.encode(path) for path in corpus.iterdir()}


def assert_rows(rows, plain, name="path"):
    assert len(rows) == len(plain)
    found = {os.path.basename(row[name]): tokens_of(row) for row in rows}
    assert found == plain


def test_a_killed_worker_changes_no_row(cluster, corpus, plain, tmp_path):
    rows = ray.data.read_binary_files(str(corpus), include_paths=True).repartition(16)
    marker = str(tmp_path / "killed")
    arguments = {"fn_constructor_kwargs": {"marker": marker}, **KilledEncoder.options(actors=2, batch_size=3)}
    rows.map_batches(KilledEncoder, **arguments).write_parquet(str(tmp_path / "tokens"))
    assert os.path.exists(marker), "no worker was killed"
    table = parquet.read_table(str(tmp_path / "tokens"))
    assert_rows(table.to_pylist(), plain)
    assert table.schema.field("codes").type == pyarrow.list_(pyarrow.list_(pyarrow.uint16()))


def test_parquet_bytes_are_encoded_and_decoded(cluster, corpus, plain, tmp_path):
    files = sorted(corpus.iterdir())[:10]
    audio = [{"bytes": path.read_bytes(), "path": path.name} for path in files]
    table = pyarrow.table({"audio": audio, "name": [path.name for path in files], "text": ["x"] * len(files)})
    parquet.write_table(table, tmp_path / "audio.parquet")
    rows = ray.data.read_parquet(str(tmp_path / "audio.parquet"))
    tokens = rows.map_batches(
        Encoder, fn_constructor_kwargs={"model": "tiny", "column": "audio"}, **Encoder.options(actors=2, batch_size=4)
    ).materialize()
    taken = tokens.take_all()
    assert_rows(taken, {path.name: plain[path.name] for path in files}, "name")
    assert {row["text"] for row in taken} == {"x"} and "audio" not in taken[0]
    decoded = tokens.map_batches(Decoder, fn_constructor_kwargs={"model": "tiny"}, **Decoder.options(actors=2)).take_all()
    codec = dac_rs.load("tiny")
    for row in decoded:
        wanted = codec.decode(plain[row["name"]])
        np.testing.assert_array_equal(np.array(row["audio"], np.float32), wanted.samples[0])
        assert row["sample_rate"] == 44100


def test_errors_go_into_a_column():
    table = pyarrow.table({"bytes": [b"RIFF", b""], "id": [1, 2]})
    with pytest.raises(dac_rs.AudioError):
        Encoder("tiny")(table)
    found = Encoder("tiny", errors="column")(table).to_pylist()
    assert [row["codes"] for row in found] == [None, None] and "empty" in found[1]["error"]
    with pytest.raises(dac_rs.UsageError, match="'audio'.*bytes, id"):
        Encoder("tiny", column="audio")(table)


def test_wav_files_are_written(tmp_path, signal):
    tokens = Encoder("tiny", column="audio")(pyarrow.table({"audio": [{"array": signal, "sampling_rate": 44100}]}))
    found = Decoder("tiny", folder=tmp_path)(tokens).to_pylist()
    assert dac_rs.Audio.load(found[0]["path"]).samples.shape == (1, len(signal))
