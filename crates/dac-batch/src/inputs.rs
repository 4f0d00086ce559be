//! Expands files, directories, glob patterns and lists to input files.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use dac_dataset::SourceKind;
use walkdir::{DirEntry, WalkDir};

use crate::braces::expand_braces;
use crate::options::BatchOptions;

/// File to work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InputFile {
    pub(crate) path: PathBuf,
    /// Path of its outputs below the output directory, with the input's own file name.
    pub(crate) relative: PathBuf,
    /// Given directly by the caller: an invalid path then ends the plan, otherwise only this job fails.
    pub(crate) given: bool,
    /// Reason why it cannot be processed, if already known.
    pub(crate) fault: Option<String>,
}

/// Input files of a batch.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    pub(crate) files: Vec<InputFile>,
    /// Data sets, whose rows are read later.
    pub(crate) sources: Vec<InputFile>,
    /// Number of ignored files in directories, by extension.
    pub(crate) ignored: BTreeMap<String, usize>,
    /// Inputs that cannot be used, each with the reason.
    pub(crate) invalid: Vec<(PathBuf, String)>,
    /// Messages for the user.
    pub(crate) remarks: Vec<String>,
}

impl Inputs {
    /// Expands the inputs of `options`. Directories contribute files with one of `extensions`.
    pub(crate) fn expand(options: &BatchOptions, extensions: &[&str]) -> Self {
        let mut inputs = Self::default();
        let output_dir = options.output_dir.canonicalize().ok();
        for input in options.inputs.iter().flat_map(|input| expand_braces(input)) {
            let input = input.as_path();
            if input.is_dir() {
                inputs.add_dir(input, output_dir.as_deref(), extensions);
            } else if input.exists() || !is_pattern(input) {
                inputs.add(InputFile::given(input));
            } else {
                inputs.add_pattern(input);
            }
        }
        if let Some(list) = &options.files_from {
            match read_list(list) {
                Ok(paths) if paths.is_empty() => {
                    let list = list.display();
                    inputs.remarks.push(format!("warning: the list {list} contains no paths"));
                }
                Ok(paths) => paths.into_iter().map(InputFile::listed).for_each(|file| inputs.add(file)),
                Err(error) => inputs.invalid.push((list.clone(), error.to_string())),
            }
        }
        if let Some(root) = &options.root {
            inputs.place_below(root);
        }
        inputs
    }

    /// Places every output at its input's path relative to `root`.
    fn place_below(&mut self, root: &Path) {
        for file in self.files.iter_mut().chain(&mut self.sources) {
            match path_below(root, &file.path) {
                Some(relative) => file.relative = relative,
                None => {
                    let reason = format!("is not below --root {}", root.display());
                    self.invalid.push((file.path.clone(), reason));
                }
            }
        }
    }

    /// Adds the files below a directory. Skips hidden files and the output directory; follows links.
    fn add_dir(&mut self, dir: &Path, output_dir: Option<&Path>, extensions: &[&str]) {
        let before = self.files.len();
        let canonical = dir.canonicalize().ok();
        // Outputs in the input directory itself cannot be distinguished by their path.
        let is_output = canonical.is_some() && canonical.as_deref() == output_dir;
        let mut sources = Vec::new();
        let output_dir = output_dir.filter(|output_dir| canonical.as_deref() != Some(*output_dir));
        let is_output_dir = |entry: &DirEntry| {
            entry.file_type().is_dir()
                && output_dir.is_some_and(|output_dir| {
                    entry.path().canonicalize().is_ok_and(|path| path == output_dir)
                })
        };
        let enter = |entry: &DirEntry| {
            let is_hidden = entry.depth() > 0 && is_hidden(entry.path());
            !is_hidden && !is_output_dir(entry)
        };
        for entry in WalkDir::new(dir).follow_links(true).sort_by_file_name().into_iter().filter_entry(enter)
        {
            match entry {
                Ok(entry) if !entry.file_type().is_file() => {}
                Ok(entry) if SourceKind::is_in_directory(entry.path()) => {
                    sources.push(InputFile::below(dir, entry.into_path()));
                }
                Ok(entry) => {
                    if self.accepts(entry.path(), extensions) {
                        self.files.push(InputFile::below(dir, entry.into_path()));
                    }
                }
                Err(error) => self.add_unreadable(dir, &error, extensions),
            }
        }
        // In a directory of other inputs, an archive is not an input, and neither is a shard of the output.
        if self.files.len() == before && !is_output && !sources.is_empty() {
            return self.sources.extend(sources);
        }
        for file in sources {
            self.accepts(&file.path, &[]);
        }
        if self.files.len() == before {
            let reason = format!("contains no input files ({})", extensions.join(", "));
            self.invalid.push((dir.to_owned(), reason));
        }
    }

    /// Adds a path that a directory walk could not read, as a job that fails. A broken link is judged by its
    /// name; any other path may be a directory with inputs.
    fn add_unreadable(&mut self, dir: &Path, error: &walkdir::Error, extensions: &[&str]) {
        let path = error.path().unwrap_or(dir).to_owned();
        let reason = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
        if !is_broken_link(&path) || !is_hidden(&path) && self.accepts(&path, extensions) {
            self.files.push(InputFile::faulty(dir, path, reason));
        }
    }

    /// Reports whether a file of a directory has one of the extensions; counts it as ignored otherwise.
    fn accepts(&mut self, path: &Path, extensions: &[&str]) -> bool {
        let extension = path.extension().map(OsStr::to_string_lossy).unwrap_or_default();
        let accepts = extensions.iter().any(|known| extension.eq_ignore_ascii_case(known));
        if !accepts {
            *self.ignored.entry(extension.to_lowercase()).or_default() += 1;
        }
        accepts
    }

    /// Adds a file that was named.
    fn add(&mut self, file: InputFile) {
        let is_source = SourceKind::of_name(&file.path).is_some();
        if is_source { self.sources.push(file) } else { self.files.push(file) }
    }

    /// Adds the files that match a pattern, placed relative to the pattern's fixed part.
    fn add_pattern(&mut self, pattern: &Path) {
        let before = self.files.len() + self.sources.len();
        let fixed: PathBuf =
            pattern.components().take_while(|part| !is_pattern(Path::new(part.as_os_str()))).collect();
        let options = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::new() };
        let Some(Ok(matches)) = pattern.to_str().map(|text| glob::glob_with(text, options)) else {
            self.invalid.push((pattern.to_owned(), "is neither a file nor a valid pattern".to_owned()));
            return;
        };
        for path in matches {
            match path {
                Ok(path) if path.is_dir() => {}
                Ok(path) => self.add(InputFile::below(&fixed, path)),
                Err(error) => {
                    let reason = error.error().to_string();
                    self.files.push(InputFile::faulty(&fixed, error.path().to_owned(), reason));
                }
            }
        }
        if self.files.len() + self.sources.len() == before {
            let reason = "no such file; as a pattern it matches no file".to_owned();
            self.invalid.push((pattern.to_owned(), reason));
        }
    }
}

impl InputFile {
    fn given(path: &Path) -> Self {
        Self { path: path.to_owned(), relative: file_name(path), given: true, fault: None }
    }

    fn below(dir: &Path, path: PathBuf) -> Self {
        let relative = path.strip_prefix(dir).ok().filter(|relative| only_descends(relative));
        let relative = relative.map_or_else(|| file_name(&path), Path::to_owned);
        Self { path, relative, given: false, fault: None }
    }

    /// Line of a list: a relative path keeps its directories, any other only its file name.
    fn listed(path: PathBuf) -> Self {
        let parts = path.components().filter(|part| *part != Component::CurDir).collect::<PathBuf>();
        let relative = if only_descends(&parts) { parts } else { file_name(&path) };
        Self { path, relative, given: false, fault: None }
    }

    fn faulty(dir: &Path, path: PathBuf, reason: String) -> Self {
        Self { fault: Some(reason), ..Self::below(dir, path) }
    }
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// Reports whether a path is a link whose target is missing or cannot be accessed.
fn is_broken_link(path: &Path) -> bool {
    path.is_symlink() && path.metadata().is_err()
}

fn file_name(path: &Path) -> PathBuf {
    path.file_name().map(PathBuf::from).unwrap_or_default()
}

/// Reports whether a path has only normal components: no root, `.` or `..`.
fn only_descends(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_)))
}

fn is_pattern(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().iter().any(|byte| b"*?[".contains(byte))
}

/// Path relative to `root`, compared as written, then with links resolved.
fn path_below(root: &Path, path: &Path) -> Option<PathBuf> {
    if let Ok(relative) = path.strip_prefix(root)
        && only_descends(relative)
    {
        return Some(relative.to_owned());
    }
    let (root, path) = (root.canonicalize().ok()?, path.canonicalize().ok()?);
    path.strip_prefix(root).ok().map(Path::to_owned)
}

/// Paths of a list: separated by zero bytes if there are any, otherwise one per line. A byte-order mark at
/// its start is ignored. `-` is standard input.
fn read_list(list: &Path) -> io::Result<Vec<PathBuf>> {
    let mut bytes = Vec::new();
    if list == Path::new("-") {
        io::stdin().lock().read_to_end(&mut bytes)?;
    } else {
        bytes = std::fs::read(list)?;
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        let error = "is a UTF-16 text, expected UTF-8 (or the system's bytes); save it as UTF-8";
        return Err(io::Error::new(io::ErrorKind::InvalidData, error));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
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
