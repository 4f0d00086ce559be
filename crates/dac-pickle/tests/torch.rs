//! Files written by torch 1.13 and 2.15, and by this crate.

mod common;

use std::io::Cursor;

use common::{bytes, codes, z};
use dac_pickle::torch::{Saved, TorchError, TorchFile, write};
use dac_pickle::{DType, PickleError, Value};
use dac_sniff::Kind;

const VERSIONS: [&str; 2] = ["torch1.13", "torch2.15"];

fn open(name: &str) -> Result<TorchFile<Cursor<Vec<u8>>>, TorchError> {
    TorchFile::open(Cursor::new(bytes(name)))
}

#[test]
fn tensors_of_both_versions_read_back() {
    for version in VERSIONS {
        let mut file = open(&format!("{version}_codes.pt")).unwrap();
        let tensor = file.root().as_tensor().cloned().unwrap();
        assert_eq!((tensor.dtype, tensor.shape.as_slice()), (DType::I64, &[1, 9, 25][..]));
        assert_eq!(file.read_i64(&tensor).unwrap(), codes(1, 9, 25));
        let row = tensor.narrow(1, 3, 1).narrow(2, 20, 99);
        assert_eq!(
            (row.shape.as_slice(), file.read_i64(&row).unwrap()),
            (&[1, 1, 5][..], codes(1, 9, 25)[95..100].to_vec())
        );

        let mut file = open(&format!("{version}_z.pt")).unwrap();
        let tensor = file.root().as_tensor().cloned().unwrap();
        let expected: Vec<f32> = (0..200).map(|i| z(i / 25, i % 25)).collect();
        assert_eq!(file.read_f32(&tensor).unwrap(), expected);
    }
    let mut file = open("torch2.15_uint16.pt").unwrap();
    let tensor = file.root().as_tensor().cloned().unwrap();
    assert_eq!(tensor.dtype, DType::U16);
    assert_eq!(file.read_i64(&tensor).unwrap(), codes(2, 9, 25));
}

#[test]
fn views_and_all_element_types_read_back() {
    for version in VERSIONS {
        let mut file = open(&format!("{version}_views.pt")).unwrap();
        let get = |file: &TorchFile<_>, name: &str| {
            file.root().get(name).and_then(Value::as_tensor).cloned().unwrap()
        };
        let all = codes(2, 9, 25);
        let tensor = get(&file, "transposed");
        let expected: Vec<i64> = (0..225).map(|i| all[i % 9 * 25 + i / 9]).collect();
        assert_eq!(file.read_i64(&tensor).unwrap(), expected, "{version}");
        let tensor = get(&file, "sliced");
        let expected: Vec<i64> =
            (0..102).map(|i| all[i / 51 * 225 + (i / 17 % 3 + 2) * 25 + i % 17 + 3]).collect();
        assert_eq!(file.read_i64(&tensor).unwrap(), expected);
        let expected: Vec<f32> = (0..200).map(|i| z(i / 25, i % 25)).collect();
        for name in ["half", "bfloat16", "double", "parameter"] {
            let tensor = get(&file, name);
            assert_eq!(file.read_f32(&tensor).unwrap(), expected, "{version} {name}");
        }
        for (name, map) in [
            ("bool", (|v| i64::from(v > 511)) as fn(i64) -> i64),
            ("bytes", |v| v % 256),
            ("int8", |v| v % 128),
            ("int32", |v| v),
        ] {
            let tensor = get(&file, name);
            let expected: Vec<i64> = all.iter().map(|&v| map(v)).collect();
            assert_eq!(file.read_i64(&tensor).unwrap(), expected, "{version} {name}");
        }
        let tensor = get(&file, "scalar");
        assert_eq!((tensor.shape.len(), file.read_f32(&tensor).unwrap()), (0, vec![2.5]));
        let tensor = get(&file, "empty");
        assert_eq!((tensor.shape.as_slice(), file.read_f32(&tensor).unwrap()), (&[0, 9][..], vec![]));
        let tensor = get(&file, "expanded");
        assert_eq!((tensor.strides.as_slice(), file.read_f32(&tensor).unwrap()), (&[0][..], vec![0.0; 4]));
        let sizes = file.root().get("size").and_then(Value::as_items).unwrap();
        assert_eq!(sizes.iter().filter_map(Value::as_usize).collect::<Vec<_>>(), [2, 9, 25]);
    }
}

#[test]
fn a_state_dict_and_its_metadata_read_back() {
    for version in VERSIONS {
        let file = open(&format!("{version}_model.pt")).unwrap();
        let state = file.root().get("state_dict").and_then(Value::as_dict).unwrap();
        let names: Vec<_> = state.iter().filter_map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["0.weight", "0.bias", "1.weight", "1.bias"]);
        let kwargs = file.root().get("metadata").and_then(|m| m.get("kwargs")).unwrap();
        assert_eq!(kwargs.get("encoder_dim").and_then(Value::as_usize), Some(64));
        let rates = kwargs.get("rates").and_then(Value::as_items).unwrap();
        assert_eq!(rates.iter().filter_map(Value::as_i64).collect::<Vec<_>>(), [2, 4, 8, 8]);
        assert_eq!(kwargs.get("dropout").and_then(Value::as_f64), Some(0.5));
        assert_eq!(kwargs.get("depthwise").and_then(Value::as_bool), Some(false));
        assert_eq!(kwargs.get("latent_dim"), Some(&Value::None));
        assert_eq!(kwargs.get("name").and_then(Value::as_str), Some("dac"));
        assert_eq!(kwargs.get("big").and_then(Value::as_i64), Some(1 << 40));
    }
}

/// Pickle in a torch file that is known to be valid, found by its first bytes.
fn pickle_of(file: &[u8]) -> &[u8] {
    let start = file.windows(3).position(|w| w == [0x80, 2, b'c'] || w == [0x80, 2, b'}']).unwrap();
    let end = file[start..].windows(2).position(|w| w == b"PK").unwrap();
    &file[start..start + end]
}

#[test]
fn written_pickles_equal_those_of_torch() {
    let tokens = codes(2, 9, 25);
    let z: Vec<f32> = (0..200).map(|i| z(i / 25, i % 25)).collect();
    let bare = Saved::long_tensor(&tokens[..225], &[9, 25]);
    let dict = Saved::Dict(vec![
        ("codes".into(), Saved::long_tensor(&tokens, &[2, 9, 25])),
        ("z".into(), Saved::float_tensor(&z, &[1, 8, 25])),
    ]);
    for (saved, name) in [(bare, "codes_2d"), (dict, "dict")] {
        let mut out = Vec::new();
        write(&mut out, "saved", &saved).unwrap();
        let mut again = TorchFile::open(Cursor::new(out.clone())).unwrap();
        let tensor = again.root().get("codes").unwrap_or(again.root()).as_tensor().cloned().unwrap();
        assert_eq!(again.read_i64(&tensor).unwrap(), tokens[..tensor.elements()]);
        let data = out.windows(8).position(|w| w == 29i64.to_le_bytes()).unwrap() - 8;
        assert_eq!(data % 64, 0, "elements are aligned");
        for version in VERSIONS {
            let theirs = bytes(&format!("{version}_{name}.pt"));
            assert_eq!(pickle_of(&out), pickle_of(&theirs), "{version} {name}");
        }
    }
}

#[test]
fn writing_invalid_tensors_fails() {
    let ragged = Saved::Tensor { dtype: DType::F32, shape: vec![2, 3], bytes: vec![0; 20] };
    assert!(write(Vec::new(), "a", &ragged).is_err());
    let huge = Saved::Tensor { dtype: DType::F32, shape: vec![usize::MAX, 3], bytes: vec![0; 20] };
    assert!(write(Vec::new(), "a", &huge).is_err());
    let unsigned = Saved::Tensor { dtype: DType::U16, shape: vec![1], bytes: vec![0; 2] };
    assert!(write(Vec::new(), "a", &unsigned).is_err());
}

#[test]
fn wrong_files_have_distinct_errors() {
    let open = |bytes: Vec<u8>| TorchFile::open(Cursor::new(bytes)).map(|_| ()).unwrap_err();
    assert!(matches!(open(vec![]), TorchError::Empty));
    assert!(matches!(open(bytes("torch1.13_legacy.pt")), TorchError::Legacy));
    assert!(matches!(open(bytes("torch2.15_legacy.pt")), TorchError::Legacy));
    let text = open(b"<html>\n<body>not found".to_vec());
    assert!(matches!(&text, TorchError::NotTorch { guess } if guess.kind == Kind::WebPage), "{text}");
    let whole = bytes("torch2.15_model.pt");
    let truncated = open(whole[..whole.len() / 2].to_vec());
    assert!(truncated.to_string().contains("truncated"), "{truncated}");
    let deflated = open(bytes("hostile_deflated.pt"));
    assert!(deflated.to_string().contains("compressed (deflate)"), "{deflated}");
    let system = open(bytes("hostile_system.pt"));
    assert!(
        matches!(&system, TorchError::Pickle(PickleError::GlobalRefused { name, .. }) if name == "system"),
        "{system}"
    );
}

/// Replaces the only occurrence of `from` by `to`, of the same length.
fn replace(file: &mut [u8], from: &[u8], to: &[u8]) {
    let at = file.windows(from.len()).position(|window| window == from).unwrap();
    file[at..at + to.len()].copy_from_slice(to);
}

#[test]
fn expanded_tensors_are_read_up_to_a_limit() {
    let mut file = bytes("torch1.13_codes.pt");
    // codes.expand(3, 9, 25): the strides are (0, 25, 1) instead of (225, 25, 1).
    replace(&mut file, b"K\x01K\x09K\x19", b"K\x03K\x09K\x19");
    replace(&mut file, b"K\xe1K\x19K\x01", b"K\x00K\x19K\x01");
    let mut file = TorchFile::open(Cursor::new(file)).unwrap();
    let tensor = file.root().as_tensor().cloned().unwrap();
    let codes = codes(1, 9, 25);
    assert_eq!(file.read_i64(&tensor).unwrap(), codes.repeat(3));
    let part = tensor.clone().narrow(2, 20, 5).narrow(1, 8, 1).narrow(0, 1, 2);
    assert_eq!(file.read_i64(&part).unwrap(), codes[220..].repeat(2));
    let mut inner = tensor.clone();
    (inner.shape, inner.strides) = (vec![2, 4, 3], vec![25, 0, 1]);
    let expected: Vec<i64> = [0, 25].iter().flat_map(|&at| codes[at..at + 3].repeat(4)).collect();
    assert_eq!(file.read_i64(&inner).unwrap(), expected);

    let mut huge = tensor.clone();
    huge.shape[0] = (1 << 26) / (225 * 8) + 1;
    let error = file.read_tensor(&huge).unwrap_err();
    assert!(matches!(error, TorchError::Expanded { .. }), "{error}");
    // Overlapping rows, as of unfold.
    let mut unfolded = tensor;
    (unfolded.shape, unfolded.strides) = (vec![20, 5], vec![1, 1]);
    let error = file.read_tensor(&unfolded).unwrap_err();
    assert!(error.to_string().contains("save tensor.contiguous()"), "{error}");
}

#[test]
fn numpy_arrays_in_torch_files_are_read() {
    for numpy in ["np1.26", "np2.2"] {
        let file = open(&format!("{numpy}_arrays.pt")).unwrap();
        let get = |name: &str| file.root().get(name).and_then(Value::as_array).unwrap().clone();
        assert_eq!(
            (get("codes").shape(), get("codes").to_i64().unwrap()),
            (&[1, 9, 25][..], codes(1, 9, 25))
        );
        let expected: Vec<f32> = (0..200).map(|i| z(i / 25, i % 25)).collect();
        assert_eq!((get("z").strides(), get("z").to_f32().unwrap()), (vec![200, 25, 1], expected));
        let file = open(&format!("{numpy}_array_fortran.pt")).unwrap();
        let array = file.root().as_array().unwrap();
        assert_eq!((array.strides(), array.to_i64().unwrap()), (vec![1, 2, 18], codes(2, 9, 25)));
    }
}

#[test]
fn refusals_name_the_next_step() {
    let whole = bytes("torch2.15_model.pt");
    let zip = [&b"PK\x05\x06"[..], &[0; 18]].concat();
    for (what, file, step) in [
        ("empty zip", zip, "it has no entry NAME/data.pkl"),
        ("truncated", whole[..whole.len() / 2].to_vec(), "download or copy the file again"),
        ("legacy", bytes("torch1.13_legacy.pt"), "save it again with torch.save"),
        ("web page", b"<html>".to_vec(), "a web page; the download failed"),
        ("pointer", b"version https://git-lfs.github.com/spec/v1\n".to_vec(), "`git lfs pull`"),
        ("bare pickle", bytes("hostile_deep.pkl"), "a Python pickle of protocol 2"),
        ("compressed", bytes("hostile_deflated.pt"), "write the file again with torch.save"),
        ("call", bytes("hostile_system.pt"), "do not trust this file"),
    ] {
        let error = TorchFile::open(Cursor::new(file)).map(|_| ()).unwrap_err();
        let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
        let text = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        assert!(text.contains(step), "{what}: {text}");
    }
}

#[test]
fn a_tensor_larger_than_its_storage_is_refused_before_allocation() {
    let mut file = open("hostile_tensor.pt").unwrap();
    let tensor = file.root().as_tensor().cloned().unwrap();
    assert_eq!(tensor.elements(), 1 << 40);
    assert!(matches!(file.read_tensor(&tensor), Err(TorchError::Expanded { found_bytes: 64, .. })));
    let mut beyond = tensor.clone();
    beyond.shape = vec![4];
    beyond.offset = 14;
    assert!(matches!(file.read_tensor(&beyond), Err(TorchError::OutOfStorage { .. })));
    beyond.offset = usize::MAX;
    assert!(matches!(file.read_tensor(&beyond), Err(TorchError::OutOfStorage { .. })));
    let mut missing = tensor;
    missing.storage = "7".into();
    missing.shape = vec![1];
    assert!(matches!(file.read_tensor(&missing), Err(TorchError::NoStorage { .. })));
}
