//! Results of the kit that `cargo xtask gpu` builds, as records of a run.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Record, Timing};

/// `results.json` of the kit.
#[derive(Debug, Deserialize)]
pub struct Results {
    /// Commit that the kit was built from.
    pub commit: String,
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
struct Step {
    command: String,
    #[serde(default)]
    records: Vec<Value>,
}

/// Record of `torch_bench.py`.
#[derive(Debug, Deserialize)]
struct TorchRecord {
    torch: String,
    mode: String,
    audio_seconds: f64,
    encode: f64,
    decode: f64,
    peak_mb: Option<f64>,
}

impl Results {
    /// Returns the measurements of the program and of PyTorch, with the commands that made them.
    pub fn records(&self) -> Vec<(String, Record)> {
        let all = self.steps.iter().flat_map(|step| step.records.iter().map(move |record| (step, record)));
        let records = all.filter_map(|(step, record)| {
            let ours = serde_json::from_value(record.clone()).ok();
            let record = ours.or_else(|| torch_record(serde_json::from_value(record.clone()).ok()?))?;
            Some((step.command.clone(), record))
        });
        records.collect()
    }
}

/// PyTorch in the form of a record; its peak is memory of the GPU.
fn torch_record(found: TorchRecord) -> Option<Record> {
    let timing =
        |wall_seconds_median: f64| Timing { wall_seconds_median, cpu_seconds_median: None, rest: Map::new() };
    (found.encode > 0.0 && found.decode > 0.0).then(|| Record {
        model: "44khz".to_owned(),
        device: format!("PyTorch {}, {}", found.torch, found.mode),
        threads: 1,
        cpu_level: None,
        audio_seconds: found.audio_seconds,
        encode: timing(found.encode),
        decode: timing(found.decode),
        peak_rss_mb: found.peak_mb,
        rest: Map::new(),
    })
}
