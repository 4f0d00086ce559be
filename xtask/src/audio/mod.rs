//! `cargo xtask audio`: compares dac-audio with ffmpeg, opusdec, flac and sox on hundreds of generated files.
//!
//! Needs ffmpeg, lame, flac, sox, opus-tools and vorbis-tools. Except with `--quick`, FLAC is also compared
//! with `flac -d`, MPEG audio with mpg123, and Vorbis with oggdec, where installed. The decoder is the
//! example `decode_pcm` of dac-audio. `--opus-vectors` and `--speed` are tasks of their own.

mod cases;
mod compare;
mod known;
mod opus_compare;
mod opus_vectors;
mod pcm;
mod speed;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Error, bail, ensure};

use crate::process;
use cases::{Case, Expect};
use known::KnownDifferences;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only a fixed subset that takes less than three minutes.
    #[arg(long)]
    quick: bool,
    /// Only cases whose name contains this text.
    #[arg(long, default_value = "")]
    filter: String,
    /// Print the cases that agree, too.
    #[arg(long)]
    verbose: bool,
    /// Only decode the Opus test vectors of RFC 8251 (testvector*.bit and .dec) in this directory.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["quick", "filter"])]
    opus_vectors: Option<PathBuf>,
    /// Only measure the speed of reading every format, and write docs/benchmarks/audio.md.
    #[arg(long, conflicts_with_all = ["quick", "filter", "opus_vectors"])]
    speed: bool,
    /// With --speed: length of the long files whose memory is measured.
    #[arg(long, value_name = "H", default_value_t = 24)]
    hours: u32,
}

/// Runs the task.
///
/// # Errors
/// If a tool is missing, or a difference is not in the table of known differences.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    if let Some(folder) = &args.opus_vectors {
        return opus_vectors::run(folder);
    }
    if args.speed {
        return speed::run(args.hours);
    }
    for tool in ["ffmpeg", "lame", "flac", "sox", "opusenc", "opusdec", "oggenc"] {
        ensure!(
            is_installed(tool),
            "{tool} is missing; install ffmpeg, lame, flac, sox, opus-tools and vorbis-tools"
        );
    }
    build_example("decode_pcm", "dev")?;
    let folder = empty_folder("audio-compare")?;
    let cases = cases::all(args.quick);
    let known = KnownDifferences::read()?;
    let (mut agreed, mut explained, mut failures) = (0, 0, Vec::new());
    let is_source = |case: &Case| case.format == cases::SOURCE;
    for case in cases.iter().filter(|case| case.name.contains(&args.filter) || is_source(case)) {
        shell(&case.command, &folder).with_context(|| format!("cannot make {}", case.name))?;
        if is_source(case) {
            continue;
        }
        let lines = check(case, &folder, &known)?;
        let is_failure = lines.iter().any(|(_, reason)| reason.is_none());
        for (text, reason) in &lines {
            match reason {
                Some(reason) => println!("explained  {}: {text} ({reason})", case.name),
                None => println!("DIFFERS    {}: {text}", case.name),
            }
        }
        if is_failure {
            failures.push(case.name.clone());
        } else if !lines.is_empty() {
            explained += 1;
        } else {
            agreed += 1;
            if args.verbose {
                println!("agrees     {}", case.name);
            }
        }
    }
    println!("{agreed} files agree, {explained} differ for a known reason, {} differ", failures.len());
    if !failures.is_empty() {
        bail!("{} unexplained differences, see above; the files are in {}", failures.len(), folder.display());
    }
    Ok(())
}

/// Builds an example of dac-audio and returns its path.
fn build_example(name: &str, profile: &str) -> Result<PathBuf, Error> {
    let mut cargo = process::cargo();
    cargo.args(["build", "--quiet", "--profile", profile, "-p", "dac-audio", "--example", name]);
    process::run(&mut cargo)?;
    let folder = if profile == "dev" { "debug" } else { profile };
    Ok(process::target_dir().join(folder).join("examples").join(name))
}

/// Creates an empty directory for generated files.
fn empty_folder(name: &str) -> Result<PathBuf, Error> {
    let folder = process::target_dir().join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn is_installed(tool: &str) -> bool {
    process::succeeds(Command::new("sh").args(["-c", &format!("command -v {tool}")]))
}

/// Runs a command of the shell in the directory.
fn shell(command: &str, folder: &Path) -> Result<(), Error> {
    let output = Command::new("sh")
        .args(["-ec", command])
        .current_dir(folder)
        .env("F", "ffmpeg -nostdin -v error -y")
        .output()?;
    if !output.status.success() {
        bail!("{command}\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Compares a file with the references. Returns the differences with their reasons, if known.
fn check(
    case: &Case,
    folder: &Path,
    known: &KnownDifferences,
) -> Result<Vec<(String, Option<&'static str>)>, Error> {
    let file = folder.join(&case.name);
    let ours = pcm::decode(&file, case.is_piped)?;
    if let Expect::Refused = case.expect {
        let is_read = ours.is_ok().then(|| ("is read, expected a refusal".to_owned(), None));
        return Ok(is_read.into_iter().collect());
    }
    let mut lines = Vec::new();
    for reference in [Some(case.reference), case.second].into_iter().flatten() {
        let is_second = case.second == Some(reference);
        if is_second && !is_installed(reference.program()) {
            continue;
        }
        let theirs = pcm::reference(&file, reference)?;
        if is_second && theirs.samples.is_empty() {
            // It refuses, for example, bytes after the last frame.
            continue;
        }
        for difference in compare::compare(case, &ours, &theirs) {
            let text = format!("{}: {difference}", reference.program());
            lines.push((text, known.reason(case, reference, &difference)));
        }
    }
    Ok(lines)
}
