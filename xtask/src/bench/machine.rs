//! Description of the machine that a run was made on.

use anyhow::Error;
use serde::{Deserialize, Serialize};

/// Properties of a machine that measurements depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Model name of the processor, or a description of the machine.
    pub name: String,
    pub cores: Option<usize>,
    pub memory_gb: Option<f64>,
    pub os: Option<String>,
    /// Load average of the last minute; if it exceeds the number of cores, wall times are unreliable.
    pub load: Option<f64>,
}

impl Machine {
    pub fn local() -> Result<Self, Error> {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let processor = read("/proc/cpuinfo");
        let name = field(&processor, "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
        let memory_kb = field(&read("/proc/meminfo"), "MemTotal");
        let memory_kb = memory_kb.and_then(|text| text.trim_end_matches("kB").trim().parse::<f64>().ok());
        let system = read("/etc/os-release");
        let os = system.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
        let os = os.map_or(std::env::consts::OS, |name| name.trim_matches('"'));
        Ok(Self {
            name,
            cores: Some(std::thread::available_parallelism()?.get()),
            memory_gb: memory_kb.map(|kb| (kb * 1024.0 / 1e8).round() / 10.0),
            os: Some(os.to_owned()),
            load: read("/proc/loadavg").split(' ').next().and_then(|text| text.parse().ok()),
        })
    }

    /// Describes another machine in words.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), cores: None, memory_gb: None, os: None, load: None }
    }

    pub fn slug(&self) -> String {
        let mut slug = String::new();
        for c in self.name.to_lowercase().replace("(r)", "").replace("(tm)", "").chars() {
            if c.is_ascii_alphanumeric() || c == '.' {
                slug.push(c);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        let slug = slug.trim_end_matches('-').to_owned();
        self.cores.map_or(slug.clone(), |cores| format!("{slug}-{cores}-cores"))
    }

    /// Describes the machine in one line.
    pub fn describe(&self) -> String {
        let mut text = self.name.clone();
        text += &self.cores.map_or_else(String::new, |cores| format!(", {cores} cores"));
        text += &self.memory_gb.map_or_else(String::new, |gb| format!(", {gb} GB"));
        text += &self.os.as_ref().map_or_else(String::new, |os| format!(", {os}"));
        text + &self.load.map_or_else(String::new, |load| format!(", load average {load}"))
    }
}

/// Returns VALUE of the first line `NAME : VALUE`.
pub fn field(text: &str, name: &str) -> Option<String> {
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
}
