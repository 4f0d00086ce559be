//! Features of the built binary.

use xtask::binary::features;

#[test]
fn each_device_adds_its_feature_once() {
    let names = |devices: &[&str]| features(&devices.iter().map(|d| (*d).to_owned()).collect::<Vec<_>>());
    assert_eq!(names(&["cpu", "flex"]), [""; 0]);
    assert_eq!(names(&["wgpu:0", "cpu", "wgpu:1", "ndarray"]), ["wgpu", "ndarray"]);
}
