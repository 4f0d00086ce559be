//! Formulations of the convolutions on burn devices: measured once, and kept in the cache.
//!
//! `dac doctor --autotune` calls `Dac::measure_formulations` and `save`; [`find`] returns what is saved,
//! for [`LoadOptions::formulations`].

#[cfg(feature = "burn")]
use std::io;
use std::path::{Path, PathBuf};

use dac_model::CodecOptions as LoadOptions;
pub use dac_nn::{ConvolutionShape, Formulation, Formulations};
use serde::{Deserialize, Serialize};

use crate::cache::Environment;
#[cfg(feature = "burn")]
use crate::{Chunking, Dac, Error};
#[cfg(feature = "burn")]
pub use dac_model::codec::{MeasuredConvolution, MeasuredFormulations};
#[cfg(feature = "burn")]
use dac_stream::ChunkPlan;

/// The file of one device and precision, JSON.
#[derive(Debug, Serialize, Deserialize)]
struct SavedFormulations {
    /// Version of this library. The formulations of another are not used.
    version: String,
    /// Name from the driver, or of the backend.
    device: String,
    precision: String,
    convolutions: Vec<ConvolutionRecord>,
}

/// Shape, sizes, times and errors of a measured convolution, for JSON.
#[derive(Debug, Serialize, Deserialize)]
pub struct ConvolutionRecord {
    layers: Vec<String>,
    in_channels: usize,
    out_channels: usize,
    taps: usize,
    dilation: usize,
    windows: usize,
    positions: usize,
    best: String,
    candidates: Vec<Candidate>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Candidate {
    formulation: String,
    seconds: f64,
    /// Largest difference from exact sums, relative to the root mean square of the outputs; null if it is not
    /// finite.
    error: Option<f64>,
}

#[cfg(feature = "burn")]
impl From<&MeasuredConvolution> for ConvolutionRecord {
    fn from(measured: &MeasuredConvolution) -> Self {
        let ConvolutionShape { in_channels, out_channels, taps, dilation } = measured.shape;
        let [windows, positions] = measured.size;
        let candidates = measured.measurements.iter().map(|m| Candidate {
            formulation: m.formulation.to_string(),
            seconds: m.seconds,
            error: Some(m.error).filter(|error| error.is_finite()),
        });
        Self {
            layers: measured.layers.clone(),
            in_channels,
            out_channels,
            taps,
            dilation,
            windows,
            positions,
            best: measured.best.to_string(),
            candidates: candidates.collect(),
        }
    }
}

#[cfg(feature = "burn")]
impl Dac {
    /// Measures the formulations of all convolutions on the model's burn device, at the sizes of the windows
    /// of a chunked decode, with random weights. `report` receives each convolution.
    ///
    /// # Errors
    /// When the length of a chunk is out of range, or the device fails.
    pub fn measure_formulations(
        &self,
        chunk: Chunking,
        report: impl FnMut(&MeasuredConvolution),
    ) -> Result<MeasuredFormulations, Error> {
        let codec = self.codec();
        let chunk_frames = chunk.exact_frames(self.shape())?;
        let chunk_frames = chunk_frames.ok_or_else(|| {
            Error::invalid("the chunking", format!("{chunk:?}"), "exact chunks, which all devices use")
        })?;
        let plan = ChunkPlan::decode_within_budget(codec, chunk_frames);
        let (frames, windows) = (plan.window_frames(), plan.batch_windows());
        Ok(MeasuredFormulations::measure(self.shape(), codec.options(), frames, windows, report)?)
    }
}

/// Saves measured formulations in the cache. Returns the file's path.
///
/// # Errors
/// When there is no cache directory or the file cannot be written.
#[cfg(feature = "burn")]
pub fn save(
    measured: &MeasuredFormulations,
    options: &LoadOptions,
    environment: &Environment,
) -> io::Result<PathBuf> {
    use std::io::Write;

    let device = device_name(options, measured.device_name.clone());
    let no_cache = || io::Error::new(io::ErrorKind::NotFound, "no cache directory: set DAC_HOME or HOME");
    let folder = environment.autotune_folder().ok_or_else(no_cache)?;
    let path = file_path(&folder, &device, options);
    let saved = SavedFormulations {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        device,
        precision: options.precision.to_string(),
        convolutions: measured.convolutions.iter().map(ConvolutionRecord::from).collect(),
    };
    std::fs::create_dir_all(&folder)?;
    let mut file = dac_atomic::AtomicFile::create(&path)?;
    file.write_all(serde_json::to_string_pretty(&saved)?.as_bytes())?;
    file.finish()?.persist()?;
    Ok(path)
}

/// Returns the saved formulations for the device and precision of `options`; `None` if this version
/// saved none or the file is damaged.
pub fn find(options: &LoadOptions, environment: &Environment) -> Option<Formulations> {
    let device = device_name(options, opened_name(options)?);
    let folder = environment.autotune_folder()?;
    parse(&std::fs::read(file_path(&folder, &device, options)).ok()?, &device, options)
}

fn parse(file: &[u8], device: &str, options: &LoadOptions) -> Option<Formulations> {
    let saved: SavedFormulations = serde_json::from_slice(file).ok()?;
    let expected = (env!("CARGO_PKG_VERSION"), device, options.precision.name());
    if (saved.version.as_str(), saved.device.as_str(), saved.precision.as_str()) != expected {
        return None;
    }
    let mut formulations = Formulations::unmeasured(options.device);
    for ConvolutionRecord { in_channels, out_channels, taps, dilation, best, .. } in saved.convolutions {
        let shape = ConvolutionShape { in_channels, out_channels, taps, dilation };
        formulations.set(shape, best.parse().ok()?);
    }
    Some(formulations)
}

/// The driver's name of the device (`Some(None)` on the CPU); `None` if it cannot be opened.
#[cfg(feature = "burn")]
fn opened_name(options: &LoadOptions) -> Option<Option<String>> {
    let device = dac_nn::tensor::open_device(options.device).ok()?;
    Some(dac_nn::tensor::device_name(&device))
}

#[cfg(not(feature = "burn"))]
fn opened_name(_: &LoadOptions) -> Option<Option<String>> {
    None
}

fn device_name(options: &LoadOptions, driver: Option<String>) -> String {
    driver.unwrap_or_else(|| options.device.to_string())
}

/// One file for each backend, device and precision.
fn file_path(folder: &Path, device: &str, options: &LoadOptions) -> PathBuf {
    let backend = options.device.to_string();
    let backend = backend.split(':').next().unwrap_or_default();
    let device: String = device.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    folder.join(format!("formulations-{backend}-{device}-{}.json", options.precision))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dac_nn::Device;

    const SAVED: &str = r#"{"version": "VERSION", "device": "a GPU", "precision": "f32", "convolutions": [
        {"layers": ["a"], "in_channels": 8, "out_channels": 4, "taps": 7, "dilation": 3, "windows": 1,
         "positions": 9, "best": "winograd-4", "candidates": []}]}"#;

    #[test]
    fn saved_formulations_are_used_for_the_same_device_precision_and_version() {
        let options = LoadOptions::on(Device::Wgpu(None));
        let saved = SAVED.replace("VERSION", env!("CARGO_PKG_VERSION"));
        let parse = |text: &str, device| super::parse(text.as_bytes(), device, &options);
        let found = parse(&saved, "a GPU").unwrap();
        let shape = ConvolutionShape { in_channels: 8, out_channels: 4, taps: 7, dilation: 3 };
        assert_eq!(found.of(&shape), Formulation::Winograd4);
        let other = ConvolutionShape { dilation: 1, ..shape };
        assert_eq!(found.of(&other), Formulations::unmeasured(options.device).of(&other));
        assert!(parse(&saved, "another GPU").is_none());
        assert!(parse(SAVED, "a GPU").is_none(), "another version");
        assert!(parse(&saved.replace("f32", "f16"), "a GPU").is_none());
        assert!(parse(&saved.replace("winograd-4", "fft"), "a GPU").is_none());
        assert!(parse(&saved[..100], "a GPU").is_none());
    }
}
