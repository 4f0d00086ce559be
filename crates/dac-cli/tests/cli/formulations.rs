//! Formulations of convolutions on a burn device: measured, saved, used by later runs.
#![cfg(feature = "flex")]

use dac::tokens::TokenFile;

use crate::support::Lab;

#[test]
fn measured_formulations_are_saved_and_used() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 9 * 512, &[0.5]);
    let autotune = "doctor --autotune --device flex --model tiny --chunk-seconds 0.05 --json";
    let record = lab.dac(autotune).expect(0).records().remove(0);
    assert_eq!((&record["device"], &record["kernels_saved"]), (&"flex".into(), &false.into()));
    let measured = record["formulations"].as_array().unwrap();
    let wide =
        measured.iter().find(|c| c["taps"] == 7 && c["dilation"] == 3 && c["in_channels"] == 64).unwrap();
    let candidates = wide["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 6, "{wide}");
    for candidate in candidates {
        let error = candidate["error"].as_f64().unwrap();
        assert!(error > 0.0 && error < 1e-3 && candidate["seconds"].as_f64().unwrap() > 0.0, "{wide}");
    }
    assert!(candidates.iter().any(|candidate| candidate["formulation"] == wide["best"]), "{wide}");

    let saved = lab.path("home/dac/autotune/formulations-flex-flex-f32.json");
    assert_eq!(record["formulations_file"].as_str(), saved.to_str());
    // The file decides: with other formulations, other last bits of the latents come out.
    let latents = |folder: &str| {
        let encode =
            format!("encode a.wav --output {folder} --model tiny --device flex --save codes,latents");
        lab.dac(&encode).expect(0);
        TokenFile::read(&lab.path(&format!("{folder}/a.safetensors"))).unwrap().latents.unwrap()
    };
    let text = std::fs::read_to_string(&saved).unwrap();
    let with_best = |best: &str| {
        let lines = text.lines().map(|line| match line.split_once("\"best\": ") {
            Some((indent, _)) => format!("{indent}\"best\": \"{best}\","),
            None => line.to_owned(),
        });
        std::fs::write(&saved, lines.collect::<Vec<_>>().join("\n")).unwrap();
    };
    with_best("conv");
    let conv = latents("conv");
    with_best("winograd-6");
    assert_ne!(latents("winograd"), conv);
    with_best("no such formulation");
    let ignored = latents("ignored");
    std::fs::remove_file(&saved).unwrap();
    assert_eq!(latents("none"), ignored);
}

#[test]
fn a_formulation_can_be_chosen_on_burn_devices() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 9 * 512, &[0.5]);
    let encode = "encode a.wav --output out --model tiny --formulation";
    lab.dac(&format!("{encode} winograd-4 --device flex")).expect(0);
    lab.dac(&format!("{encode} shifted")).expect(2).says("--formulation applies only to burn devices");
    lab.dac(&format!("{encode} fft")).expect(2).says("winograd-6, or auto");
    let bench =
        "bench --model tiny --seconds 0.1 --runs 1 --chunk-seconds 0.05 --layers --device flex --json";
    let record = lab.dac(bench).expect(0).records().remove(0);
    assert!(record["layers"].is_null() && record["formulations"].as_array().unwrap().len() > 20, "{record}");
}
