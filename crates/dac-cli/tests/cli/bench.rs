//! `dac bench`: records and tables.

use crate::support::Lab;

#[test]
fn the_record_contains_all_timings() {
    let lab = Lab::new();
    let run = lab.dac("bench --model tiny --seconds 0.2 --runs 2 --threads 1 --json").expect(0);
    let records = run.records();
    assert_eq!(records.len(), 1);
    let record = &records[0];
    for part in ["encode", "decode"] {
        let timing = &record[part];
        let wall = timing["wall_seconds_median"].as_f64().unwrap();
        assert!(wall > 0.0 && timing["wall_seconds"].as_array().unwrap().len() == 2);
        let factor = timing["real_time_factor"].as_f64().unwrap();
        assert!((factor * wall - 0.2).abs() < 1e-6, "{factor} {wall}");
        if cfg!(unix) {
            assert!(timing["cpu_seconds_median"].as_f64().unwrap() > 0.0);
        }
    }
    assert_eq!((&record["model"], &record["device"]), (&"tiny".into(), &"cpu".into()));
    assert_eq!((&record["threads"], &record["runs"]), (&1.into(), &2.into()));
    assert!(record["cpu_level"].is_string());
    assert!(record["fma_peak_gflops"].as_f64().unwrap() > 0.0);
    assert!(record["layers"].is_null());
    if cfg!(target_os = "linux") {
        assert!(record["peak_rss_mb"].as_f64().unwrap() > 1.0);
    }
}

#[test]
fn random_weights_need_no_file() {
    let lab = Lab::new();
    let run = lab.dac("bench --model tiny --random-weights --seconds 0.1 --runs 1").expect(0);
    assert!(run.stdout.contains("random") && run.stdout.contains("decode"), "{}", run.stdout);
}

#[test]
fn layers_have_a_time_a_share_and_a_percentage_of_the_peak() {
    let lab = Lab::new();
    let line = "bench --model tiny --seconds 0.5 --runs 1 --threads 1 --layers";
    let record = lab.dac(&format!("{line} --json")).expect(0).records().remove(0);
    let layers = record["layers"].as_array().unwrap();
    let number = |layer: &serde_json::Value, key: &str| layer[key].as_f64().unwrap();
    let peak = number(&record, "fma_peak_gflops");
    for (part, first, fused, last) in [
        ("encoder", "encoder.block.0", "encoder.block.1.block.3 + encoder.block.1.block.4", "quantizer"),
        ("decoder", "quantizer", "decoder.model.1.block.0 + decoder.model.1.block.1", "decoder.model.7"),
    ] {
        let layers: Vec<_> = layers.iter().filter(|layer| layer["part"] == part).collect();
        let name = |layer: &serde_json::Value| layer["layer"].as_str().unwrap().to_owned();
        assert_eq!(name(layers[0]), first);
        assert!(name(layers[layers.len() - 1]).ends_with(last), "{:?}", layers.last());
        assert!(layers.iter().any(|layer| name(layer) == fused), "{layers:?}");
        let share: f64 = layers.iter().map(|layer| number(layer, "share")).sum();
        assert!((share - 1.0).abs() < 1e-9, "{part}: {share}");
        for layer in layers {
            assert!(number(layer, "seconds") > 0.0, "{layer}");
            let gmac = number(layer, "gmac");
            if gmac == 0.0 {
                assert!(layer["percent_of_peak"].is_null(), "{layer}");
                continue;
            }
            let expected = 100.0 * 2.0 * gmac / peak / number(layer, "seconds");
            assert!((number(layer, "percent_of_peak") / expected - 1.0).abs() < 1e-9, "{layer}");
        }
    }
    let text = lab.dac(line).expect(0).stdout;
    for found in ["% peak", "encoder.block.0 ", "quantizer ", "all "] {
        assert!(text.contains(found), "{found}: {text}");
    }
}

#[test]
fn layers_require_one_thread_of_the_engine() {
    let lab = Lab::new();
    for (options, expected) in
        [("--threads 2", "--threads 1"), ("--threads 1 --chunk overlap", "--chunk overlap")]
    {
        let run = lab.dac(&format!("bench --model tiny --seconds 0.1 --runs 1 --layers {options}")).expect(2);
        assert!(run.stderr.contains(expected) && run.stdout.is_empty(), "{options}: {}", run.stderr);
    }
}

#[test]
fn streaming_compares_blocks_and_a_group_with_the_whole_signal() {
    let lab = Lab::new();
    let line = "bench --model tiny --seconds 0.5 --runs 1 --threads 1 --streaming";
    let record = lab.dac(&format!("{line} --json")).expect(0).records().remove(0);
    for (part, look_ahead_ms) in [("encode", 4244.0 / 44.1), ("decode", 5120.0 / 44.1)] {
        let part = &record[part];
        assert!(
            part["whole_cpu_seconds"].as_f64().unwrap() > 0.0 && part["memory_floor"].as_f64().unwrap() > 0.0
        );
        let streams = part["streams"].as_array().unwrap();
        let sizes: Vec<_> =
            streams.iter().map(|s| (s["streams"].as_u64(), s["block_frames"].as_u64())).collect();
        let blocks = [(1, 1), (1, 2), (1, 4), (1, 8), (1, 16), (1, 32), (16, 4)];
        assert_eq!(sizes, blocks.map(|(streams, frames)| (Some(streams), Some(frames))));
        for stream in streams {
            let number = |key: &str| stream[key].as_f64().unwrap();
            let expected = look_ahead_ms + (number("block_frames") - 1.0) * 512.0 / 44.1;
            assert!((number("latency_ms") - expected).abs() < 0.1, "{stream}");
            assert!(number("relative_cost") > 0.0 && number("block_cpu_ms") > 0.0, "{stream}");
        }
    }
    let text = lab.dac(line).expect(0).stdout;
    assert!(text.contains("group 16") && text.contains("reading the weights"), "{text}");
    let run = lab.dac(&format!("{line} --device flex")).expect(2);
    assert!(run.stderr.contains("--device cpu"), "{}", run.stderr);
}
