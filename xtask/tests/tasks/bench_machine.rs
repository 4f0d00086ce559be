//! Descriptions of machines.

use xtask::bench::machine::{Machine, field};

#[test]
fn machines_have_a_description_and_a_folder_name() {
    let mut machine = Machine::named("Intel(R) Xeon(R) Processor @ 2.60GHz");
    assert_eq!(machine.slug(), "intel-xeon-processor-2.60ghz");
    machine.cores = Some(2);
    assert_eq!(machine.slug(), "intel-xeon-processor-2.60ghz-2-cores");
    assert_eq!(machine.describe(), "Intel(R) Xeon(R) Processor @ 2.60GHz, 2 cores");
    assert_eq!(field("a\t: 1\nb : x y\n", "b").as_deref(), Some("x y"));
}

#[cfg(target_os = "linux")]
#[test]
fn local_machine_has_name_and_memory() {
    let machine = Machine::local().unwrap();
    assert!(!machine.name.is_empty() && machine.memory_gb.is_some_and(|gb| gb > 0.1), "{machine:?}");
}
