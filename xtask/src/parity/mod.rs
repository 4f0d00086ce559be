//! `cargo xtask parity`: the full-size network of a preset, compared with the reference implementation.
//!
//! `fixtures/python/full_size.py` draws an alive model of the published size and records what the reference makes of some
//! audio. The binary encodes the same audio and decodes the reference's codes; the differences are printed and bounded.

mod bounds;
mod dac;

use std::path::{Path, PathBuf};

use anyhow::{Error, bail};

use crate::binary::Binary;
use crate::compare::{AudioComparison, CodeComparison, relative_rms};
use crate::process::{command, run as run_command, target};
use crate::python;
use crate::tensors::{File, Tensor};
use bounds::{Bounds, Found};

/// Numbers of threads that have to give the same bytes on the processor's own engine.
const THREADS: [usize; 3] = [1, 2, 3];

/// Arguments of the task.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Model: 44khz, 44khz-16kbps, 24khz or 16khz.
    #[arg(long, default_value = "44khz")]
    preset: String,
    /// Seconds of audio.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Devices to compare, by the names of `dac --device`.
    #[arg(long, value_delimiter = ',', default_value = "cpu,flex")]
    device: Vec<String>,
    /// Precision of the cpu device, as of `dac --precision`: f32, exact or bf16.
    #[arg(long, default_value = "f32")]
    precision: String,
    /// Python that can import the reference, instead of the environment that fixtures/python/setup.sh makes.
    #[arg(long)]
    python: Option<PathBuf>,
    /// A folder that full_size.py filled, instead of making one.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// A built dac, instead of building one.
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// What the reference made of some audio.
pub(crate) struct Reference {
    pub(crate) folder: PathBuf,
    pub(crate) input: Tensor<f32>,
    pub(crate) z: Tensor<f32>,
    pub(crate) codes: Tensor<u16>,
    pub(crate) margins: Tensor<f32>,
    pub(crate) audio: Tensor<f32>,
}

impl Reference {
    /// Reads a folder of `full_size.py`.
    ///
    /// # Errors
    /// When an array is missing.
    pub(crate) fn read(folder: &Path) -> Result<Self, Error> {
        let io = File::read(&folder.join("io.safetensors"))?;
        Ok(Self {
            folder: folder.to_owned(),
            input: io.floats("input")?,
            z: io.floats("z")?,
            codes: io.codes("codes")?,
            margins: io.floats("margins")?,
            audio: io.floats("audio")?,
        })
    }

    /// The checkpoint.
    pub(crate) fn weights(&self) -> PathBuf {
        self.folder.join("weights.pth")
    }
}

/// Makes the model and the reference's figures for whole hops of about `seconds`, or takes them from an earlier run.
///
/// # Errors
/// When Python or the script fails.
pub(crate) fn reference(preset: &str, seconds: f64, asked: Option<&Path>) -> Result<Reference, Error> {
    let (rate_hz, hop) = rate_and_hop(preset)?;
    let frames = (seconds * f64::from(rate_hz) / f64::from(hop)).ceil().max(1.0);
    let folder = target().join("parity").join(format!("{preset}-{frames}-frames"));
    if !folder.join("io.safetensors").is_file() {
        let python = python::reference(asked)?;
        // Half a sample more, so that the script's rounding down cannot lose one.
        let seconds = (frames * f64::from(hop) + 0.5) / f64::from(rate_hz);
        let mut make = command(python);
        make.arg(python::scripts().join("full_size.py")).arg(preset).arg(&folder);
        make.args(["--seconds", &seconds.to_string()]).env("OMP_NUM_THREADS", "1");
        run_command(&mut make)?;
    }
    Reference::read(&folder)
}

/// Sample rate and hop of a preset: what turns seconds into whole frames, and token files into audio.
pub(crate) fn rate_and_hop(preset: &str) -> Result<(u32, u32), Error> {
    Ok(match preset {
        "44khz" | "44khz-16kbps" => (44100, 512),
        "24khz" => (24000, 320),
        "16khz" => (16000, 320),
        other => bail!("unknown model '{other}', expected 44khz, 44khz-16kbps, 24khz or 16khz"),
    })
}

/// Runs the task.
///
/// # Errors
/// When a program fails or a difference is out of bounds.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let binary = Binary::for_devices(args.binary.as_deref(), &args.device)?;
    let reference = match &args.folder {
        Some(folder) => Reference::read(folder)?,
        None => reference(&args.preset, args.seconds, args.python.as_deref())?,
    };
    let [_, codebooks, frames] = reference.codes.shape;
    println!(
        "{}: {} samples, {frames} frames of {codebooks} codebooks, smallest margin {:.1e}",
        args.preset,
        reference.input.values.len(),
        reference.margins.values.iter().fold(f32::INFINITY, |least, v| least.min(*v)),
    );
    let mut outside = Vec::new();
    for device in &args.device {
        let found = compare(&binary, &reference, &args.preset, device, &args.precision)?;
        if let Some(differing) = found.differing_threads.as_ref().filter(|differing| !differing.is_empty()) {
            outside.push(format!("{device}: other files with {differing:?} threads"));
        }
        let precise = device != "cpu" || args.precision != "bf16";
        let bounds = if precise { Some(Bounds::of(device)) } else { None };
        print(device, &args.precision, &found, bounds.as_ref());
        outside.extend(bounds.iter().flat_map(|b| b.check(&found)).map(|what| format!("{device}: {what}")));
    }
    if !outside.is_empty() {
        bail!("out of bounds:\n  {}", outside.join("\n  "));
    }
    println!("within bounds");
    Ok(())
}

fn compare(
    binary: &Binary,
    reference: &Reference,
    preset: &str,
    device: &str,
    precision: &str,
) -> Result<Found, Error> {
    let folder = target().join("parity").join("work");
    std::fs::create_dir_all(&folder)?;
    let with =
        |threads| dac::Session { binary, reference, preset, device, precision, threads, folder: &folder };
    let session = with(None);
    let (codes, z) = session.encode()?;
    let audio = AudioComparison::new(&session.decode()?, &reference.audio.values)?;
    let threads = if device == "cpu" { Some(differing_threads(with)?) } else { None };
    let codes = CodeComparison::new(&codes, &reference.codes, &reference.margins)?;
    let equal = codes.equal_frames(reference.codes.shape[2]);
    Ok(Found {
        z_relative_rms: relative_rms(&z, &reference.z, &equal)?,
        codes,
        audio,
        differing_threads: threads,
    })
}

/// Numbers of threads whose files are not, byte by byte, those that were made before.
fn differing_threads<'a>(with: impl Fn(Option<usize>) -> dac::Session<'a>) -> Result<Vec<usize>, Error> {
    let before = with(None).results()?;
    let mut differing = Vec::new();
    for threads in THREADS {
        let session = with(Some(threads));
        session.encode()?;
        session.decode()?;
        if session.results()? != before {
            differing.push(threads);
        }
    }
    Ok(differing)
}

/// The engine's codes of the reference's input and audio of the reference's codes.
///
/// # Errors
/// When the binary fails.
pub(crate) fn outputs(
    binary: &Binary,
    reference: &Reference,
    preset: &str,
) -> Result<(Tensor<u16>, Vec<f32>), Error> {
    let folder = target().join("parity").join("work");
    std::fs::create_dir_all(&folder)?;
    let session = dac::Session {
        binary,
        reference,
        preset,
        device: "cpu",
        precision: "f32",
        threads: None,
        folder: &folder,
    };
    Ok((session.encode()?.0, session.decode()?))
}

fn print(device: &str, precision: &str, found: &Found, bounds: Option<&Bounds>) {
    let bound = |text: Option<String>| text.map_or_else(String::new, |text| format!("  (bound {text})"));
    let Found { z_relative_rms, codes, audio, differing_threads } = found;
    let ties: usize = codes.differences.iter().filter(|d| d.is_tie()).map(|d| d.codes).sum();
    println!("\n{device}, {precision}");
    println!(
        "  z, frames of equal codes: relative rms {z_relative_rms:.2e}{}",
        bound(bounds.and_then(|b| b.z_relative_rms).map(|b| format!("{b:.0e}")))
    );
    println!(
        "  codes equal: {:.4} % of {}; with {ties} codes excused by ties {:.4} %{}",
        100.0 * codes.equal_share(),
        codes.total,
        100.0 * codes.excused_share(),
        bound(bounds.map(|b| format!("{} %", 100.0 * b.equal_codes)))
    );
    for d in &codes.differences {
        let why = if d.is_tie() { "a tie, excused" } else { "not excused" };
        println!(
            "    frame {}, from codebook {}: {} instead of {}, {} codes, margin {:.1e}: {why}",
            d.frame, d.codebook, d.found, d.expected, d.codes, d.margin
        );
    }
    if let Some(differing) = differing_threads {
        println!(
            "  same files with {THREADS:?} threads: {}",
            if differing.is_empty() { "yes" } else { "no" }
        );
    }
    println!(
        "  audio from the reference's codes: max abs {:.2e}{}, SNR {:.1} dB{}",
        audio.max_abs,
        bound(bounds.map(|b| format!("{:.0e}", b.audio_max_abs))),
        audio.snr_db,
        bound(bounds.and_then(|b| b.audio_snr_db).map(|b| format!("{b} dB")))
    );
}
