//! Measurements of other implementations.

use xtask::bench::peers::{PeerRecord, Seconds};

#[test]
fn medians_are_of_wall_and_cpu_seconds() {
    let seconds = Seconds { wall: vec![3.0, 1.0, 2.0], cpu: vec![0.5, 0.7, 0.6] };
    assert_eq!(seconds.medians(), (2.0, 0.6));
}

#[test]
fn output_of_measure_py_is_read() {
    let line = r#"{"version": "PyTorch 2", "encode": {"wall_seconds": 1.5, "cpu_seconds": 1.4},
        "decode": {"wall_seconds": 3, "cpu_seconds": 2}, "peak_rss_mb": 1800.5, "malloc": ""}"#;
    let record: PeerRecord = serde_json::from_str(line).unwrap();
    assert_eq!(
        (record.encode.cpu_seconds, record.decode.wall_seconds, record.peak_rss_mb),
        (1.4, 3.0, 1800.5)
    );
}
