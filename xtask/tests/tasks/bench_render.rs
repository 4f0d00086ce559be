//! The rendered page of benchmarks.

use xtask::bench::machine::Machine;
use xtask::bench::peers::{Seconds, Side};
use xtask::bench::render::{direct_convolution, page, sides};
use xtask::bench::store::{Kind, Run};

use crate::bench::LINE;

fn side(name: &str, threads: usize, seconds: f64) -> Side {
    let each = Seconds { wall: vec![seconds], cpu: vec![seconds] };
    Side {
        name: name.to_owned(),
        version: "1".to_owned(),
        model: "44khz".to_owned(),
        audio_seconds: 10.0,
        threads,
        encode: each.clone(),
        decode: each,
        peak_rss_mb: vec![600.0],
        equal_codes: 1.0,
        audio_snr_db: 100.0,
        ..Side::default()
    }
}

#[test]
fn ratios_compare_with_our_side_with_the_same_threads() {
    let table =
        sides(&[side("dac", 1, 2.0), side("other", 1, 8.0), side("dac", 2, 1.0), side("other", 2, 5.0)]);
    let rows: Vec<&str> = table.lines().collect();
    assert!(rows[2].contains("2.00 | 2.00 | 1.00 ×"), "{}", rows[2]);
    assert!(rows[3].contains("8.00 | 8.00 | 4.00 ×") && rows[5].contains("5.00 ×"), "{table}");
    assert!(table.contains("with 2 threads instead of 1: encode 2.00 ×, decode 2.00 ×"), "{table}");
}

#[test]
fn our_time_is_compared_with_direct_convolution() {
    let mut ours = side("dac", 1, 2.0);
    assert_eq!(direct_convolution(&ours), "");
    ours.fma_peak_gflops = Some(100.0);
    assert!(
        direct_convolution(&ours)
            .contains("would take 6.12 s and 13.86 s; we encode in 0.33 and decode in 0.14"),
        "{}",
        direct_convolution(&ours)
    );
    ours.model = "tiny".to_owned();
    assert_eq!(direct_convolution(&ours), "");
}

#[test]
fn page_shows_the_newest_run_of_a_kind_and_lists_all() {
    let mut new = Run::new(Kind::Bench, Machine::named("box")).unwrap();
    new.records.push(serde_json::from_str(LINE).unwrap());
    let old = Run { date: "2020-01-01".to_owned(), ..new.clone() };
    let page = page(&[("b.json".to_owned(), new), ("a.json".to_owned(), old)]);
    assert_eq!(page.matches("## box: models and devices").count(), 1);
    assert_eq!((page.matches("a.json").count(), page.matches("b.json").count()), (2, 4));
    assert!(
        page.contains("| 44khz | 10.0 | cpu (avx512) | 1 | 1.50 | 1.40 | 6.67 | 2.50 | – | 4.00 | 640 |"),
        "{page}"
    );
}
