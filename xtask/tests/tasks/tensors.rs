//! Arrays in safetensors files.

use std::collections::HashMap;

use xtask::tensors::{Tensor, TensorFile, write_codes};

#[test]
fn codes_are_read_as_written() {
    let path = std::env::temp_dir().join(format!("xtask-codes-{}.safetensors", std::process::id()));
    let codes = Tensor { shape: [1, 2, 3], values: vec![0, 1, 2, 1023, 65535, 7] };
    write_codes(&path, &codes, HashMap::from([("model".to_owned(), "44khz".to_owned())])).unwrap();
    let file = TensorFile::read(&path).unwrap();
    assert_eq!(file.codes("codes").unwrap(), codes);
    assert_eq!(file.codes("codes").unwrap().at(0, 1, 1), 65535);
    assert!(file.floats("codes").is_err() && file.codes("z").is_err());
    std::fs::remove_file(path).unwrap();
}
