//! The list of fuzz targets.

use xtask::fuzz::{FUZZ_DIR, TARGETS};
use xtask::process::root;

#[test]
fn all_targets_are_listed_and_have_initial_inputs() {
    let mut files: Vec<_> = std::fs::read_dir(root().join(FUZZ_DIR).join("targets"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let mut names: Vec<_> = TARGETS.iter().map(|(name, ..)| *name).collect();
    files.sort();
    names.sort_unstable();
    assert_eq!(files, names);
    for folder in TARGETS.iter().flat_map(|(_, seeds, _)| *seeds) {
        assert!(root().join(folder).read_dir().unwrap().next().is_some(), "{folder}");
    }
}
