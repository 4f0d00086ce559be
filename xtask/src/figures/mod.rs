//! `cargo xtask figures`: the pictures of the docs, from what the binary really gives.
//!
//! One picture so far: the same tokens decoded in chunks that are joined, in chunks that overlap by a tenth and are averaged, and
//! exactly, each beside its error against the decode of the whole.

mod picture;

use std::path::PathBuf;

use anyhow::{Context, Error, bail};

use crate::binary::Binary;
use crate::compare::AudioComparison;
use crate::process::{root, run as run_command, target};
use crate::wav;
use picture::Row;

/// Sample rate of the tiny model in Hz.
const RATE_HZ: usize = 44_100;
/// The stretch that is drawn: a sentence with several borders of chunks in it.
const STRETCH: std::ops::Range<usize> = RATE_HZ..RATE_HZ * 22 / 10;
/// Title, name of the folder and arguments of each decode.
const DECODES: [(&str, &str, &[&str]); 3] = [
    (
        "Chunks joined (--chunk overlap --overlap-rate 0)",
        "joined",
        &["--chunk", "overlap", "--overlap-rate", "0"],
    ),
    ("Chunks averaged where they overlap by a tenth (--chunk overlap)", "averaged", &["--chunk", "overlap"]),
    ("Exact (the default)", "exact", &[]),
];

/// Arguments of the task.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Use this binary instead of building one.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// The folder for the pictures.
    #[arg(long, default_value = "docs/figures")]
    output: PathBuf,
}

/// Runs the task.
///
/// # Errors
/// When the binary fails, what it writes has another length than the whole, or a picture cannot be written.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let binary = Binary::for_devices(args.binary.as_deref(), &[])?;
    let work = target().join("figures");
    let tokens = work.join("tokens");
    let speech = root().join("fixtures/audio/librivox_austen.wav");
    let model = ["--model", "tiny", "--overwrite"];
    run_command(binary.command().arg("encode").arg(&speech).arg("--output").arg(&tokens).args(model))?;
    let decode = |folder: &str, more: &[&str]| -> Result<Vec<f32>, Error> {
        let folder = work.join(folder);
        let mut command = binary.command();
        command.arg("decode").arg(tokens.join("librivox_austen.safetensors")).arg("--output").arg(&folder);
        run_command(command.args(model).args(["--sample-format", "f32"]).args(more))?;
        wav::read(&folder.join("librivox_austen.wav"))
    };
    let whole = decode("whole", &["--chunk", "whole"])?;
    let mut rows = Vec::new();
    for (title, folder, more) in DECODES {
        let signal = decode(folder, more)?;
        if signal.len() != whole.len() {
            bail!("{title}: {} samples, the whole has {}", signal.len(), whole.len());
        }
        let error: Vec<f32> = signal.iter().zip(&whole).map(|(a, b)| a - b).collect();
        let said = said(AudioComparison::new(&signal, &whole)?);
        println!("{title}: {said}");
        let part =
            |signal: &[f32]| signal.get(STRETCH).map(<[f32]>::to_vec).context("the recording is too short");
        rows.push(Row { title, said, signal: part(&signal)?, error: part(&error)? });
    }
    let folder = root().join(&args.output);
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("chunking.svg");
    std::fs::write(&path, picture::svg(&rows, RATE_HZ, STRETCH.start as f64 / RATE_HZ as f64)?)
        .with_context(|| path.display().to_string())?;
    println!("{}", path.display());
    Ok(())
}

/// How far a decode is from the whole.
fn said(AudioComparison { snr_db, .. }: AudioComparison) -> String {
    if snr_db == f64::INFINITY {
        "identical to the whole".to_owned()
    } else {
        format!("error against the whole: {:.1} dB", -snr_db)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_the_amplitude_is_20_db_less() {
        let whole = [0.5, -1.0, 0.25];
        let louder = AudioComparison::new(&whole.map(|v| v * 1.1), &whole).unwrap();
        assert!((louder.snr_db - 20.0).abs() < 1e-4);
        assert_eq!(said(louder), "error against the whole: -20.0 dB");
        assert_eq!(said(AudioComparison::new(&whole, &whole).unwrap()), "identical to the whole");
    }
}
