//! `cargo xtask audio`: compares dac-audio with ffmpeg, opusdec, flac and sox on hundreds of generated files.
//!
//! Needs ffmpeg, lame, flac, sox, opus-tools and vorbis-tools. The decoder is the example `decode_pcm` of
//! dac-audio.

mod cases;
mod compare;
mod known;
mod pcm;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Error, bail, ensure};

use cases::{Case, Expect};
use compare::Verdict;

use crate::process;

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
}

/// Runs all cases.
///
/// # Errors
/// If a tool is missing, or a difference is not in the table of known differences.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    for tool in ["ffmpeg", "lame", "flac", "sox", "opusenc", "opusdec", "oggenc"] {
        let found = process::succeeds(Command::new("sh").args(["-c", &format!("command -v {tool}")]));
        ensure!(found, "{tool} is missing; install ffmpeg, lame, flac, sox, opus-tools and vorbis-tools");
    }
    process::run(process::cargo().args(["build", "--quiet", "-p", "dac-audio", "--example", "decode_pcm"]))?;
    let folder = process::target_dir().join("audio-compare");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let cases = cases::all(args.quick);
    let (mut agreed, mut explained, mut failures) = (0, 0, Vec::new());
    let is_source = |case: &Case| case.name.starts_with("source-");
    for case in cases.iter().filter(|case| case.name.contains(&args.filter) || is_source(case)) {
        make(case, &folder).with_context(|| format!("cannot make {}", case.name))?;
        if is_source(case) {
            continue;
        }
        let verdict = check(case, &folder)?;
        match verdict {
            Verdict::Agrees => {
                agreed += 1;
                if args.verbose {
                    println!("agrees     {}", case.name);
                }
            }
            Verdict::Differs(text) => match known::reason(&case.name, &text) {
                Some(reason) => {
                    explained += 1;
                    println!("explained  {}: {text} ({reason})", case.name);
                }
                None => {
                    println!("DIFFERS    {}: {text}", case.name);
                    failures.push(case.name.clone());
                }
            },
        }
    }
    println!("{agreed} files agree, {explained} differ for a known reason, {} differ", failures.len());
    if !failures.is_empty() {
        bail!("{} unexplained differences, see above; the files are in {}", failures.len(), folder.display());
    }
    Ok(())
}

/// Runs the command of a case in the folder.
fn make(case: &Case, folder: &Path) -> Result<(), Error> {
    let output = Command::new("sh")
        .args(["-ec", &case.command])
        .current_dir(folder)
        .env("F", "ffmpeg -nostdin -v error -y")
        .output()?;
    if !output.status.success() {
        bail!("{}\n{}", case.command, String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

fn check(case: &Case, folder: &Path) -> Result<Verdict, Error> {
    let file = folder.join(&case.name);
    let ours = pcm::decode(&file, case.is_piped)?;
    if let Expect::Refused = case.expect {
        return Ok(match ours {
            Ok(_) => Verdict::Differs("is read, expected a refusal".to_owned()),
            Err(_) => Verdict::Agrees,
        });
    }
    let theirs: PathBuf = file;
    let theirs = pcm::reference(&theirs, case.reference)?;
    Ok(compare::compare(case, ours, &theirs))
}
