//! `dac bench`: the fields that other programs read.

use crate::support::Lab;

#[test]
fn the_record_has_its_fields() {
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
