//! Predicted lengths compared with the network's outputs, and rejected inputs, for the rates and codebooks of
//! every preset.

mod common;

use dac_model::{Codec, CodecError, CodecOptions, Preset, RandomWeights};
use dac_nn::{Device, Padding, memory};
use dac_rvq::{Array3, Codes, CodesError};

use common::narrow;

fn devices() -> Vec<Device> {
    Device::compiled().into_iter().filter(|d| matches!(d, Device::Cpu | Device::Flex)).collect()
}

#[test]
fn geometry_predicts_the_lengths_of_outputs() {
    for preset in Preset::ALL {
        for device in devices() {
            let codec = narrow(preset, CodecOptions::on(device));
            let geometry = *codec.geometry();
            let hop = geometry.hop_samples;
            for samples in [1, 2, hop - 1, hop, hop + 1, 2 * hop, 3 * hop + 7, 9 * hop + 1] {
                let signal = (0..samples).map(|i| (i as f32 * 0.1).sin()).collect();
                let encoded = codec.encode(&Array3::mono(signal), None).unwrap();
                let frames = geometry.frames_for_samples(samples);
                assert_eq!(encoded.codes.shape(), [1, codec.shape().codebooks, frames], "{preset}, {device}");
                assert_eq!(encoded.z.shape(), [1, codec.shape().latent_dim, frames]);
                assert_eq!(encoded.latents.shape(), [1, codec.shape().codebooks * 8, frames]);
                let audio = codec.decode_codes(&encoded.codes).unwrap();
                assert_eq!(audio.shape(), [1, 1, geometry.samples_for_frames(frames)], "{preset}, {device}");
            }
        }
    }
}

#[test]
fn empty_and_misshaped_inputs_are_rejected() {
    for device in devices() {
        let codec = narrow(Preset::Khz24, CodecOptions::on(device));
        let empty = codec.encode(&Array3::mono(vec![]), None).unwrap_err();
        assert!(matches!(empty, CodecError::Empty { .. }), "{empty}");
        let stereo = Array3::new(vec![0.0; 8], [1, 2, 4]).unwrap();
        assert!(matches!(codec.encode(&stereo, None), Err(CodecError::Input { .. })));
        let audio = Array3::mono(vec![0.1; 400]);
        for requested in [0, 33] {
            let error = codec.encode(&audio, Some(requested)).unwrap_err();
            assert!(matches!(error, CodecError::Codes(CodesError::CodebookCount { .. })), "{error}");
        }
        let mut codes = codec.encode(&audio, None).unwrap().codes;
        codes = Codes::new(codes.as_slice().iter().map(|c| c + 64).collect(), codes.shape()).unwrap();
        assert!(matches!(codec.decode_codes(&codes), Err(CodecError::Codes(_))));
        let z = Array3::new(vec![0.0; 8], [1, 8, 1]).unwrap();
        assert!(matches!(codec.decode(&z), Err(CodecError::Input { .. })));
        let infinite = codec.encode(&Array3::mono(vec![f32::INFINITY; 400]), None).unwrap_err();
        assert!(matches!(infinite, CodecError::NonFinite { .. }), "{infinite}");
    }
}

#[test]
fn unpadded_decodes_are_equal_on_every_device() {
    for preset in Preset::ALL {
        let mut expected: Option<Vec<f32>> = None;
        for device in devices() {
            let codec = narrow(preset, CodecOptions::on(device));
            let layers = codec.shape().decoder();
            let samples = |frames| layers.iter().try_fold(frames, |n, layer| layer.unpadded_len(n));
            let smallest = (1..).find(|&frames| samples(frames).is_some()).unwrap();
            let codes = |frames: usize| {
                let codes = (0..frames * 2).map(|i| (i * 29 % 64) as u16).collect();
                Codes::new(codes, [1, 2, frames]).unwrap()
            };
            let error = codec.decode_codes_unpadded(&codes(smallest - 1)).unwrap_err();
            assert!(matches!(error, CodecError::Input { .. }), "{preset}, {device}: {error}");
            for frames in [smallest, smallest + 1, smallest + 11] {
                let audio = codec.decode_codes_unpadded(&codes(frames)).unwrap().into_vec();
                assert_eq!(Some(audio.len()), samples(frames), "{preset}, {device}, {frames} frames");
                if let Some(mut stream) = codec.engine_decoder(Padding::None) {
                    for _ in 0..2 {
                        let mut pushed = Vec::new();
                        for rows in codes(frames).to_rows(0).chunks(6) {
                            stream.push_codes(rows, 2, &mut pushed).unwrap();
                        }
                        stream.finish(&mut pushed).unwrap();
                        assert_eq!(
                            pushed, audio,
                            "{preset}, {frames} frames: pushed and whole decodes differ"
                        );
                    }
                }
                if frames == smallest + 11 {
                    let expected = expected.get_or_insert_with(|| audio.clone());
                    let differences = audio.iter().zip(&*expected).map(|(a, b)| (a - b).abs());
                    let worst = differences.fold(0.0, f32::max);
                    assert!(worst < 5e-5, "{preset}, {device}: {worst}");
                }
            }
        }
    }
}

#[test]
fn latents_with_a_nan_are_rejected() {
    for device in devices() {
        let codec = narrow(Preset::Khz16, CodecOptions::on(device));
        let latents = codec.encode(&Array3::mono(vec![0.1; 700]), None).unwrap().latents;
        assert!(codec.latents_to_codes(&latents).is_ok());
        let (mut values, shape) = (latents.as_slice().to_vec(), latents.shape());
        values[3] = f32::NAN;
        let error = codec.latents_to_codes(&Array3::new(values, shape).unwrap()).unwrap_err();
        assert!(matches!(error, CodecError::NonFinite { position: 3, .. }), "{error}");
    }
}

#[test]
fn inputs_beyond_the_memory_budget_are_rejected() {
    let Some(device) = devices().into_iter().find(|&device| device != Device::Cpu) else { return };
    let unlimited = narrow(Preset::Khz24, CodecOptions::on(device));
    let (shape, hop) = (unlimited.shape().clone(), unlimited.geometry().hop_samples);
    let load_with_budget = |budget_bytes| {
        let mut options = CodecOptions::on(device);
        options.memory_budget_bytes = Some(budget_bytes);
        Codec::load(&shape, &mut RandomWeights::new(shape.clone(), 1), options)
    };
    let frames = 40;
    let formulations = unlimited.options().device_formulations();
    let bytes = memory::encode_bytes(&shape, &formulations, frames);
    let bytes = bytes.max(memory::decode_bytes(&shape, &formulations, frames));
    let codec = load_with_budget(memory::parameter_bytes(&shape) + bytes).unwrap();
    let encode = |frames: usize| codec.encode(&Array3::mono(vec![0.1; frames * hop]), None);
    let codes = encode(frames).unwrap().codes;
    assert!(codec.decode_codes(&codes).is_ok());
    let pair = Codes::stack_channels(&[codes.clone(), codes]).unwrap();
    for result in [encode(3 * frames).map(drop), codec.decode_codes(&pair).map(drop)] {
        assert!(matches!(result, Err(CodecError::MemoryBudget { .. })), "{result:?}");
    }
    let error = load_with_budget(memory::parameter_bytes(&shape)).unwrap_err();
    assert!(error.to_string().contains("too small"), "{error}");
}

#[test]
fn engine_streams_reject_invalid_codes_and_codebooks() {
    let codec = narrow(Preset::Khz16, CodecOptions::on(Device::Cpu));
    assert!(codec.engine_encoder(12).is_some());
    assert!(codec.engine_encoder(0).is_none() && codec.engine_encoder(13).is_none());
    let mut stream = codec.engine_decoder(Padding::Zeros).unwrap();
    let mut out = Vec::new();
    for (codes, codebooks) in [(&[1; 12][..], 0), (&[1; 13], 13), (&[1; 13], 12), (&[64; 12], 12)] {
        assert!(stream.push_codes(codes, codebooks, &mut out).is_err(), "{codebooks} codebooks");
    }
    assert!(stream.push_z(&[0.1; 17], &mut out).is_err());
    stream.push_codes(&[63; 12], 12, &mut out).unwrap();
}

#[test]
fn the_decode_grid_is_a_multiple_of_every_tile() {
    for preset in Preset::ALL {
        assert_eq!(narrow(preset, CodecOptions::on(Device::Cpu)).decode_grid_frames(), 270, "{preset}");
    }
    let mut shape = Preset::Khz16.shape();
    (shape.encoder_dim, shape.decoder_dim, shape.latent_dim, shape.codebook_size) = (1, 16, 16, 64);
    (shape.encoder_rates, shape.decoder_rates) = (vec![3; 4], vec![3; 4]);
    let mut weights = RandomWeights::new(shape.clone(), 1);
    let codec = Codec::load(&shape, &mut weights, CodecOptions::on(Device::Cpu)).unwrap();
    // Tiles of 8 rows with a dilation of 9, at 81 rows per frame.
    assert_eq!(codec.decode_grid_frames() * 81 % 72, 0);
    assert_eq!(codec.decode_grid_frames() % 270, 0);
}
