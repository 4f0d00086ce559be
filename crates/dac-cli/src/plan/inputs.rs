//! Files, folders, patterns and lists, as the files that they mean.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::PlanError;
use crate::args::FileArgs;

/// A file to work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// Where its results go below the output folder, with the file's own name.
    pub(super) relative: PathBuf,
    /// Whether it was named on the command line: a mistake there ends the plan, elsewhere it is this file's failure.
    pub(super) named: bool,
    /// Why it cannot be worked on, where that is known already.
    pub(super) fault: Option<String>,
}

/// All files of a plan, and what was passed over in folders.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    pub(super) files: Vec<Found>,
    /// Files in folders that are of another kind, counted by extension.
    pub(super) passed_over: BTreeMap<String, usize>,
}

impl Inputs {
    /// Gathers what `args` name. In folders and patterns, files with one of `extensions` are taken.
    pub(super) fn gather(args: &FileArgs, extensions: &[&str], error: &mut PlanError) -> Self {
        let mut inputs = Self::default();
        let output = args.output.as_deref().and_then(|folder| folder.canonicalize().ok());
        for input in &args.inputs {
            if input.is_dir() {
                inputs.walk(input, output.as_deref(), extensions, error);
            } else if input.exists() || !is_pattern(input) {
                inputs.files.push(Found::named(input));
            } else {
                inputs.expand(input, error);
            }
        }
        if let Some(list) = &args.batch.files_from {
            match read_list(list) {
                Ok(paths) => inputs.files.extend(paths.into_iter().map(Found::listed)),
                Err(reason) => error.unreadable.push((list.clone(), reason.to_string())),
            }
        }
        if let Some(root) = &args.batch.root {
            for file in &mut inputs.files {
                match below(root, &file.path) {
                    Some(relative) => file.relative = relative,
                    None => {
                        let reason = format!("is not below --root {}", root.display());
                        error.unreadable.push((file.path.clone(), reason));
                    }
                }
            }
        }
        inputs
    }

    /// Takes what lies below a folder, each file at its place. Hidden files and the output folder are not entered; links are
    /// followed.
    fn walk(&mut self, folder: &Path, output: Option<&Path>, extensions: &[&str], error: &mut PlanError) {
        let before = self.files.len();
        let root = folder.canonicalize().ok();
        // Where the output folder is the input folder itself, nothing could be told apart by place.
        let output = output.filter(|output| root.as_deref() != Some(*output));
        let enter = |entry: &DirEntry| {
            let hidden = entry.depth() > 0 && is_hidden(entry.path());
            let is_output = || {
                entry.file_type().is_dir()
                    && output
                        .is_some_and(|output| entry.path().canonicalize().is_ok_and(|path| path == output))
            };
            !hidden && !is_output()
        };
        for entry in
            WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter().filter_entry(enter)
        {
            let entry = match entry {
                Ok(entry) => entry,
                Err(fault) => {
                    let path = fault.path().unwrap_or(folder).to_owned();
                    let reason = fault.io_error().map_or_else(|| fault.to_string(), ToString::to_string);
                    // What a broken link is of, its name says; a folder that cannot be read may hold anything.
                    let counts = !is_broken_link(&path) || !is_hidden(&path) && self.takes(&path, extensions);
                    if counts {
                        self.files.push(Found::fault(folder, path, reason));
                    }
                    continue;
                }
            };
            if entry.file_type().is_file() && self.takes(entry.path(), extensions) {
                self.files.push(Found::below(folder, entry.into_path()));
            }
        }
        if self.files.len() == before {
            let reason = format!("holds no file to work on ({})", extensions.join(", "));
            error.unreadable.push((folder.to_owned(), reason));
        }
    }

    /// Whether a file of a folder is to be worked on, by its extension; if not, it counts as passed over.
    fn takes(&mut self, path: &Path, extensions: &[&str]) -> bool {
        let extension = path.extension().map(OsStr::to_string_lossy).unwrap_or_default();
        let takes = extensions.iter().any(|known| extension.eq_ignore_ascii_case(known));
        if !takes {
            *self.passed_over.entry(extension.to_lowercase()).or_default() += 1;
        }
        takes
    }

    /// Takes the files that a pattern matches, each at its place below the pattern's fixed part.
    fn expand(&mut self, pattern: &Path, error: &mut PlanError) {
        let before = self.files.len();
        let fixed: PathBuf =
            pattern.components().take_while(|part| !is_pattern(Path::new(part.as_os_str()))).collect();
        let options = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::new() };
        let Some(Ok(matches)) = pattern.to_str().map(|text| glob::glob_with(text, options)) else {
            error.unreadable.push((pattern.to_owned(), "is no file and no pattern".to_owned()));
            return;
        };
        for path in matches {
            match path {
                Ok(path) if path.is_dir() => {}
                Ok(path) => self.files.push(Found::below(&fixed, path)),
                Err(fault) => {
                    let reason = fault.error().to_string();
                    self.files.push(Found::fault(&fixed, fault.path().to_owned(), reason));
                }
            }
        }
        if self.files.len() == before {
            error
                .unreadable
                .push((pattern.to_owned(), "no such file, and as a pattern it matches none".to_owned()));
        }
    }
}

impl Found {
    fn named(path: &Path) -> Self {
        let relative = path.file_name().map(PathBuf::from).unwrap_or_default();
        Self { path: path.to_owned(), relative, named: true, fault: None }
    }

    fn below(folder: &Path, path: PathBuf) -> Self {
        let relative = path.strip_prefix(folder).ok().filter(|relative| is_plain(relative));
        let relative = relative.map_or_else(|| file_name(&path), Path::to_owned);
        Self { path, relative, named: false, fault: None }
    }

    /// A line of a list: a relative path keeps its place, any other its name alone.
    fn listed(path: PathBuf) -> Self {
        let parts = path.components().filter(|part| *part != Component::CurDir).collect::<PathBuf>();
        let relative = if is_plain(&parts) { parts } else { file_name(&path) };
        Self { path, relative, named: false, fault: None }
    }

    fn fault(folder: &Path, path: PathBuf, reason: String) -> Self {
        Self { fault: Some(reason), ..Self::below(folder, path) }
    }
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// Whether a path is a link to nothing, or to what cannot be looked at.
fn is_broken_link(path: &Path) -> bool {
    path.is_symlink() && path.metadata().is_err()
}

fn file_name(path: &Path) -> PathBuf {
    path.file_name().map(PathBuf::from).unwrap_or_default()
}

/// Whether a path only goes down.
fn is_plain(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_)))
}

fn is_pattern(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().iter().any(|byte| b"*?[".contains(byte))
}

/// The place of a file below a folder, as they are written or else as they really lie.
fn below(root: &Path, path: &Path) -> Option<PathBuf> {
    if let Ok(relative) = path.strip_prefix(root)
        && is_plain(relative)
    {
        return Some(relative.to_owned());
    }
    let (root, path) = (root.canonicalize().ok()?, path.canonicalize().ok()?);
    path.strip_prefix(root).ok().map(Path::to_owned)
}

/// The paths of a list: one a line, or separated by zero bytes where it holds any; `-` is standard input.
fn read_list(list: &Path) -> io::Result<Vec<PathBuf>> {
    let mut bytes = Vec::new();
    if list == Path::new("-") {
        io::stdin().lock().read_to_end(&mut bytes)?;
    } else {
        bytes = std::fs::read(list)?;
    }
    let separator = if bytes.contains(&0) { 0 } else { b'\n' };
    let lines = bytes.split(|byte| *byte == separator);
    let lines =
        lines.map(|line| if separator == 0 { line } else { line.strip_suffix(b"\r").unwrap_or(line) });
    Ok(lines.filter(|line| !line.is_empty()).map(path_of).collect())
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    OsStr::from_bytes(bytes).into()
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}
