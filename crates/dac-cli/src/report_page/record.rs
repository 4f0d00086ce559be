//! The figures of a report as a JSON record.

use serde::Serialize;

use super::Report;
use super::version::Version;
use crate::args::ReportArgs;

#[derive(Debug, Serialize)]
pub(super) struct Record {
    input: String,
    output: String,
    output_bytes: u64,
    model: String,
    weights_sha256: String,
    device: String,
    precision: String,
    /// Where the excerpt begins in the recording.
    start_seconds: f64,
    audio_seconds: f64,
    /// Channels that are coded.
    channels: usize,
    frames: usize,
    versions: Vec<VersionRecord>,
}

/// One number of codebooks; null is what is not finite.
#[derive(Debug, Serialize)]
struct VersionRecord {
    codebooks: usize,
    nominal_kbps: f64,
    dacp_bytes: u64,
    dacp_kbps: f64,
    si_sdr_db: f64,
    mel_distance: f64,
    stft_distance: f64,
    bands: Vec<BandRecord>,
}

#[derive(Debug, Serialize)]
struct BandRecord {
    centre_hz: f64,
    error_db: f64,
    level_db: f64,
}

impl Record {
    pub(super) fn new(args: &ReportArgs, report: &Report, output_bytes: u64) -> Self {
        Self {
            input: args.input.display().to_string(),
            output: args.output.display().to_string(),
            output_bytes,
            model: report.model.name.clone(),
            weights_sha256: report.model.weights_sha256.clone(),
            device: args.model.run.device.to_string(),
            precision: args.model.run.precision.to_string(),
            start_seconds: report.excerpt.start_seconds(),
            audio_seconds: report.excerpt.seconds(),
            channels: report.codes.channels(),
            frames: report.codes.frames(),
            versions: report.versions.iter().map(|version| VersionRecord::new(version, report)).collect(),
        }
    }
}

impl VersionRecord {
    fn new(version: &Version, report: &Report) -> Self {
        let bands = version.bands.iter();
        let band = |band: &dac::metrics::OctaveBand| BandRecord {
            centre_hz: band.centre_hz,
            error_db: band.error_db,
            level_db: band.level_db,
        };
        Self {
            codebooks: version.codebooks,
            nominal_kbps: version.nominal_kbps,
            dacp_bytes: version.dacp_bytes,
            dacp_kbps: report.kbps(version.dacp_bytes),
            si_sdr_db: version.comparison.si_sdr_db,
            mel_distance: version.comparison.mel_distance,
            stft_distance: version.comparison.stft_distance,
            bands: bands.map(band).collect(),
        }
    }
}
