//! Comparison of results in an empty root directory.

use std::fs;

use xtask::dist::empty_root::{MANIFEST, RESULTS, compare_results};

#[test]
fn results_are_compared_byte_by_byte() {
    let folder = xtask::process::target_dir().join("tmp").join("empty-root-test");
    let (inner, outer) = (folder.join("inner"), folder.join("outer"));
    for side in [&inner, &outer] {
        fs::create_dir_all(side).unwrap();
        for name in RESULTS {
            fs::write(side.join(name), b"same").unwrap();
        }
        fs::write(side.join(MANIFEST), side.to_string_lossy().as_bytes()).unwrap();
    }
    compare_results(&inner, &outer).unwrap();
    fs::write(outer.join("in.wav"), b"Same").unwrap();
    assert!(compare_results(&inner, &outer).unwrap_err().to_string().contains("in.wav"));
    fs::write(inner.join("extra"), b"").unwrap();
    assert!(compare_results(&inner, &outer).unwrap_err().to_string().contains("extra"));
    fs::remove_dir_all(&folder).unwrap();
}
