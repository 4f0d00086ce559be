//! Where the page goes: checked before any work is done, written whole or not at all.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, Error};
use dac_atomic::AtomicFile;

use crate::args::ReportArgs;
use crate::batch::in_the_way;
use crate::exit::Usage;

/// What the pages of this command are told by.
pub(super) const GENERATOR: &str = concat!("dac report ", env!("CARGO_PKG_VERSION"));
/// What all versions of it have in common, as it stands near the start of a page.
const MARK: &[u8] = br#"<meta name="generator" content="dac report "#;
const MARK_WITHIN_BYTES: u64 = 1024;

/// Checks that the input can be one recording, and that the page may be written.
///
/// # Errors
/// [`Usage`] unless it is both; another one when a file is in the way that must not be replaced unasked.
pub(super) fn check(args: &ReportArgs) -> Result<(), Error> {
    let ReportArgs { input, output, .. } = args;
    let wrong = |path: &Path, what: &str| Err(Usage(format!("{}: {what}", path.display())).into());
    if input == Path::new("-") || output == Path::new("-") {
        return wrong(Path::new("-"), "a report is made of a file and goes to a file");
    }
    if input.is_dir() {
        return wrong(input, "is a folder: a report is made of one recording");
    }
    if !input.exists() {
        return wrong(input, "no such file");
    }
    if output.is_dir() {
        return wrong(output, "is a folder: --output names the page itself, like report.html");
    }
    if let Some(folder) = output.parent().filter(|folder| !folder.as_os_str().is_empty())
        && !folder.is_dir()
    {
        return wrong(folder, "no such folder for the page");
    }
    if let (Ok(input), Ok(output)) = (input.canonicalize(), output.canonicalize())
        && input == output
    {
        return wrong(&output, "the page would replace the recording itself");
    }
    if output.is_file() && !args.overwrite && !is_report(output) {
        return Err(in_the_way(output, "not an earlier report"));
    }
    Ok(())
}

fn is_report(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MARK_WITHIN_BYTES).read_to_end(&mut start));
    read.is_ok() && start.windows(MARK.len()).any(|part| part == MARK)
}

/// Writes the page and gives its bytes.
///
/// # Errors
/// When the file cannot be written; then the place is as it was before.
pub(super) fn write(output: &Path, page: &str) -> Result<u64, Error> {
    let write = || {
        let mut file = AtomicFile::create(output)?;
        file.write_all(page.as_bytes())?;
        file.commit()
    };
    write().with_context(|| output.display().to_string())?;
    Ok(fs::metadata(output).map_or(page.len() as u64, |found| found.len()))
}
