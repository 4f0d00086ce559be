//! The shipped binary: names and checksums.

use xtask::dist::{host_triple, sums_line};

#[test]
fn checksum_lines_have_the_format_of_sha256sum() {
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(sums_line(b"abc", "dac-1"), format!("{abc}  dac-1\n"));
}

#[test]
fn host_triple_contains_the_architecture() {
    let triple = host_triple().unwrap();
    assert!(triple.starts_with(std::env::consts::ARCH) && triple.split('-').count() >= 3, "{triple}");
}
