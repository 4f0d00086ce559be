//! `--precision`: bf16 on processors that support it, errors elsewhere.

use crate::external_tools::is_available;
use crate::support::{Lab, largest_difference};

/// Encodes and decodes with the given options. Returns token file and audio.
fn audio(lab: &Lab, folder: &str, options: &str, variables: &[(&str, &str)]) -> (Vec<u8>, Vec<f32>) {
    lab.dac_with(&format!("encode in.wav --output {folder} --model tiny {options}"), variables).expect(0);
    let decode = format!("decode f32/in.safetensors --output {folder} --sample-format f32 {options}");
    lab.dac_with(&decode, variables).expect(0);
    (lab.read(&format!("{folder}/in.safetensors")), lab.wave_of(&format!("{folder}/in.wav")).floats())
}

fn snr_db(found: &[f32], expected: &[f32]) -> f64 {
    let square = |v: f32| f64::from(v) * f64::from(v);
    let error: f64 = found.iter().zip(expected).map(|(a, b)| square(a - b)).sum();
    10.0 * (expected.iter().map(|&v| square(v)).sum::<f64>() / error).log10()
}

/// Compares bf16 with f32, and one thread with three.
fn check_bf16(level: &str) {
    let lab = Lab::new();
    lab.wav("in.wav", 44100, 30_000, &[0.5]);
    let level = [("DAC_CPU", level)];
    let (_, plain) = audio(&lab, "f32", "", &level);
    let (codes, one) = audio(&lab, "one", "--precision bf16 --threads 1", &level);
    let (codes_3, three) = audio(&lab, "three", "--precision bf16 --threads 3", &level);
    assert!(codes == codes_3 && one == three, "bf16 depends on the threads");
    let (difference, snr) = (largest_difference(&one, &plain), snr_db(&one, &plain));
    assert!(difference > 1e-6, "bf16 equals f32");
    assert!(snr > 30.0, "SNR {snr:.1} dB, largest difference {difference:.1e}");
}

#[test]
fn bf16_is_close_to_f32_and_independent_of_threads() {
    #[cfg(target_arch = "x86_64")]
    let found = is_x86_feature_detected!("avx512bf16") && is_x86_feature_detected!("avx512vl");
    #[cfg(not(target_arch = "x86_64"))]
    let found = false;
    if is_available("avx512_bf16", found) {
        check_bf16("avx512");
    }
}

#[test]
fn portable_kernels_support_bf16() {
    check_bf16("portable");
}

#[test]
fn an_unsupported_precision_is_a_usage_error() {
    let lab = Lab::new();
    lab.wav("in.wav", 44100, 600, &[0.5]);
    lab.dac("encode in.wav --output t --model tiny --precision f16").expect(2).says("f16 is not available");
    lab.dac("encode in.wav --output t --model tiny --device flex --precision bf16").expect(2).says("flex");
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        let run =
            lab.dac_with("encode in.wav --output t --model tiny --precision bf16", &[("DAC_CPU", "avx2")]);
        run.expect(2).says("AVX512_BF16");
    }
    assert!(lab.names("t").is_empty());
}
