//! One file over HTTP into a `.part` file, taken up again where it was cut.
//!
//! Beside the `.part` lies a small `.part.json` with the address, the total size and the server's validator (a strong
//! `ETag`, or `Last-Modified`), so that a part is only ever continued with bytes of the same file: the request carries
//! `Range` and `If-Range` (RFC 9110, sections 13.1.5 and 14).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Error, anyhow};
use serde::{Deserialize, Serialize};
use ureq::http::{HeaderMap, StatusCode};
use ureq::{Agent, Body};

use super::progress::Progress;
use crate::output::{error_text, say};

/// No file of weights is nearly as large; a server that sends without end is cut off here.
const MAX_BYTES: u64 = 8 << 30;
/// Attempts at one file as long as each brings new bytes.
const ATTEMPTS: u32 = 5;
/// No answer, or no byte for so long, is an error.
const STALL: Duration = Duration::from_secs(60);

/// Why one attempt ended.
enum Failure {
    /// Another attempt cannot help.
    Final(Error),
    /// Another process has the part.
    Busy(Error),
    /// The connection broke; what has arrived is kept.
    Cut(Error),
    /// What has arrived cannot be continued: begin again, at most once.
    Stale,
}

/// What is known of a part.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct PartInfo {
    url: String,
    validator: Option<String>,
    total_bytes: Option<u64>,
}

/// Downloads `url` to `part`, continuing what is there.
///
/// # Errors
/// When the server cannot be reached or refuses, the connection is cut without progress (the part stays), the size is not
/// `expected_bytes`, or another process downloads the same file.
pub(super) fn fetch(url: &str, part: &Path, expected_bytes: Option<u64>) -> Result<(), Error> {
    let agent = agent();
    let mut restarted = false;
    let mut attempt = 1;
    loop {
        let before = length(part);
        match fetch_once(&agent, url, part, expected_bytes) {
            Ok(()) => return Ok(()),
            Err(Failure::Busy(error)) => return Err(error),
            Err(Failure::Final(error)) => {
                remove_empty(part);
                return Err(error);
            }
            Err(Failure::Stale) if restarted => {
                return Err(anyhow!("{url}: the server's ranges do not fit the file"));
            }
            Err(Failure::Stale) => {
                restarted = true;
                remove(part);
            }
            Err(Failure::Cut(error)) => {
                let arrived = length(part);
                if arrived <= before || attempt >= ATTEMPTS {
                    remove_empty(part);
                    let kept =
                        format!("{arrived} bytes are kept in {}; run again to continue", part.display());
                    return Err(if arrived > 0 { error.context(kept) } else { error });
                }
                say(format_args!("{}; continuing after {arrived} bytes", error_text(&error)));
                std::thread::sleep(Duration::from_millis(200) * attempt);
                attempt += 1;
            }
        }
    }
}

/// Removes a part and what is known of it.
pub(super) fn remove(part: &Path) {
    let _ = fs::remove_file(part);
    let _ = fs::remove_file(info_path(part));
}

/// Removes a part that nothing has arrived in.
fn remove_empty(part: &Path) {
    if length(part) == 0 {
        remove(part);
    }
}

/// Forgets what is known of a part, which is finished.
pub(super) fn forget(part: &Path) {
    let _ = fs::remove_file(info_path(part));
}

fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .user_agent(concat!("dac/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity")
        .timeout_resolve(Some(Duration::from_secs(20)))
        .timeout_connect(Some(Duration::from_secs(30)))
        .timeout_recv_response(Some(STALL))
        .timeout_per_read(Some(STALL))
        .build()
        .into()
}

fn fetch_once(agent: &Agent, url: &str, part: &Path, expected_bytes: Option<u64>) -> Result<(), Failure> {
    let mut file = open_locked(part)?;
    let mut known = read_info(part).filter(|info| info.url == url).unwrap_or_default();
    let mut have = file.metadata().map_err(|e| unwritable(part, e))?.len();
    if known.url.is_empty() {
        have = 0;
    }
    if have > 0 && known.total_bytes == Some(have) {
        return Ok(());
    }

    let mut request = agent.get(url);
    if have > 0 {
        request = request.header("Range", format!("bytes={have}-"));
        if let Some(validator) = &known.validator {
            request = request.header("If-Range", validator);
        }
    }
    let response = request.call().map_err(|error| Failure::Cut(unreachable(url, &error)))?;
    let (head, body) = response.into_parts();
    let total_bytes = match head.status {
        StatusCode::OK => {
            if have > 0 {
                say(format_args!("{url}: the server sends the whole file again"));
            }
            have = 0;
            known.validator = None;
            content_length(&head.headers)
        }
        StatusCode::PARTIAL_CONTENT if have > 0 => {
            let range = content_range(&head.headers);
            let total = range.and_then(|(_, total)| total);
            let other_size = known.total_bytes.is_some() && total.is_some() && total != known.total_bytes;
            let other_file = known.validator.is_some() && changed(&head.headers, known.validator.as_deref());
            if range.map(|(start, _)| start) != Some(have) || other_size || other_file {
                return Err(Failure::Stale);
            }
            total.or(known.total_bytes)
        }
        StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => return Err(Failure::Stale),
        status => return Err(refused(url, status)),
    };
    if let (Some(expected), Some(found)) = (expected_bytes, total_bytes)
        && expected != found
    {
        remove(part);
        return Err(Failure::Final(wrong_size(url, expected, found)));
    }

    known = PartInfo {
        url: url.to_owned(),
        validator: validator(&head.headers).or(known.validator),
        total_bytes,
    };
    write_info(part, &known).map_err(|e| unwritable(part, e))?;
    file.set_len(have).and_then(|()| file.seek(SeekFrom::Start(have))).map_err(|e| unwritable(part, e))?;
    let limit = total_bytes.or(expected_bytes).unwrap_or(MAX_BYTES).min(MAX_BYTES);
    let arrived = receive(url, body, &mut file, part, have, total_bytes, limit)?;
    file.sync_all().map_err(|e| unwritable(part, e))?;
    match total_bytes {
        Some(total) if arrived < total => {
            Err(Failure::Cut(anyhow!("{url}: the connection closed after {arrived} of {total} bytes")))
        }
        _ => Ok(()),
    }
}

/// Copies the body, of at most `limit` bytes with what is there, behind what is there; returns the bytes in the file.
fn receive(
    url: &str,
    body: Body,
    file: &mut File,
    part: &Path,
    have: u64,
    total_bytes: Option<u64>,
    limit: u64,
) -> Result<u64, Failure> {
    let mut reader = body.into_with_config().limit(u64::MAX).reader();
    let mut progress = Progress::start(have, total_bytes);
    let mut block = vec![0_u8; 1 << 16];
    let mut arrived = have;
    loop {
        let count = match reader.read(&mut block) {
            Ok(0) => return Ok(arrived),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                let total = total_bytes.map_or_else(String::new, |total| format!(" of {total}"));
                let said = format!("{url}: the connection broke after {arrived}{total} bytes");
                return Err(Failure::Cut(Error::new(error).context(said)));
            }
        };
        if arrived + count as u64 > limit {
            remove(part);
            return Err(Failure::Final(anyhow!("{url}: the server sends more than {limit} bytes; removed")));
        }
        file.write_all(block.get(..count).unwrap_or_default()).map_err(|e| unwritable(part, e))?;
        arrived += count as u64;
        progress.add(count as u64);
    }
}

/// Opens the part for this process alone, so that two downloads of one file do not mix.
fn open_locked(part: &Path) -> Result<File, Failure> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(part)
        .map_err(|e| unwritable(part, e))?;
    match file.try_lock() {
        Err(fs::TryLockError::WouldBlock) => {
            let said = format!("{}: another process is downloading this file", part.display());
            Err(Failure::Busy(anyhow!(said)))
        }
        // Not every file system has locks; without one, the check of the finished file remains.
        Ok(()) | Err(fs::TryLockError::Error(_)) => Ok(file),
    }
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}

fn info_path(part: &Path) -> PathBuf {
    let mut name = part.as_os_str().to_owned();
    name.push(".json");
    PathBuf::from(name)
}

fn read_info(part: &Path) -> Option<PartInfo> {
    let mut text = String::new();
    File::open(info_path(part)).ok()?.take(1 << 16).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn write_info(part: &Path, info: &PartInfo) -> io::Result<()> {
    fs::write(info_path(part), serde_json::to_vec(info)?)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    text(headers, "content-length")?.parse().ok()
}

/// First byte and total of `Content-Range: bytes FIRST-LAST/TOTAL`.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let (range, total) = text(headers, "content-range")?.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.trim().parse().ok()?, total.trim().parse().ok()))
}

/// What `If-Range` may carry: a strong entity tag, or else a date.
fn validator(headers: &HeaderMap) -> Option<String> {
    let tag = text(headers, "etag").filter(|tag| tag.starts_with('"'));
    tag.or_else(|| text(headers, "last-modified")).map(str::to_owned)
}

/// Whether the answer names another version than the one that was begun.
fn changed(headers: &HeaderMap, begun: Option<&str>) -> bool {
    validator(headers).is_some_and(|now| Some(now.as_str()) != begun)
}

fn refused(url: &str, status: StatusCode) -> Failure {
    let error = anyhow!("{url}: the server answers {status}");
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        Failure::Cut(error)
    } else {
        Failure::Final(error)
    }
}

fn unreachable(url: &str, error: &ureq::Error) -> Error {
    anyhow!(
        "{url}: cannot be reached ({error}); a file that was fetched elsewhere can be given with --from FILE"
    )
}

fn unwritable(part: &Path, error: io::Error) -> Failure {
    Failure::Final(Error::new(error).context(format!("{}: cannot write", part.display())))
}

pub(super) fn wrong_size(url: &str, expected: u64, found: u64) -> Error {
    anyhow!("{url}: has {found} bytes, the published file has {expected}; removed")
}

/// Moves a finished part to its name.
pub(super) fn finish(part: &Path, target: &Path) -> Result<(), Error> {
    File::open(part)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(part, target))
        .with_context(|| format!("{}: cannot be moved to {}", part.display(), target.display()))?;
    forget(part);
    // The new name itself lies in the folder; not every file system lets a folder be synced.
    if let Some(folder) = target.parent().and_then(|folder| File::open(folder).ok()) {
        let _ = folder.sync_all();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|&(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn ranges_and_validators_are_read_strictly() {
        let range = |text| content_range(&headers(&[("content-range", text)]));
        assert_eq!(range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(range("bytes 5-9/*"), Some((5, None)));
        for broken in ["", "bytes", "bytes */10", "5-9/10", "bytes -9/10"] {
            assert_eq!(range(broken), None, "{broken}");
        }
        let both = headers(&[("etag", "\"a\""), ("last-modified", "Mon")]);
        assert_eq!(validator(&both).as_deref(), Some("\"a\""));
        let weak = headers(&[("etag", "W/\"a\""), ("last-modified", "Mon")]);
        assert_eq!(validator(&weak).as_deref(), Some("Mon"));
        assert!(changed(&both, Some("\"b\"")) && !changed(&both, Some("\"a\"")));
    }

    #[test]
    fn what_is_known_of_a_part_survives() {
        let folder = tempfile::tempdir().unwrap();
        let part = folder.path().join("x.pth.part");
        assert_eq!(read_info(&part), None);
        let info =
            PartInfo { url: "http://a/b".into(), validator: Some("\"a\"".into()), total_bytes: Some(9) };
        write_info(&part, &info).unwrap();
        assert_eq!(read_info(&part), Some(info));
        forget(&part);
        assert_eq!(read_info(&part), None);
    }
}
