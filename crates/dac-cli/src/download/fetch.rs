//! Downloads one file over HTTP into a `.part` file and resumes interrupted downloads.
//!
//! A `.part.json` next to the `.part` contains the address, the total size and the server's validator (a
//! strong `ETag` or `Last-Modified`). Requests carry `Range` and `If-Range` (RFC 9110, sections 13.1.5 and
//! 14), so that a part is only continued with bytes of the same file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Error, anyhow};
use serde::{Deserialize, Serialize};
use ureq::http::response::Parts;
use ureq::http::{HeaderMap, StatusCode};
use ureq::{Agent, Body};

use super::address::masked;
use super::progress::Progress;
use crate::output::{eprint_line, error_text};

/// Limit against endless bodies; far above the size of any weights.
const MAX_BYTES: u64 = 8 << 30;
/// Largest number of attempts, as long as each receives new bytes.
const MAX_ATTEMPTS: u32 = 5;
/// Largest number of attempts while the server is busy.
const MAX_BUSY_ATTEMPTS: u32 = 5;
/// Longest time that a busy server can request before the next attempt.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(120);
/// Longest wait for a response or for further bytes.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Reason for the end of an attempt.
enum Failure {
    /// Another attempt would fail as well.
    Final(Error),
    /// Another process has locked the part.
    Locked(Error),
    /// The connection broke; the received bytes are kept.
    Interrupted(Error),
    /// The received bytes cannot be continued; start again, at most once.
    Stale,
    /// The server is busy and may have requested a wait.
    Busy(Error, Option<Duration>),
}

/// Address of a file.
#[derive(Clone, Copy)]
struct Address<'a> {
    /// With its secrets, for requests.
    url: &'a str,
    /// Without them, for messages and the `.part.json`.
    shown: &'a str,
    /// Access token for the server.
    token: Option<&'a str>,
}

/// Content of a `.part.json`.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct PartInfo {
    url: String,
    validator: Option<String>,
    total_bytes: Option<u64>,
}

/// Downloads `url` to `part` and continues an earlier part. `token` gives access to the server.
pub(super) fn fetch(
    url: &str,
    token: Option<&str>,
    part: &Path,
    expected_bytes: Option<u64>,
) -> Result<(), Error> {
    let agent = agent();
    let shown = &masked(url);
    let address = Address { url, shown, token };
    let (mut restarted, mut attempt, mut busy) = (false, 1, 1);
    loop {
        let before = length(part);
        match fetch_once(&agent, address, part, expected_bytes) {
            Ok(()) => return Ok(()),
            Err(Failure::Locked(error)) => return Err(error),
            Err(Failure::Final(error)) => {
                remove_empty(part);
                return Err(error);
            }
            Err(Failure::Stale) if restarted => {
                return Err(anyhow!("{shown}: the server's ranges do not match the file"));
            }
            Err(Failure::Stale) => {
                restarted = true;
                remove(part);
            }
            Err(Failure::Busy(error, retry_after)) => {
                let wait = retry_after.unwrap_or(Duration::from_secs(1 << (busy - 1)));
                if busy >= MAX_BUSY_ATTEMPTS || wait > MAX_RETRY_AFTER {
                    remove_empty(part);
                    let later = format!("the server is busy after {busy} attempts; try again later");
                    return Err(error.context(later));
                }
                let seconds = wait.as_secs();
                eprint_line(format_args!("{}; trying again in {seconds} s", error_text(&error)));
                std::thread::sleep(wait);
                busy += 1;
            }
            Err(Failure::Interrupted(error)) => {
                let received = length(part);
                if received <= before || attempt >= MAX_ATTEMPTS {
                    remove_empty(part);
                    let kept = format!(
                        "{received} bytes are kept in {}; run again to continue, or use --from FILE",
                        part.display()
                    );
                    return Err(if received > 0 { error.context(kept) } else { error });
                }
                eprint_line(format_args!("{}; continuing after {received} bytes", error_text(&error)));
                std::thread::sleep(Duration::from_millis(200) * attempt);
                attempt += 1;
            }
        }
    }
}

/// Removes a part and its `.part.json`.
pub(super) fn remove(part: &Path) {
    let _ = fs::remove_file(part);
    let _ = fs::remove_file(info_path(part));
}

fn remove_empty(part: &Path) {
    if length(part) == 0 {
        remove(part);
    }
}

fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .user_agent(concat!("dac/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity")
        .timeout_resolve(Some(Duration::from_secs(20)))
        .timeout_connect(Some(Duration::from_secs(30)))
        .timeout_recv_response(Some(STALL_TIMEOUT))
        .timeout_per_read(Some(STALL_TIMEOUT))
        .build()
        .into()
}

fn fetch_once(
    agent: &Agent,
    Address { url, shown, token }: Address<'_>,
    part: &Path,
    expected_bytes: Option<u64>,
) -> Result<(), Failure> {
    let mut file = open_locked(part)?;
    let known = read_info(part).filter(|info| info.url == shown).unwrap_or_default();
    let mut have = file.metadata().map_err(|e| unwritable(part, e))?.len();
    if known.url.is_empty() {
        have = 0;
    }
    if have > 0 && known.total_bytes == Some(have) {
        return Ok(());
    }

    let mut request = agent.get(url);
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    if have > 0 {
        request = request.header("Range", format!("bytes={have}-"));
        if let Some(validator) = &known.validator {
            request = request.header("If-Range", validator);
        }
    }
    let unreachable = |error: ureq::Error| {
        let error = error.to_string().replace(url, shown);
        Failure::Interrupted(anyhow!(
            "cannot reach {shown} ({error}); use --from FILE for a file that was downloaded elsewhere"
        ))
    };
    let response = request.call().map_err(unreachable)?;
    let (head, body) = response.into_parts();
    let (have, total_bytes) = check_response(shown, &head, &known, have)?;
    if let (Some(expected), Some(found)) = (expected_bytes, total_bytes)
        && expected != found
    {
        remove(part);
        return Err(Failure::Final(wrong_size(shown, expected, found)));
    }

    let earlier = known.validator.filter(|_| have > 0);
    let validator = validator(&head.headers).or(earlier);
    write_info(part, &PartInfo { url: shown.to_owned(), validator, total_bytes })
        .map_err(|e| unwritable(part, e))?;
    file.set_len(have).and_then(|()| file.seek(SeekFrom::Start(have))).map_err(|e| unwritable(part, e))?;
    let limit = total_bytes.or(expected_bytes).unwrap_or(MAX_BYTES).min(MAX_BYTES);
    let received = Receiver { url: shown, part, have, total_bytes, limit }.receive(body, &mut file)?;
    file.sync_all().map_err(|e| unwritable(part, e))?;
    match total_bytes {
        Some(total) if received < total => {
            let text = format!("{shown}: the connection closed after {received} of {total} bytes");
            Err(Failure::Interrupted(anyhow!(text)))
        }
        _ => Ok(()),
    }
}

/// Checks a response to a request from byte `have` on. Returns the bytes to keep and the total size.
fn check_response(
    url: &str,
    head: &Parts,
    known: &PartInfo,
    have: u64,
) -> Result<(u64, Option<u64>), Failure> {
    if let Some(encoding) = header(&head.headers, "content-encoding").filter(|_| head.status.is_success())
        && !encoding.eq_ignore_ascii_case("identity")
    {
        return Err(Failure::Final(anyhow!(
            "{url}: the server sends the file compressed (Content-Encoding: {encoding}), although it was \
             asked not to; download it with another program and use --from FILE"
        )));
    }
    match head.status {
        StatusCode::OK => {
            if have > 0 {
                eprint_line(format_args!("{url}: the server restarts the file from the beginning"));
            }
            Ok((0, content_length(&head.headers)))
        }
        StatusCode::PARTIAL_CONTENT if have > 0 => {
            let range = content_range(&head.headers);
            let total = range.and_then(|(_, total)| total);
            let other_size = known.total_bytes.is_some() && total.is_some() && total != known.total_bytes;
            let other_file =
                known.validator.is_some() && has_changed(&head.headers, known.validator.as_deref());
            if range.map(|(start, _)| start) != Some(have) || other_size || other_file {
                return Err(Failure::Stale);
            }
            Ok((have, total.or(known.total_bytes)))
        }
        StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => Err(Failure::Stale),
        status => Err(refused(url, status, &head.headers)),
    }
}

struct Receiver<'a> {
    url: &'a str,
    part: &'a Path,
    /// Bytes in the part so far.
    have: u64,
    total_bytes: Option<u64>,
    /// Largest accepted size of the part.
    limit: u64,
}

impl Receiver<'_> {
    /// Appends the body to the file. Returns the file's new size.
    fn receive(&self, body: Body, file: &mut File) -> Result<u64, Failure> {
        let Self { url, part, total_bytes, limit, .. } = *self;
        let mut reader = body.into_with_config().limit(u64::MAX).reader();
        let mut progress = Progress::start(self.have, total_bytes);
        let mut block = vec![0_u8; 1 << 16];
        let mut received = self.have;
        loop {
            let count = match reader.read(&mut block) {
                Ok(0) => return Ok(received),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    let total = total_bytes.map_or_else(String::new, |total| format!(" of {total}"));
                    let text = format!("{url}: the connection broke after {received}{total} bytes");
                    return Err(Failure::Interrupted(Error::new(error).context(text)));
                }
            };
            if received + count as u64 > limit {
                remove(part);
                let text = format!("{url}: the server sends more than {limit} bytes; the part was removed");
                return Err(Failure::Final(anyhow!(text)));
            }
            file.write_all(block.get(..count).unwrap_or_default()).map_err(|e| unwritable(part, e))?;
            received += count as u64;
            progress.add(count as u64);
        }
    }
}

/// Opens and locks the part, so that two processes do not write it at once.
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
            Err(Failure::Locked(anyhow!("{}: another process is downloading this file", part.display())))
        }
        // Some file systems have no locks; the finished file is verified in any case.
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

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    header(headers, "content-length")?.parse().ok()
}

/// Parses first byte and total of `Content-Range: bytes FIRST-LAST/TOTAL`.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let (range, total) = header(headers, "content-range")?.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.trim().parse().ok()?, total.trim().parse().ok()))
}

/// Value for `If-Range`: a strong entity tag, else a date.
fn validator(headers: &HeaderMap) -> Option<String> {
    let tag = header(headers, "etag").filter(|tag| tag.starts_with('"'));
    tag.or_else(|| header(headers, "last-modified")).map(str::to_owned)
}

/// Whether the response belongs to another version of the file than `known`.
fn has_changed(headers: &HeaderMap, known: Option<&str>) -> bool {
    validator(headers).is_some_and(|found| Some(found.as_str()) != known)
}

fn refused(url: &str, status: StatusCode, headers: &HeaderMap) -> Failure {
    let remedy = match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => "; check the address",
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "; check the user name and password",
        _ => "",
    };
    let error = anyhow!("{url}: the server responded with {status}{remedy}");
    match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Failure::Busy(error, retry_after(headers)),
        _ if status.is_server_error() => Failure::Interrupted(error),
        _ => Failure::Final(error),
    }
}

/// Wait that the server requests in seconds; dates are ignored.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    header(headers, "retry-after")?.parse().ok().map(Duration::from_secs)
}

fn unwritable(part: &Path, error: io::Error) -> Failure {
    Failure::Final(Error::new(error).context(format!("cannot write {}", part.display())))
}

pub(super) fn wrong_size(url: &str, expected: u64, found: u64) -> Error {
    anyhow!(
        "{url}: has {found} bytes, the published file has {expected}; the new copy was removed; check the \
         address, or leave out --source for other weights"
    )
}

/// Renames a finished part.
pub(super) fn finish(part: &Path, target: &Path) -> Result<(), Error> {
    File::open(part)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(part, target))
        .with_context(|| format!("cannot rename {} to {}", part.display(), target.display()))?;
    let _ = fs::remove_file(info_path(part));
    // The new name is stored in the directory, which not every file system can sync.
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
    fn malformed_ranges_and_weak_validators_are_rejected() {
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
        assert!(has_changed(&both, Some("\"b\"")) && !has_changed(&both, Some("\"a\"")));
    }

    #[test]
    fn a_download_stops_at_the_first_byte_beyond_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let part = folder.path().join("x.pth.part");
        let mut file = File::create(&part).unwrap();
        let body = Body::builder().reader(io::repeat(7));
        let receiver =
            Receiver { url: "http://a/b", part: &part, have: 0, total_bytes: None, limit: 100_000 };
        let Err(Failure::Final(error)) = receiver.receive(body, &mut file) else { panic!("no final error") };
        assert!(error.to_string().contains("more than 100000 bytes"), "{error}");
        assert!(!part.exists());
    }

    #[test]
    fn part_info_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let part = folder.path().join("x.pth.part");
        assert_eq!(read_info(&part), None);
        let info =
            PartInfo { url: "http://a/b".into(), validator: Some("\"a\"".into()), total_bytes: Some(9) };
        write_info(&part, &info).unwrap();
        assert_eq!(read_info(&part), Some(info));
        remove(&part);
        assert_eq!(read_info(&part), None);
    }
}
