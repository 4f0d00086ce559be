"""Arrays of any library and layout cross without a copy where that is possible, and are converted elsewhere."""

import array
import ctypes
import gc

import numpy as np
import pytest
from conftest import requires

import dac_rs
from dac_rs import _native
from dac_rs._arrays import to_samples


def address(source, rate=44100):
    """Address of the first sample that an encode of `source` reads."""
    return _native.samples_address((to_samples(source), rate))


def test_float32_samples_are_read_in_place(codec, signal):
    assert address(signal) == signal.ctypes.data
    stereo = np.stack([signal, -signal])
    assert address(stereo) == stereo.ctypes.data
    part = stereo[:, 100:9000]
    assert address(part) == part.ctypes.data
    readonly = signal.copy()
    readonly.flags.writeable = False
    assert address(readonly) == readonly.ctypes.data
    assert codec.encode(readonly) == codec.encode(signal)


def test_buffers_are_read_in_place(codec, signal):
    buffer = array.array("f", signal.tolist())
    assert address(buffer) == buffer.buffer_info()[0]
    assert codec.encode(buffer) == codec.encode(signal)
    assert codec.encode(memoryview(signal)) == codec.encode(signal)


def test_dlpack_is_read_in_place(codec, signal):
    class Exporter:
        def __dlpack__(self, **kwargs):
            return signal.__dlpack__(**kwargs)

        def __dlpack_device__(self):
            return signal.__dlpack_device__()

    assert address(Exporter()) == signal.ctypes.data
    assert codec.encode(Exporter()) == codec.encode(signal)


def test_torch_tensors_are_read_in_place(codec, signal):
    (torch,) = requires("torch")
    tensor = torch.from_numpy(signal)
    assert address(tensor) == tensor.data_ptr()
    assert codec.encode(tensor) == codec.encode(signal)
    assert codec.encode(tensor.clone().requires_grad_()) == codec.encode(signal)
    bfloat = tensor.to(torch.bfloat16)
    assert codec.encode(bfloat) == codec.encode(bfloat.float())


def test_a_device_other_than_the_cpu_is_refused(codec):
    class Elsewhere:
        def __dlpack__(self, **kwargs):
            raise AssertionError("must not be called")

        def __dlpack_device__(self):
            return (2, 0)

    with pytest.raises(dac_rs.UsageError, match=r"device \(2, 0\).*\.cpu\(\)"):
        codec.encode(Elsewhere())


def test_results_own_the_memory_of_the_engine(codec, signal):
    tokens = codec.encode(signal, save=("codes", "z", "latents"))
    for found in (tokens.codes, tokens.z, tokens.latents, codec.decode(tokens).samples):
        root = found
        while isinstance(root.base, np.ndarray):
            root = root.base
        # The base of an array that was not copied is the object that frees the engine's memory.
        assert type(root.base).__name__ == "PySliceContainer"
        assert found.ctypes.data == root.ctypes.data and found.flags.writeable
    samples = codec.decode(tokens).samples
    kept = samples.copy()
    del tokens
    gc.collect()
    np.testing.assert_array_equal(samples, kept)
    first = ctypes.c_float.from_address(samples.ctypes.data).value
    assert first == samples[0, 0]


@pytest.mark.parametrize("dtype", ["f8", "f2", ">f4", "i2", "i4", "u1", ">i2"])
def test_other_types_are_converted(codec, signal, dtype):
    kind = np.dtype(dtype)
    if kind.kind == "f":
        converted = signal.astype(kind)
        plain = converted.astype(np.float32)
    else:
        scale = 2.0 ** (8 * kind.itemsize - 1)
        offset = 128 if kind.kind == "u" else 0
        converted = (signal * (scale - 1) + offset).astype(kind)
        plain = ((converted.astype(np.float64) - offset) / scale).astype(np.float32)
    assert codec.encode(converted) == codec.encode(plain)


def test_other_layouts_are_converted(codec, signal):
    expected = codec.encode(signal)
    assert codec.encode(np.repeat(signal, 2)[::2]) == expected
    assert codec.encode(signal[::-1][::-1]) == expected
    assert codec.encode(signal[None]) == expected
    interleaved = np.stack([signal, -signal], axis=1)
    planar = np.ascontiguousarray(interleaved.T)
    assert codec.encode(interleaved.T, channels="keep") == codec.encode(planar, channels="keep")
    unaligned = np.frombuffer(b"\0" + signal.tobytes(), np.float32, offset=1)
    assert codec.encode(unaligned) == expected


def test_codes_of_any_integer_type_are_decoded(codec, signal):
    codes = codec.encode(signal).codes
    expected = codec.decode(codes).samples
    for other in (codes.astype(np.int64), codes.astype(">i4"), codes[0], np.asfortranarray(codes), codes[:, :, ::-1][:, :, ::-1]):
        np.testing.assert_array_equal(codec.decode(other).samples, expected)
