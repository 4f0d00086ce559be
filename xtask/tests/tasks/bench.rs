//! Records of `dac bench --json`.

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
