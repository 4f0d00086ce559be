//! Stored runs of benchmarks.

use xtask::bench::machine::Machine;
use xtask::bench::store::{Kind, Run, without_folders};

use crate::bench::LINE;

#[test]
fn absolute_paths_are_shortened_to_file_names() {
    assert_eq!(
        without_folders("A=1 /usr/x/dac bench --weights=/a/b.pth c/d"),
        "A=1 dac bench --weights=b.pth c/d"
    );
    assert_eq!(without_folders("GLIBC=a.b=1:c=2 x"), "GLIBC=a.b=1:c=2 x");
}

#[test]
fn runs_are_read_as_written() {
    let mut run = Run::new(Kind::Bench, Machine::named("a machine")).unwrap();
    assert!(run.date.len() == 10 && !run.commit.is_empty(), "{run:?}");
    run.records.push(serde_json::from_str(LINE).unwrap());
    let text = serde_json::to_string_pretty(&run).unwrap();
    assert_eq!(serde_json::from_str::<Run>(&text).unwrap(), run);
}
