//! `--adopt`: results whose records were lost.

use std::fs;

use crate::batch::{MANIFEST, manifest};
use crate::support::Lab;

#[test]
fn results_without_records_are_adopted_if_their_content_fits() {
    let lab = Lab::new();
    lab.wav("in/a.wav", 44100, 3000, &[0.5]);
    lab.wav("in/b.wav", 22050, 2000, &[0.5, 0.2]);
    lab.wav("in/c.wav", 44100, 900, &[0.5]);
    let encode = "encode in --output out --model tiny --format npy --json";
    lab.dac(encode).expect(0);
    let path = format!("out/{MANIFEST}");
    let (before, results) =
        (manifest(&lab, &path), ["a", "b", "c"].map(|n| lab.read(&format!("out/{n}.npy"))));
    // The manifest loses the line of b.
    let text = String::from_utf8(lab.read(&path)).unwrap();
    let kept: String =
        text.lines().filter(|line| !line.contains("b.npy")).map(|line| format!("{line}\n")).collect();
    lab.put(&path, kept.as_bytes());
    let refused = lab.dac(encode).expect(1);
    refused.says("refusing to replace out/b.npy: no manifest lists it, and .npy files do not record");
    refused.says("--adopt accepts it if its content fits").says("--overwrite");
    let adopted = lab.dac(&format!("{encode} --adopt")).expect(0);
    adopted.says("0 done, 3 skipped, 0 failed");
    let record = &manifest(&lab, &path)["b.npy"];
    for name in ["output_sha256", "output_bytes", "input_sha256", "input_samples", "frames", "codebooks"] {
        assert_eq!(record[name], before["b.npy"][name], "{name}");
    }
    lab.dac(encode).expect(0).says("0 done, 3 skipped");
    assert_eq!(["a", "b", "c"].map(|n| lab.read(&format!("out/{n}.npy"))), results);

    // An older record of the same name does not matter.
    let older = text.replace(before["b.npy"]["output_sha256"].as_str().unwrap(), &"0".repeat(64));
    lab.put(&path, older.as_bytes());
    lab.dac(encode).expect(1).says("the manifest lists other content) (--adopt accepts it");
    lab.dac(&format!("{encode} --adopt")).expect(0);
    lab.dac(encode).expect(0).says("0 done, 3 skipped");
}

#[test]
fn results_that_do_not_fit_are_not_adopted() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 3000, &[0.5]);
    let encode = "encode a.wav --output out --model tiny --format npy --adopt";
    let make = |more: &str| {
        let _ = fs::remove_dir_all(lab.path("out"));
        lab.dac(&format!("encode a.wav --output out --model tiny --format npy {more}")).expect(0);
        fs::remove_file(lab.path(&format!("out/{MANIFEST}"))).unwrap();
    };
    for (more, part) in [
        ("--quantizers 3", "differs in number of codebooks"),
        ("--dtype i64", "differs in dtype"),
        ("--save z", "differs in content"),
    ] {
        make(more);
        let before = lab.read("out/a.npy");
        lab.dac(encode).expect(1).says("refusing to replace out/a.npy").says(part);
        assert_eq!(lab.read("out/a.npy"), before);
    }
    // Another length, a code out of range, other content.
    make("");
    let whole = lab.read("out/a.npy");
    lab.wav("a.wav", 44100, 5000, &[0.5]);
    lab.dac(encode).expect(1).says("it has 6 frames, but its input gives 10");
    lab.wav("a.wav", 44100, 3000, &[0.5]);
    let mut changed = whole.clone();
    let end = changed.len();
    changed[end - 2..].copy_from_slice(&4000_u16.to_le_bytes());
    lab.put("out/a.npy", &changed);
    lab.dac(encode).expect(1).says("4000 at frame 5");
    // The same codes without the axis of channels.
    let text = String::from_utf8_lossy(&whole[..128]).into_owned();
    assert!(text.contains("(1, 9, 6)"), "{text}");
    let mut two_axes = text.replace("(1, 9, 6)", "(9, 6)   ").into_bytes();
    two_axes = [b"\x93NUMPY\x01\0", &whole[8..10], &two_axes[two_axes.len() - 118..], &whole[128..]].concat();
    lab.put("out/a.npy", &two_axes);
    lab.dac("info out/a.npy").expect(0);
    lab.dac(encode).expect(1).says("its array has other axes");
    lab.put("out/a.npy", b"no array");
    lab.dac(encode).expect(1).says("refusing to replace out/a.npy");
    lab.put("out/a.npy", &whole);
    lab.dac(encode).expect(0);
    lab.dac(&format!("{encode} --overwrite")).expect(2).says("--overwrite");
}
