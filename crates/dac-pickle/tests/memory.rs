//! Memory of reading small hostile pickles. There is one test because the peak is that of the whole process.

mod common;

use common::peak_mib;
use dac_pickle::{Dialect, Limits, PickleError, Value, read_pickle};

const START: &[u8] = b"\x80\x02";

/// Makes a pickle of nested lists of two, in which `first` occurs `1 << levels` times.
fn doubled(first: &[u8], levels: u8) -> Vec<u8> {
    let mut pickle = [START, first, b"q\x00"].concat();
    for level in 0..levels {
        pickle.extend([b'(', b'h', level, b'h', level, b'l', b'q', level + 1]);
    }
    pickle.push(b'.');
    pickle
}

/// Makes a pickle of one list, in which `first` occurs `times` times.
fn repeated(first: &[u8], times: usize) -> Vec<u8> {
    [START, b"(", first, b"q\x00", &b"h\x00".repeat(times - 1), b"l."].concat()
}

/// Makes a pickle of one list of `times` equal items, each with opcodes of its own.
fn row(item: &[u8], times: usize) -> Vec<u8> {
    [START, b"(", &item.repeat(times), b"l."].concat()
}

fn tensor(axes: usize) -> Vec<u8> {
    let lengths = b"K\x01".repeat(axes);
    let storage =
        b"((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQ";
    let rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n";
    [rebuild, &storage[..], b"K\x00(", &lengths, b"t(", &lengths, b"t\x89}tR"].concat()
}

fn array(axes: usize) -> Vec<u8> {
    let empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R";
    let dtype = b"cnumpy\ndtype\nX\x02\x00\x00\x00u1\x89\x88\x87R";
    [&empty[..], b"(K\x01(", &b"K\x01".repeat(axes), b"t", dtype, b"\x89C\x01atb"].concat()
}

#[test]
fn memory_is_proportional_to_the_pickle() {
    let read =
        |pickle: &[u8], dialect| read_pickle(pickle, dialect, &Limits::default()).map(|(value, _)| value);
    let before = peak_mib();
    // Pickles of less than 1 kB that share values; expanded, they would take up to a gigabyte.
    for (name, dialect, pickle) in [
        ("lists of one", Dialect::Numpy, doubled(b"]Na", 19)),
        ("dicts of one", Dialect::Numpy, doubled(b"}NNs", 18)),
        ("tensors", Dialect::Torch, doubled(&tensor(64), 19)),
        ("arrays", Dialect::Numpy, doubled(&array(64), 19)),
    ] {
        assert!(pickle.len() < 1024, "{name}");
        let found = read(&pickle, dialect);
        assert!(matches!(found, Err(PickleError::Limit { .. })), "{name}: {found:?}");
        let grown = peak_mib().saturating_sub(before);
        assert!(grown < 16, "{name}: {grown} MiB");
    }
    // Megabytes with much sharing, or with many small values.
    for (name, dialect, pickle) in [
        ("lists of one", Dialect::Numpy, row(b"]Na", 300_000)),
        ("dicts of one", Dialect::Numpy, row(b"}NNs", 300_000)),
        ("calls", Dialect::Numpy, row(b"cbuiltins\nlist\n)R", 300_000)),
        ("tensors", Dialect::Torch, repeated(&tensor(64), 500_000)),
        ("arrays", Dialect::Numpy, repeated(&array(64), 500_000)),
    ] {
        let _ = read(&pickle, dialect);
        let grown = peak_mib().saturating_sub(before);
        assert!(grown < 256, "{name}: {grown} MiB of {} bytes", pickle.len());
    }
    // The amount of sharing in regular files is accepted.
    for (dialect, first) in
        [(Dialect::Torch, tensor(3)), (Dialect::Numpy, array(2)), (Dialect::Numpy, b"]Na".to_vec())]
    {
        let value = read(&repeated(&first, 100), dialect).unwrap();
        let items = value.as_items().unwrap();
        assert!(items.len() == 100 && items.iter().all(|item| item == &items[0] && *item != Value::None));
    }
}
