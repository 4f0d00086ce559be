//! Reading of numpy's pickles, of hostile ones, and of mutations of both.

mod common;

use common::{bytes, codes, mutate, peak_mib};
use dac_pickle::torch::TorchFile;
use dac_pickle::{Dialect, Limits, PickleError, Value, read_pickle};
use std::io::Cursor;
use std::time::{Duration, Instant};

fn read(bytes: &[u8]) -> Result<Value, PickleError> {
    read_pickle(bytes, Dialect::Numpy, &Limits::default()).map(|(value, _)| value)
}

#[test]
fn numpy_values_read_back() {
    let value = read(&bytes("np1.26_values.pkl")).unwrap();
    let Some([array, half, wide, small, set, raw]) = value.get("list").and_then(Value::as_items) else {
        panic!()
    };
    let array = array.as_array().unwrap();
    assert_eq!((array.shape(), array.to_i64().unwrap()), (&[1, 2, 3][..], codes(1, 2, 3)));
    assert_eq!(half.as_f64(), Some(1.5));
    assert_eq!(wide.as_i64(), Some(1 << 62));
    assert_eq!(small.as_array().unwrap().to_i64().unwrap(), [5]);
    assert_eq!(set.as_items().map(<[_]>::len), Some(1));
    assert_eq!(raw.as_bytes(), Some(&b"x"[..]));
}

#[test]
fn all_protocols_give_the_same_artifact() {
    for name in [
        "np1.26_mono",
        "np1.26_protocol2",
        "np1.26_protocol5",
        "np2.2_mono",
        "np2.2_protocol2",
        "np2.2_protocol5",
    ] {
        let file = bytes(&format!("{name}.dac"));
        let (value, consumed) = read_pickle(&file[128..], Dialect::Numpy, &Limits::default()).unwrap();
        assert_eq!(consumed, file.len() - 128, "{name}");
        let array = value.as_array().unwrap();
        assert!(array.shape().is_empty(), "{name}");
        let artifact = &array.objects().unwrap()[0];
        let tokens = artifact.get("codes").and_then(Value::as_array).unwrap();
        assert_eq!((tokens.shape(), tokens.to_i64().unwrap()), (&[1, 9, 25][..], codes(1, 9, 25)), "{name}");
        let level =
            artifact.get("metadata").and_then(|m| m.get("input_db")).and_then(Value::as_array).unwrap();
        assert_eq!(level.to_f32().unwrap(), [-23.4375], "{name}");
    }
}

#[test]
fn globals_and_opcodes_outside_the_subset_are_refused() {
    let error = read(&bytes("hostile_system.dac")[128..]).unwrap_err();
    let (module, name) = ("posix".to_owned(), "system".to_owned());
    assert_eq!(error, PickleError::GlobalRefused { module, name, offset: 2 });
    assert!(error.to_string().contains("nothing was executed"));
    // The same with STACK_GLOBAL, and opcodes that make instances.
    let stacked = b"\x80\x04\x8c\x02os\x8c\x06system\x93.";
    assert!(matches!(read(stacked), Err(PickleError::GlobalRefused { offset: 14, .. })));
    for (opcode, pickle) in
        [(b'i', &b"\x80\x02(ios\nsystem\n."[..]), (b'o', b"\x80\x02(o."), (0x82, b"\x80\x02\x82\x01.")]
    {
        let found = read(pickle);
        assert!(
            matches!(found, Err(PickleError::OpcodeRefused { opcode: o, .. }) if o == opcode),
            "{found:?}"
        );
    }
    // An accepted global with unexpected arguments.
    assert!(matches!(read(b"\x80\x02cnumpy\nndarray\n)R."), Err(PickleError::CallRefused { .. })));
    // Torch's globals are refused in numpy's pickles.
    let storage = b"\x80\x02ctorch\nFloatStorage\n.";
    assert!(matches!(read(storage), Err(PickleError::GlobalRefused { .. })));
    let read_torch = |pickle: &[u8]| read_pickle(pickle, Dialect::Torch, &Limits::default());
    assert_eq!(read_torch(storage).unwrap().0, Value::Opaque("a torch storage"));
    for global in ["os\nsystem", "builtins\neval", "torch\nload", "numpy\nload"] {
        let found = read_torch(&[b"\x80\x02c", global.as_bytes(), b"\n."].concat());
        assert!(matches!(found, Err(PickleError::GlobalRefused { .. })), "{global}");
    }
}

#[test]
fn circles_and_excessive_sizes_are_refused_quickly() {
    let start = Instant::now();
    for name in ["circle", "laughs", "deep"] {
        let error = read(&bytes(&format!("hostile_{name}.pkl"))).unwrap_err();
        assert!(matches!(error, PickleError::Limit { .. }), "{name}: {error}");
    }
    let error = read(&bytes("hostile_length.pkl")).unwrap_err();
    assert!(matches!(error, PickleError::Truncated { needed: 0x1000_0000_0000_0000, .. }), "{error}");
    let mut many = b"\x80\x02]".to_vec();
    many.resize(1 << 21, b'N');
    assert!(matches!(read(&many), Err(PickleError::Limit { what: "values", .. })));
    let mut marks = b"\x80\x02]".to_vec();
    marks.resize(1 << 21, b'(');
    assert!(matches!(read(&marks), Err(PickleError::Limit { what: "marks", .. })));
    let mut memo = b"\x80\x02N".to_vec();
    memo.extend((0..1u32 << 21).flat_map(|i| [&b"r"[..], &i.to_le_bytes()].concat()));
    assert!(matches!(read(&memo), Err(PickleError::Limit { what: "memo entries", .. })));
    // Text through _codecs.encode, which is encoded again at each of its half a million uses.
    let mut text = b"\x80\x02c_codecs\nencode\nX\x00\x00\x01\x00".to_vec();
    text.resize(text.len() + (1 << 16), b'a');
    text.extend(b"X\x06\x00\x00\x00latin1\x86Rq\x00(");
    text.extend(b"h\x00".repeat(1 << 19));
    text.extend(b"l.");
    assert!(matches!(read(&text), Err(PickleError::Limit { what: "bytes created by calls", .. })));
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn errors_contain_the_offset() {
    for (pickle, offset) in [
        (&b"\x80\x02."[..], 2),
        (b"\x80\x02K\x01\x86.", 4),
        (b"\x80\x02h\x05.", 2),
        (b"\x80\x02(Nu.", 4),
        (b"\x80\x02(]\x85Na.", 6),
    ] {
        match read(pickle) {
            Err(PickleError::Malformed { offset: found, .. }) => assert_eq!(found, offset, "{pickle:?}"),
            other => panic!("{pickle:?}: {other:?}"),
        }
    }
    assert!(matches!(read(b""), Err(PickleError::NotAPickle { .. })));
    assert!(matches!(read(b"(dp0\n."), Err(PickleError::NotAPickle { .. })));
    assert!(matches!(read(b"\x80\x06N."), Err(PickleError::NotAPickle { .. })));
    assert!(matches!(read(b"\x80\x02N"), Err(PickleError::Truncated { offset: 3, .. })));
    // Integers of at most 64 bits, with any number of bytes.
    assert_eq!(read(b"\x80\x02\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\xff."), Ok(Value::Int(-1)));
    assert_eq!(read(b"\x80\x02\x8a\x00."), Ok(Value::Int(0)));
    assert!(read(b"\x80\x02\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x00.").is_err());
}

/// Reads everything in the bytes, including all tensors.
fn read_everything(data: Vec<u8>) {
    let _ = read_pickle(data.get(128..).unwrap_or_default(), Dialect::Torch, &Limits::default());
    let _ = read(&data);
    let Ok(mut file) = TorchFile::open(Cursor::new(data)) else { return };
    let root = file.root().clone();
    let mut pending = vec![&root];
    while let Some(value) = pending.pop() {
        pending.extend(value.as_items().unwrap_or_default());
        pending.extend(value.as_dict().unwrap_or_default().iter().map(|(_, value)| value));
        if let Some(tensor) = value.as_tensor() {
            let _ = file.read_f32(tensor);
        }
    }
}

#[test]
fn mutated_files_do_not_panic_and_take_bounded_time_and_memory() {
    let mut random = fastrand::Rng::with_seed(20240607);
    let start = Instant::now();
    for name in [
        "np1.26_mono.dac",
        "np1.26_fortran.dac",
        "np1.26_extra_keys.dac",
        "np1.26_numpy_ints.dac",
        "np2.2_protocol5.dac",
        "np1.26_protocol2.dac",
        "torch1.13_dict.pt",
        "torch2.15_views.pt",
        "torch2.15_uint16.pt",
        "torch2.15_model.pt",
        "np1.26_values.pkl",
        "hostile_laughs.pkl",
    ] {
        let original = bytes(name);
        // Most mutations of this file still expand until the limit stops them.
        let rounds = if name == "hostile_laughs.pkl" { 50 } else { 1500 };
        for _ in 0..rounds {
            let mut mutated = original.clone();
            mutate(&mut random, &mut mutated);
            read_everything(mutated);
        }
    }
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    assert!(peak_mib() < 512, "{} MiB", peak_mib());
}
