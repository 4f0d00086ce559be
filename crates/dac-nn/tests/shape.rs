//! Parameters, lengths, contexts and memory estimates of network shapes.

use dac_nn::memory::{decode_bytes, device_parameter_bytes, encode_bytes, parameter_bytes};
use dac_nn::{Formulation, Formulations, Geometry, NetworkShape};

fn full_44khz() -> NetworkShape {
    NetworkShape {
        sample_rate_hz: 44100,
        encoder_dim: 64,
        encoder_rates: vec![2, 4, 8, 8],
        latent_dim: 1024,
        decoder_dim: 1536,
        decoder_rates: vec![8, 8, 4, 2],
        codebooks: 9,
        codebook_size: 1024,
        codebook_dim: 8,
    }
}

#[test]
fn the_44khz_model_has_the_published_number_of_keys_and_parameters() {
    let shape = full_44khz();
    shape.check().unwrap();
    let parameters = shape.parameters();
    assert_eq!(parameters.len(), 223);
    let count: usize = parameters.iter().map(|(_, s)| s.iter().product::<usize>()).sum();
    assert_eq!((count as f64 / 1e4).round(), 7662.0);
    assert_eq!(shape.bitrate_kbps(9), 7.75);
}

#[test]
fn check_reports_the_invalid_dimension() {
    let mut shape = full_44khz();
    shape.decoder_dim = 1500;
    assert_eq!(shape.check().unwrap_err().what, "decoder_dim");
    let mut shape = full_44khz();
    shape.encoder_rates = vec![2, 4, 8];
    assert_eq!(shape.check().unwrap_err().what, "decoder_rates");
    let mut shape = full_44khz();
    shape.codebook_size = 1 << 20;
    assert!(shape.check().is_err());
}

fn shape(rate_hz: u32, rates: &[usize]) -> NetworkShape {
    NetworkShape {
        sample_rate_hz: rate_hz,
        encoder_dim: 8,
        encoder_rates: rates.to_vec(),
        latent_dim: 32,
        decoder_dim: 128,
        decoder_rates: rates.iter().rev().copied().collect(),
        codebooks: 4,
        codebook_size: 64,
        codebook_dim: 8,
    }
}

#[test]
fn contexts_and_latencies_equal_measured_values() {
    let g = Geometry::new(&shape(44100, &[2, 4, 8, 8]));
    assert_eq!((g.hop_samples, g.shortfall_samples), (512, 0));
    assert_eq!((g.encoder_left_samples, g.encoder_right_samples), (3733, 4244));
    assert_eq!(g.decoder_context_frames(), (10, 10));
    assert_eq!(g.encoder_context_frames(), (8, 8));
    assert_eq!((g.sample_latency_samples, g.latency_samples()), (9001, 9364));

    let g = Geometry::new(&shape(24000, &[2, 4, 5, 8]));
    assert_eq!((g.hop_samples, g.shortfall_samples), (320, 8));
    assert_eq!((g.encoder_left_samples, g.encoder_right_samples), (2501, 2812));
    assert_eq!(g.sample_latency_samples, 5953);
}

#[test]
fn every_sample_count_rounds_up_to_whole_frames() {
    let g = Geometry::new(&shape(24000, &[2, 4, 5, 8]));
    assert_eq!(g.frames_for_samples(0), 0);
    assert_eq!(g.samples_for_frames(0), 0);
    for samples in 1..=3 * g.hop_samples + 1 {
        let frames = g.frames_for_samples(samples);
        assert!(frames * g.hop_samples >= samples && (frames - 1) * g.hop_samples < samples);
        assert_eq!(g.samples_for_frames(frames), frames * 320 - 8);
    }
}

#[test]
fn residual_units_at_the_audio_rate_need_the_most_memory() {
    let shape = full_44khz();
    let samples = 100 * 512;
    // The first term is the activations of that unit; the transfers add little.
    for (formulation, copies) in
        [(Formulation::Conv, 3), (Formulation::Shifted, 4), (Formulation::Unfolded, 10)]
    {
        let all = Formulations::all(formulation);
        let (decode, encode) = (decode_bytes(&shape, &all, 100), encode_bytes(&shape, &all, 100));
        assert_eq!(decode, 4 * (copies * 96 + 2) * samples + 8 * 1024 * 100);
        assert_eq!(encode, 4 * (copies * 64 + 2) * samples + 8 * (1024 + 9 * 9) * 100);
        assert_eq!(device_parameter_bytes(&shape, &all), parameter_bytes(&shape));
    }
}

#[test]
fn parameters_of_the_44khz_model_take_306_mb() {
    // 76.65 million parameters.
    assert_eq!(parameter_bytes(&full_44khz()) / 1_000_000, 306);
}
