//! `cargo xtask parity`: compares a full-size network with the reference implementation.
//!
//! `fixtures/python/full_size.py` draws non-degenerate random weights of a preset's size and stores the
//! reference's results for some audio. The binary encodes the same audio and decodes the reference's codes.

pub mod bounds;
pub mod dac;

use std::path::{Path, PathBuf};

use anyhow::{Error, ensure};

use crate::binary::{Binary, Model};
use crate::compare::{AudioComparison, CodeComparison, relative_rms};
use crate::process::{run as run_command, target_dir};
use crate::python;
use crate::tensors::{Tensor, TensorFile};
use bounds::{Bounds, Measured};

/// Numbers of threads with which the CPU engine must write the same bytes.
const THREADS: [usize; 3] = [1, 2, 3];

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Model, as listed by `dac models`.
    #[arg(long, default_value = "44khz")]
    preset: String,
    /// Seconds of audio.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Devices to compare, as for `dac --device`.
    #[arg(long, value_delimiter = ',', default_value = "cpu,flex")]
    device: Vec<String>,
    /// Precision of the device cpu: f32, exact or bf16.
    #[arg(long, default_value = "f32")]
    precision: String,
    /// Python that can import the reference [default: created by fixtures/python/setup.sh].
    #[arg(long)]
    python: Option<PathBuf>,
    /// Directory written by full_size.py [default: created].
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Built dac [default: build one].
    #[arg(long)]
    binary: Option<PathBuf>,
}

pub struct Reference {
    pub model: Model,
    pub folder: PathBuf,
    pub input: Tensor<f32>,
    pub z: Tensor<f32>,
    pub codes: Tensor<u16>,
    pub margins: Tensor<f32>,
    pub audio: Tensor<f32>,
}

impl Reference {
    /// Reads a directory written by `full_size.py`.
    fn read(folder: &Path, model: Model) -> Result<Self, Error> {
        let file = TensorFile::read(&folder.join("io.safetensors"))?;
        Ok(Self {
            model,
            folder: folder.to_owned(),
            input: file.floats("input")?,
            z: file.floats("z")?,
            codes: file.codes("codes")?,
            margins: file.floats("margins")?,
            audio: file.floats("audio")?,
        })
    }

    /// Runs `full_size.py` for about `seconds` of audio, rounded up to whole frames, or reads its earlier
    /// results.
    pub fn create(model: Model, seconds: f64, python: Option<&Path>) -> Result<Self, Error> {
        let (rate_hz, hop) = (f64::from(model.sample_rate_hz), f64::from(model.hop_samples));
        let frames = (seconds * rate_hz / hop).ceil().max(1.0);
        let folder = target_dir().join("parity").join(format!("{}-{frames}-frames", model.name));
        if !folder.join("io.safetensors").is_file() {
            // The script rounds down: half a sample more keeps the last sample.
            let seconds = (frames * hop + 0.5) / rate_hz;
            let mut script = python::script(python::with_reference(python)?, "fixtures/python/full_size.py");
            script.arg(&model.name).arg(&folder);
            script.args(["--seconds", &seconds.to_string()]).env("OMP_NUM_THREADS", "1");
            run_command(&mut script)?;
        }
        Self::read(&folder, model)
    }

    pub fn weights(&self) -> PathBuf {
        self.folder.join("weights.pth")
    }
}

/// Runs the task; fails if a difference is out of bounds.
pub fn run(args: &Args) -> Result<(), Error> {
    let binary = Binary::find_or_build(args.binary.as_deref(), &args.device)?;
    let model = binary.model(&args.preset)?;
    let reference = match &args.folder {
        Some(folder) => Reference::read(folder, model)?,
        None => Reference::create(model, args.seconds, args.python.as_deref())?,
    };
    let [_, codebooks, frames] = reference.codes.shape;
    println!(
        "{}: {} samples, {frames} frames of {codebooks} codebooks, smallest margin {:.1e}",
        args.preset,
        reference.input.values.len(),
        reference.margins.values.iter().fold(f32::INFINITY, |least, v| least.min(*v)),
    );
    let mut faults = Vec::new();
    for device in &args.device {
        let (reference, precision) = (&reference, args.precision.as_str());
        let session = dac::Session { binary: &binary, reference, device, precision, threads: None };
        let measured = measure(session)?;
        if !measured.differing_threads.is_empty() {
            faults.push(format!("{device}: other files with {:?} threads", measured.differing_threads));
        }
        let has_bounds = device != "cpu" || precision != "bf16";
        let bounds = has_bounds.then(|| Bounds::of(device));
        print(device, precision, &measured, bounds.as_ref());
        let out_of_bounds = bounds.iter().flat_map(|bounds| bounds.check(&measured));
        faults.extend(out_of_bounds.map(|fault| format!("{device}: {fault}")));
    }
    ensure!(faults.is_empty(), "out of bounds:\n  {}", faults.join("\n  "));
    println!("within bounds");
    Ok(())
}

fn measure(session: dac::Session<'_>) -> Result<Measured, Error> {
    let reference = session.reference;
    let (codes, z) = session.encode()?;
    let audio = AudioComparison::new(&session.decode()?, &reference.audio.values)?;
    let differing_threads = if session.device == "cpu" { differing_threads(session)? } else { Vec::new() };
    let codes = CodeComparison::new(&codes, &reference.codes, &reference.margins)?;
    let equal = codes.equal_frames(reference.codes.shape[2]);
    Ok(Measured { z_relative_rms: relative_rms(&z, &reference.z, &equal)?, codes, audio, differing_threads })
}

/// Lists the numbers of threads with which the files differ from those of the last run.
fn differing_threads(session: dac::Session<'_>) -> Result<Vec<usize>, Error> {
    let expected = dac::result_bytes()?;
    let mut differing = Vec::new();
    for threads in THREADS {
        let session = dac::Session { threads: Some(threads), ..session };
        session.encode()?;
        session.decode()?;
        if dac::result_bytes()? != expected {
            differing.push(threads);
        }
    }
    Ok(differing)
}

/// Returns the CPU engine's codes of the reference's input and its audio of the reference's codes.
pub fn outputs(binary: &Binary, reference: &Reference) -> Result<(Tensor<u16>, Vec<f32>), Error> {
    let session = dac::Session { binary, reference, device: "cpu", precision: "f32", threads: None };
    Ok((session.encode()?.0, session.decode()?))
}

fn print(device: &str, precision: &str, measured: &Measured, bounds: Option<&Bounds>) {
    let bound = |text: Option<String>| text.map_or_else(String::new, |text| format!("  (bound {text})"));
    let Measured { z_relative_rms, codes, audio, differing_threads } = measured;
    let ties: usize = codes.differences.iter().filter(|d| d.is_tie()).map(|d| d.codes).sum();
    println!("\n{device}, {precision}");
    println!(
        "  z, frames with equal codes: relative rms {z_relative_rms:.2e}{}",
        bound(bounds.and_then(|b| b.z_relative_rms).map(|b| format!("{b:.0e}")))
    );
    println!(
        "  codes equal: {:.4} % of {}; with {ties} codes that follow ties {:.4} %{}",
        100.0 * codes.equal_share(),
        codes.total,
        100.0 * codes.excused_share(),
        bound(bounds.map(|b| format!("{} %", 100.0 * b.equal_codes)))
    );
    for d in &codes.differences {
        let kind = if d.is_tie() { "a tie" } else { "wrong" };
        println!(
            "    frame {}, from codebook {}: {} instead of {}, {} codes, margin {:.1e}: {kind}",
            d.frame, d.codebook, d.found, d.expected, d.codes, d.margin
        );
    }
    if device == "cpu" {
        let same = if differing_threads.is_empty() { "yes" } else { "no" };
        println!("  same files with {THREADS:?} threads: {same}");
    }
    println!(
        "  audio from the reference's codes: max abs {:.2e}{}, SNR {:.1} dB{}",
        audio.max_abs,
        bound(bounds.map(|b| format!("{:.0e}", b.audio_max_abs))),
        audio.snr_db,
        bound(bounds.and_then(|b| b.audio_snr_db).map(|b| format!("{b} dB")))
    );
}
