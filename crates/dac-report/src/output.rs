//! The page's file: checked before any work, then written completely or not at all.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use dac_atomic::AtomicFile;

use crate::error::ReportError;
use crate::html::GENERATOR_TAG;

/// Earlier reports contain [`GENERATOR_TAG`] within this many bytes.
const TAG_WITHIN_BYTES: u64 = 1024;

/// Checks that `input` can be a recording and that the page may be written to `output`. With `overwrite`,
/// files other than earlier reports are replaced, too.
///
/// # Errors
/// When a path is unsuitable or the output must not be replaced.
pub fn check_paths(input: &Path, output: &Path, overwrite: bool) -> Result<(), ReportError> {
    let pipe = Path::new("-");
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = output.canonicalize().unwrap_or_default();
    let replaces_input = input.canonicalize().is_ok_and(|input| input == file);
    for (is_unsuitable, path, reason) in [
        (input == pipe || output == pipe, pipe, "dac report reads a file and writes a file"),
        (input.is_dir(), input, "is a directory; a report shows one recording"),
        (!input.exists(), input, "no such file"),
        (output.is_dir(), output, "is a directory; name the page itself, such as report.html"),
        (!folder.is_dir(), folder, "no such directory"),
        (replaces_input, file.as_path(), "the page would replace the recording"),
    ] {
        if is_unsuitable {
            return Err(ReportError::Path { path: path.into(), reason });
        }
    }
    if output.is_file() && !overwrite && !is_report(output) {
        return Err(ReportError::NotAReport(output.into()));
    }
    Ok(())
}

fn is_report(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(TAG_WITHIN_BYTES).read_to_end(&mut start));
    read.is_ok() && start.windows(GENERATOR_TAG.len()).any(|part| part == GENERATOR_TAG.as_bytes())
}

/// Tries whether the page can be written; an earlier file stays unchanged.
///
/// # Errors
/// When the directory cannot be written.
pub fn try_output(output: &Path) -> Result<(), ReportError> {
    if fs::metadata(output).is_ok_and(|found| !found.is_file()) {
        // Opening a pipe is noticed at its other end.
        return Ok(());
    }
    // Dropping the file removes it.
    let tried = AtomicFile::create(output).map(drop);
    tried.map_err(|source| ReportError::Write { path: output.into(), source })
}

/// Writes the page and returns the file's size.
///
/// # Errors
/// When the file cannot be written; an earlier file then stays unchanged.
pub fn write_page(output: &Path, page: &str) -> Result<u64, ReportError> {
    let write = || -> io::Result<()> {
        let mut file = AtomicFile::create(output)?;
        file.write_all(page.as_bytes())?;
        file.commit()
    };
    write().map_err(|source| ReportError::Write { path: output.into(), source })?;
    Ok(fs::metadata(output).map_or(page.len() as u64, |found| found.len()))
}
