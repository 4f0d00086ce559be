//! Encodes and decodes compared with the reference, on every device of this build.

use crate::common::{Corrupted, Expected, check_case, checkpoint, codec, devices};
use dac_model::{Codec, CodecOptions};
use dac_nn::{Device, Formulation};

const FOLDERS: [&str; 4] = ["44khz", "44khz-16kbps", "24khz", "16khz"];

#[test]
fn encodes_and_decodes_equal_the_reference() {
    for folder in FOLDERS {
        let expected = Expected::read(folder);
        for device in devices() {
            let codec = codec(folder, device);
            for case in ["whole", "odd", "one", "pair"] {
                check_case(&codec, &expected, case)
                    .unwrap_or_else(|e| panic!("{folder}, {device}, {case}: {e}"));
            }
        }
    }
}

#[test]
fn a_weight_changed_by_one_percent_is_detected() {
    let expected = Expected::read("44khz");
    for name in [
        "encoder.block.0.weight",
        "encoder.block.2.block.1.block.1.weight",
        "encoder.block.6.weight",
        "quantizer.quantizers.0.out_proj.weight",
        "decoder.model.0.weight",
        "decoder.model.2.block.1.weight",
        "decoder.model.4.block.4.block.3.weight",
        "decoder.model.6.weight",
    ] {
        let inner = checkpoint("44khz");
        let shape = inner.shape().clone();
        let mut weights = Corrupted { inner, name: name.to_owned() };
        let codec = Codec::load(&shape, &mut weights, CodecOptions::on(Device::Cpu)).unwrap();
        assert!(
            check_case(&codec, &expected, "whole").is_err(),
            "{name} was changed, but the comparison passed"
        );
    }
}

#[cfg(feature = "burn")]
#[test]
fn every_layer_equals_the_reference() {
    for device in devices().into_iter().filter(|d| *d != Device::Cpu) {
        for folder in ["44khz", "24khz"] {
            for formulation in Formulation::ALL {
                crate::layers::check(folder, device, formulation);
            }
        }
    }
}

#[test]
fn a_batch_equals_its_items_encoded_separately() {
    let expected = Expected::read("16khz");
    for device in devices() {
        let codec = codec("16khz", device);
        let pair = expected.array("pair.input");
        let together = codec.encode(&pair, None).unwrap();
        for item in 0..2 {
            let single = codec.encode(&dac_rvq::Array3::mono(pair.item(item).to_vec()), None).unwrap();
            assert_eq!(single.codes.to_rows(0), together.codes.to_rows(item), "{device}");
        }
    }
}
