//! Names of devices.

use dac_nn::Device;

#[test]
fn device_names_parse_to_the_device_they_print() {
    for name in ["cpu", "flex", "ndarray", "wgpu", "wgpu:1", "cuda:0"] {
        assert_eq!(name.parse::<Device>().unwrap().to_string(), name);
    }
    assert_eq!("cuda".parse(), Ok(Device::Cuda(0)));
    for name in ["", "gpu", "cpu:1", "wgpu:", "wgpu:x", "cuda:-1"] {
        assert!(name.parse::<Device>().is_err(), "{name}");
    }
}
