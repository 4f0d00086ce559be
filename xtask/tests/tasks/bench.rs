//! Records of `dac bench --json`.

use xtask::bench::gpu_kit::Results;
use xtask::bench::{median, parse};

pub(crate) const LINE: &str = r#"{"model":"44khz","weights":"random","device":"cpu","precision":"f32",
    "threads":1,"cpu_level":"avx512","debug_build":false,"audio_seconds":10.0,"runs":3,"load_seconds":1.2,
    "encode":{"wall_seconds_median":1.5,"cpu_seconds_median":1.4,"real_time_factor":6.7},
    "decode":{"wall_seconds_median":2.5,"cpu_seconds_median":null,"wall_seconds":[2.5]},
    "peak_rss_mb":640.5}"#;

#[test]
fn records_are_stored_unchanged() {
    let record = parse(LINE).unwrap();
    assert_eq!((record.threads, record.decode.wall_seconds_median), (1, 2.5));
    let stored: serde_json::Value = serde_json::to_value(&record).unwrap();
    assert_eq!(stored, serde_json::from_str::<serde_json::Value>(LINE).unwrap());
    assert!(parse("{}").is_err());
    assert!(parse(&LINE.replace("\"debug_build\":false", "\"debug_build\":true")).is_err());
}

#[test]
fn median_of_odd_even_and_no_values() {
    assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[1.0, 4.0])), (2.0, 2.5));
    assert!(median(&[]).is_nan());
}

#[test]
fn results_of_the_gpu_kit_become_records() {
    let ours = LINE.replace("\"precision\":\"f32\"", "\"precision\":\"f16\",\"batch\":16");
    let torch = r#"{"torch":"2.9.1","mode":"f16-compiled","device":"cuda","name":"H","audio_seconds":10.0,
        "encode":0.05,"decode":0.1,"peak_mb":900.5}"#;
    let text = format!(
        r#"{{"commit":"abc","machine":{{}},"seconds":9.5,"steps":[
            {{"name":"doctor","command":"dac doctor","records":[{{"devices":[]}}]}},
            {{"name":"skipped","command":"dac bench","skipped":"no time left"}},
            {{"name":"f16","command":"dac bench --batch 16","seconds":2.5,"records":[{ours}]}},
            {{"name":"PyTorch","command":"torch_bench.py","records":[{torch}]}}]}}"#
    );
    let results: Results = serde_json::from_str(&text).unwrap();
    assert_eq!(results.commit, "abc");
    let records = results.records();
    let shown: Vec<_> = records.iter().map(|(command, r)| (command.as_str(), r.device_text())).collect();
    assert_eq!(
        shown,
        [
            ("dac bench --batch 16", "cpu (avx512), f16, batch of 16".to_owned()),
            ("torch_bench.py", "PyTorch 2.9.1, f16-compiled".to_owned()),
        ]
    );
    assert_eq!((records[0].1.batch(), records[1].1.batch()), (16, 1));
    assert_eq!(records[1].1.decode.wall_seconds_median, 0.1);
    assert_eq!(records[1].1.peak_rss_mb, Some(900.5));
}
