//! Formats the record as text.

use dac_batch::Status;

use super::devices::DeviceCheck;
use super::files::FileCheck;
use super::{CpuCheck, Record};

/// Formats the whole record, without a final line break.
pub(super) fn summary(record: &Record) -> String {
    let build = if record.debug_build { ", a debug build" } else { "" };
    let mut lines = vec![format!("dac {}{build}", record.version), cpu(&record.cpu), String::new()];
    lines.push(format!(
        "{:<18}{:<9}{:>11}{:>18}{:>10}  compared with",
        "device", "", "codes", "audio difference", "seconds"
    ));
    lines.extend(record.devices.iter().map(device));
    lines.push(String::new());
    let cache = &record.cache;
    lines.push(match (&cache.folder, &cache.error) {
        (_, Some(error)) => format!("cache: FAILED: {error}"),
        (Some(folder), None) => format!("cache: {folder}"),
        (None, None) => "cache: no directory; set DAC_HOME or HOME".to_owned(),
    });
    lines.extend(cache.files.iter().map(file));
    if cache.files.is_empty() {
        lines.push("  no files here or in other programs' caches; `dac download` fetches weights".to_owned());
    }
    lines.push(String::new());
    lines.push(match record.failed() {
        0 => "all checks passed".to_owned(),
        1 => "1 check FAILED".to_owned(),
        count => format!("{count} checks FAILED"),
    });
    lines.join("\n")
}

fn cpu(cpu: &CpuCheck) -> String {
    let used = match (&cpu.level, &cpu.error) {
        (_, Some(error)) => format!("FAILED: {error}"),
        (level, None) => format!("uses {}", level.as_deref().unwrap_or("-")),
    };
    let CpuCheck { architecture, levels, cores, threads, .. } = cpu;
    format!("cpu: {architecture} with {}; {used}; {cores} cores, {threads} threads", levels.join(", "))
}

fn status_text(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Skipped | Status::Planned | Status::Dropped => "-",
        Status::Error => "FAILED",
    }
}

fn device(check: &DeviceCheck) -> String {
    let name = match &check.cpu_level {
        Some(level) => format!("{} ({level})", check.device),
        None => check.device.clone(),
    };
    let mut line = format!("{name:<18}{:<9}", status_text(check.status));
    if let Some(seconds) = check.elapsed_seconds {
        let codes = match (check.codes, check.codes_different) {
            (Some(codes), Some(different)) => format!("{} of {codes}", codes.saturating_sub(different)),
            _ => "-".to_owned(),
        };
        let audio = check.audio_difference.map_or_else(|| "-".to_owned(), |value| format!("{value:.1e}"));
        let with = check.compared_with.unwrap_or("nothing (build without the embedded model)");
        line += &format!("{codes:>11}{audio:>18}{seconds:>10.2}  {with}");
    }
    if let Some(name) = &check.name {
        line += &format!("; {name}");
    }
    match &check.error {
        Some(error) if check.elapsed_seconds.is_some() => line + ": " + error,
        Some(error) => line + error,
        None => line,
    }
}

fn file(check: &FileCheck) -> String {
    let what = [check.model, check.source].into_iter().flatten().collect::<Vec<_>>().join(" by ");
    let what = if what.is_empty() { what } else { format!("{what}: ") };
    let result = check.error.as_ref().or(check.note.as_ref()).map_or("", String::as_str);
    format!("  {:<9}{}\n{:11}{what}{result}", status_text(check.status), check.path, "")
}
