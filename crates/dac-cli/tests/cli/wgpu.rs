//! The program on a GPU or on lavapipe, a software implementation of Vulkan.
#![allow(clippy::print_stderr, reason = "measurements are printed")]

use std::collections::BTreeSet;

use dac::tokens::TokenFile;
use dac::{Codes, Dac, Device};

use crate::external_tools::is_available;
use crate::support::{Lab, largest_difference};

/// Whether wgpu finds an adapter.
fn has_adapter() -> bool {
    is_available("lavapipe", Dac::load("tiny", Device::Wgpu(None)).is_ok())
}

#[test]
fn doctor_checks_every_wgpu_adapter() {
    if !has_adapter() {
        return;
    }
    let lab = Lab::new();
    let record = lab.dac("doctor --json").expect(0).records().remove(0);
    let devices = record["devices"].as_array().unwrap();
    for name in ["wgpu", "wgpu:0"] {
        let check = devices.iter().find(|check| check["device"] == name).unwrap();
        assert_eq!((&check["status"], &check["compared_with"]), (&"ok".into(), &"cpu".into()), "{check}");
        assert!(check["name"].as_str().is_some_and(|name| !name.is_empty()), "{check}");
    }
}

#[test]
fn chunked_results_on_wgpu_match_the_cpu() {
    if !has_adapter() {
        return;
    }
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 9 * 512 + 17, &[0.5]);
    lab.wav("b.wav", 44100, 40 * 512 - 100, &[0.4, 0.3]);
    let gpu = "--device wgpu --chunk-seconds 0.05";
    lab.dac("encode a.wav b.wav --output cpu --model tiny --channels keep").expect(0);
    let encode = format!("encode a.wav b.wav --output gpu --model tiny --channels keep {gpu}");
    assert_snakes_are_fused(&lab, &encode);
    for name in ["a", "b"] {
        let path = |folder| lab.path(&format!("{folder}/{name}.safetensors"));
        let codes = |folder| TokenFile::read(&path(folder)).unwrap().codes.unwrap();
        let differing = differing_frames(&codes("gpu"), &codes("cpu"));
        // Codes at nearly equal distances depend on rounding; tests of `dac-model` check the distances.
        assert!(differing.len() <= 1, "{name}: frames {differing:?}");
    }
    // 40 MB are enough for 13 MB of weights and several windows per batch.
    for (folder, extra) in [("one", ""), ("four", "--memory-budget 40M")] {
        let decode = format!("decode cpu/b.safetensors --output {folder} --sample-format f32 {gpu} {extra}");
        lab.dac(&decode).expect(0);
    }
    assert_snakes_are_fused(&lab, &format!("decode cpu/a.safetensors --output fused {gpu}"));

    lab.dac("decode cpu/b.safetensors --output whole --sample-format f32").expect(0);
    let wave = |folder| lab.wave_of(&format!("{folder}/b.wav")).floats();
    for folder in ["one", "four"] {
        assert!(largest_difference(&wave(folder), &wave("whole")) <= 1e-4, "{folder}");
    }
    lab.dac("decode cpu/b.safetensors --output none --model tiny --device wgpu --memory-budget 1M")
        .expect(2)
        .says("too small");
    lab.dac("decode cpu/b.safetensors --output none --model tiny --device wgpu:99")
        .expect(2)
        .says("'wgpu:99' was not found");
}

/// Channel and frame of each frame in which the codes differ.
fn differing_frames(a: &Codes, b: &Codes) -> BTreeSet<(usize, usize)> {
    assert_eq!(a.shape(), b.shape());
    let [_, codebooks, frames] = a.shape();
    let pairs = a.as_slice().iter().zip(b.as_slice()).enumerate();
    pairs.filter(|(_, (a, b))| a != b).map(|(i, _)| (i / frames / codebooks, i % frames)).collect()
}

/// Asserts that snake activations are fused kernels, according to burn's tables of executed kernels. burn's
/// search leaves a few of the first ones single.
fn assert_snakes_are_fused(lab: &Lab, arguments: &str) {
    let run = lab.dac_with(arguments, &[("BURN_FUSION_LOG", "full")]).expect(0);
    let (fused, single) = count_sines(&run.stderr);
    // The tiny model's encoder and decoder have 29 snakes each.
    assert!(fused > 0 && (fused + single) % 29 == 0, "{arguments}: {fused} fused snakes, {single} single");
    assert!(100 * single <= fused, "{arguments}: {single} not fused, next to {fused} that are");
}

/// Counts fused and separate sines in burn's tables of executed kernels.
fn count_sines(log: &str) -> (usize, usize) {
    let (mut fused, mut single, mut within) = (0, 0, false);
    // Other lines show what fusion tries.
    for line in log.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())) {
        if line.contains('▸') {
            within = !line.contains("un-fused");
        }
        match line.contains("Float::Sin") {
            true if within => fused += 1,
            true => single += 1,
            false => {}
        }
    }
    (fused, single)
}

#[cfg(feature = "autotune-cache")]
#[test]
fn autotuning_results_are_reused_by_the_next_process() {
    if !has_adapter() {
        return;
    }
    let lab = Lab::new();
    // Measuring formulations as well would take many minutes on lavapipe.
    let autotune =
        "doctor --autotune --formulation shifted --device wgpu --model tiny --chunk-seconds 0.05 --json";
    let searches = |log: &str| {
        let log_path = lab.path(log);
        let record = lab.dac_with(autotune, &[("CUBECL_DEBUG_LOG", log_path.to_str().unwrap())]).expect(0);
        let record = record.records().remove(0);
        assert_eq!(record["folder"].as_str(), lab.path("home/dac/autotune").to_str());
        let log = String::from_utf8(lab.read(log)).unwrap();
        eprintln!("{record}");
        log.matches("Fastest result").count()
    };
    let first = searches("first.log");
    assert!(first > 0);
    assert!(lab.names("home/dac/autotune").iter().any(|name| name.ends_with(".db")));
    assert_eq!(searches("second.log"), 0, "after {first} searches");
}
