"""Streams of a group give the results of separate streams."""

import threading

import numpy as np
import pytest

import dac_rs

HOP = 512


@pytest.fixture(scope="module")
def live():
    return dac_rs.load("tiny", low_latency=True)


@pytest.fixture(scope="module")
def codes(live):
    """Codes of 90 frames, `[9, frames]`."""
    return np.random.default_rng(3).integers(0, 1024, (9, 90)).astype(np.uint16)


@pytest.fixture(scope="module")
def samples():
    return (0.2 * np.random.default_rng(4).standard_normal(60 * HOP + 77)).astype(np.float32)


def pieces(random, length, largest):
    """Random (start, end) pairs that cover a length."""
    start = 0
    while start < length:
        end = min(length, start + int(random.integers(1, largest + 1)))
        yield start, end
        start = end


class Member:
    """A stream of a group, and a separate stream that gets the same pushes."""

    def __init__(self, group, separate, signal, largest, random):
        self.group, self.separate, self.signal = group, separate, signal
        self.pieces = list(pieces(random, signal.shape[-1], largest))
        self.stream = group.join()
        self.found, self.expected = [], []

    def push(self):
        start, end = self.pieces.pop(0)
        part = self.signal[..., start:end]
        self.group.push(self.stream, part)
        self.expected.append(self.separate.push(part)[0])
        if not self.pieces:
            self.group.end(self.stream)
            self.expected.append(self.separate.flush()[0])


def run(group, new, random, total):
    """Runs `total` streams that join at different steps and pause at random; compares each with its separate one."""
    active, ended, joined = [new(), new()], [], 2
    while active:
        if joined < total and random.random() < 0.4:
            active.append(new())
            joined += 1
        pushed = [member for member in active if random.random() < 0.7]
        for member in pushed:
            member.push()
        results = group.step()
        assert list(results) == [member.stream for member in pushed]
        for member in pushed:
            member.found.append(results[member.stream])
        for member in [member for member in active if not member.pieces]:
            active.remove(member)
            ended.append(member)
            group.leave(member.stream)
        assert len(group) == len(active)
    assert len(ended) == joined
    for member in ended:
        found = np.concatenate(member.found, axis=-1)
        expected = np.concatenate(member.expected, axis=-1)
        assert found.dtype == expected.dtype and found.size > 0
        np.testing.assert_array_equal(found, expected)


def test_streams_of_a_decoder_group_equal_separate_ones(live, codes):
    random, group = np.random.default_rng(1), live.decoder_group()
    run(group, lambda: Member(group, live.stream_decoder(), codes, 40, random), random, 6)


def test_streams_of_an_encoder_group_equal_separate_ones(live, samples):
    random, group = np.random.default_rng(2), live.encoder_group(n_codebooks=5)

    def new():
        return Member(group, live.stream_encoder(n_codebooks=5), samples, 40 * HOP, random)

    run(group, new, random, 4)


def test_a_stream_begins_another_signal_after_its_end_or_a_reset(live, codes):
    group = live.decoder_group()
    stream = group.join()
    group.push(stream, codes[:, :5])
    group.reset(stream)
    assert group.step() == {}
    signals = []
    for _ in range(2):
        group.push(stream, codes[None])
        group.end(stream)
        signals.append(group.step()[stream])
    np.testing.assert_array_equal(signals[0], signals[1])
    assert signals[0].shape == live.decode(codes).samples[0].shape


def test_errors_of_groups_name_the_stream(live, codes, samples):
    group, encoders = live.decoder_group(), live.encoder_group()
    first, second = group.join(), group.join()
    group.leave(first)
    for call in (group.leave, group.end, group.reset, lambda stream: group.push(stream, codes)):
        with pytest.raises(dac_rs.UsageError, match=f"^stream {first} is not in this group"):
            call(first)
    group.push(second, codes[:, :3])
    group.end(second)
    with pytest.raises(dac_rs.UsageError, match=f"^the signal of stream {second} has ended; step the group"):
        group.push(second, codes)
    with pytest.raises(dac_rs.TokensError, match="1024"):
        group.push(second, np.full((9, 1), 1024))
    with pytest.raises(dac_rs.UsageError, match="2 channels, expected 1"):
        group.push(second, np.stack([codes, codes]))
    with pytest.raises(dac_rs.UsageError, match="stream is 'a', expected a number"):
        group.end("a")
    with pytest.raises(dac_rs.UsageError, match="n_codebooks is 0"):
        live.encoder_group(n_codebooks=0)
    with pytest.raises(dac_rs.UsageError, match="10"):
        live.encoder_group(n_codebooks=10)
    stream = encoders.join()
    with pytest.raises(dac_rs.AudioError, match="sample 7"):
        encoders.push(stream, np.where(np.arange(20) == 7, np.nan, 0.0))
    assert encoders.step() == {}


def test_a_failed_stream_does_not_affect_the_others(live, samples):
    group = live.encoder_group()
    good, bad = group.join(), group.join()
    group.push(good, samples)
    group.push(bad, np.full(40 * HOP, 3e38, np.float32))
    results = group.step()
    assert isinstance(results[bad], dac_rs.DacError)
    assert results[good].shape[0] == 9 and results[good].shape[1] > 0


def test_threads_share_a_group(live, codes):
    group, failures = live.decoder_group(), []

    def push():
        try:
            stream = group.join()
            for frame in range(30):
                group.push(stream, codes[:, frame : frame + 1])
            group.end(stream)
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=push) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        group.step()
    for thread in threads:
        thread.join()
    group.step()
    assert not failures and len(group) == 4
