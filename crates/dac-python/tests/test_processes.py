"""Threads, forks and signals."""

import os
import pickle
import signal as signals
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from conftest import requires

import dac_rs


def fork_and_read(work, seconds=5.0):
    """Runs `work` in a forked child and returns its result; fails if that takes longer."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, pickle.dumps(work()))
        finally:
            os._exit(0)
    os.close(writer)
    os.set_blocking(reader, False)
    deadline, content = time.monotonic() + seconds, b""
    try:
        while time.monotonic() < deadline:
            try:
                part = os.read(reader, 1 << 20)
            except BlockingIOError:
                time.sleep(0.005)
                continue
            if not part:
                return pickle.loads(content)
            content += part
        raise AssertionError(f"the child did not answer within {seconds} s")
    finally:
        os.kill(child, signals.SIGKILL)
        os.waitpid(child, 0)
        os.close(reader)


pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def test_a_forked_child_encodes_the_same_codes(signal):
    codec = dac_rs.load("tiny", threads=2)
    expected = codec.encode(signal, save=("codes", "z"))
    decoded = codec.decode(expected).samples
    found = fork_and_read(lambda: codec.encode(signal, save=("codes", "z")))
    assert found == expected
    np.testing.assert_array_equal(fork_and_read(lambda: codec.decode(expected).samples), decoded)
    # A grandchild, a list, and the parent afterwards.
    assert fork_and_read(lambda: fork_and_read(lambda: codec.encode([signal] * 3)))[2].codes.tolist() == expected.codes.tolist()
    assert codec.encode(signal).codes.tolist() == expected.codes.tolist()
    assert fork_and_read(lambda: dac_rs.load("tiny").encode(signal).codes.tolist()) == expected.codes.tolist()


def test_a_fork_while_other_threads_encode(signal):
    codec = dac_rs.load("tiny", threads=2)
    expected = codec.encode(signal).codes.tolist()
    stop = threading.Event()

    def work():
        while not stop.is_set():
            codec.encode(signal)

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    try:
        for _ in range(5):
            assert fork_and_read(lambda: codec.encode(signal).codes.tolist()) == expected
    finally:
        stop.set()
        for worker in workers:
            worker.join()


def test_threads_share_a_codec(codec, speech):
    samples, rate = speech
    pieces = [samples[start : start + 20_000] for start in range(0, 20_000, 1000)]
    expected = [codec.encode(piece, sample_rate=rate) for piece in pieces]
    found = [None] * len(pieces)

    def work(first):
        for index in range(first, len(pieces), 4):
            found[index] = codec.encode(pieces[index], sample_rate=rate)

    workers = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == expected


def test_other_threads_run_while_the_engine_computes(codec, speech):
    samples, _ = speech
    long = np.tile(samples, 8)
    ticks, done = 0, threading.Event()

    def work():
        codec.encode(long)
        done.set()

    worker = threading.Thread(target=work)
    start = time.monotonic()
    worker.start()
    while not done.is_set():
        ticks += 1
        time.sleep(0.002)
    elapsed = time.monotonic() - start
    worker.join()
    assert ticks > 10 * elapsed, f"{ticks} ticks in {elapsed:.2f} s"


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two processors")
def test_four_threads_scale_as_the_engine_does(speech):
    if os.environ.get("DAC_PYTHON_TIMING") != "1":
        pytest.skip("set DAC_PYTHON_TIMING=1 on an idle machine")
    samples, rate = speech
    long = np.tile(samples, 5)
    codec, single = dac_rs.load("tiny", threads=2), dac_rs.load("tiny", threads=1)

    def seconds(work):
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    def in_threads():
        workers = [threading.Thread(target=lambda: [codec.encode(long, sample_rate=rate) for _ in range(2)]) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    def one_by_one():
        for _ in range(8):
            single.encode(long, sample_rate=rate)

    one_by_one()
    in_threads()
    ratio = min(seconds(one_by_one) for _ in range(3)) / min(seconds(in_threads) for _ in range(3))
    assert ratio >= 1.8, f"four threads are {ratio:.2f} times as fast as one"


INTERRUPTED = """
import sys, time, threading, os, signal
import numpy as np
import warnings
warnings.simplefilter("ignore")
import dac_rs
codec = dac_rs.load("tiny", threads=2)
audio = np.random.default_rng(1).standard_normal(44100 * 600).astype(np.float32) * 0.1
tokens = np.zeros((1, 9, 60_000), np.uint16)
work = {work}
def interrupt():
    time.sleep(0.6)
    print(time.process_time(), flush=True)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
try:
    work()
    print("finished")
except KeyboardInterrupt:
    print(time.process_time(), flush=True)
print(len(codec.encode(audio[:5000]).codes), flush=True)
"""


@pytest.mark.parametrize(
    "work",
    [
        "lambda: codec.encode(audio)",
        "lambda: codec.encode([audio] * 4)",
        "lambda: codec.encode(audio, chunk='descript')",
        "lambda: codec.decode(tokens)",
        "lambda: codec.encode_files(sys.argv[1], sys.argv[2], jobs=2)",
    ],
)
def test_ctrl_c_ends_the_work_at_once(work, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    long = dac_rs.Audio(np.random.default_rng(1).standard_normal(44100 * 300).astype(np.float32) * 0.1, 44100)
    if "encode_files" in work:
        for name in "abc":
            long.save(folder / f"{name}.wav")
    command = [sys.executable, "-c", INTERRUPTED.replace("{work}", work), str(folder), str(tmp_path / "out")]
    lines = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout.split()
    assert len(lines) == 3 and lines[2] == "1", lines
    # CPU time, which other work on the machine hardly affects. The whole work takes more than ten seconds of it.
    computed = float(lines[1]) - float(lines[0])
    assert computed <= 2.0, f"computed for {computed} s after Ctrl-C"


def test_data_loader_workers(codec, speech):
    (data,) = requires("torch.utils.data")
    samples, rate = speech
    items = [samples[start : start + 9000] for start in range(0, 30_000, 5000)]
    expected = [codec.encode(item, sample_rate=rate).codes_i64() for item in items]

    class Codes(data.Dataset):
        def __len__(self):
            return len(items)

        def __getitem__(self, index):
            return codec.encode(items[index], sample_rate=rate).codes_i64()

    loader = data.DataLoader(Codes(), num_workers=2, batch_size=None, multiprocessing_context="fork", timeout=60)
    found = [np.asarray(codes) for codes in loader]
    assert len(found) == len(items)
    for codes, wanted in zip(found, expected):
        np.testing.assert_array_equal(codes, wanted)


def test_datasets_map_in_processes(codec, speech, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))
    (datasets,) = requires("datasets")
    samples, rate = speech
    items = [samples[start : start + 9000].tolist() for start in range(0, 30_000, 5000)]
    expected = [codec.encode(np.array(item, np.float32), sample_rate=rate).codes.tolist() for item in items]

    def encode(row):
        return {"codes": codec.encode(np.array(row["audio"], np.float32), sample_rate=rate).codes.tolist()}

    found = datasets.Dataset.from_dict({"audio": items}).map(encode, num_proc=2)
    assert found["codes"][:] == expected
