//! Fetching from a server on this machine that resumes, refuses, lies or breaks off.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;

use super::fetch::fetch;

/// What the server does to one request; it closes the connection after each.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    /// Ranges are honoured, with an entity tag.
    Resume,
    /// Ranges are honoured, but every body breaks off after 40,000 bytes.
    BreakOff,
    /// The whole file, whatever was asked.
    Whole,
    /// The whole file is promised, its first half sent, whatever was asked.
    Half,
    /// The whole file in chunks, its length not announced.
    Chunked,
    /// Ranges of another file.
    OtherRange,
    /// A refusal, as its status line has it.
    Status(&'static str),
}

/// `Range` and `If-Range` of one request.
type Asked = (Option<String>, Option<String>);

struct Local {
    url: String,
    folder: tempfile::TempDir,
    seen: Arc<Mutex<Vec<Asked>>>,
}

impl Local {
    fn start(body: Vec<u8>, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/weights.pth", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<_>>> = Arc::default();
        let log = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let asked = read_request(&stream);
                log.lock().unwrap().push(asked.clone());
                // The other side may have had enough before the end.
                let _ = answer(&mut stream, &asked, &body, manner);
            }
        });
        Self { url, folder: tempfile::tempdir().unwrap(), seen }
    }

    fn part(&self) -> PathBuf {
        self.folder.path().join("weights.pth.part")
    }

    /// A part as an interrupted download leaves it.
    fn leave(&self, bytes: &[u8], url: &str, validator: Option<&str>, total: usize) {
        fs::write(self.part(), bytes).unwrap();
        let info = serde_json::json!({ "url": url, "validator": validator, "total_bytes": total });
        fs::write(format!("{}.json", self.part().display()), info.to_string()).unwrap();
    }

    fn seen(&self) -> Vec<Asked> {
        self.seen.lock().unwrap().clone()
    }
}

fn read_request(stream: &TcpStream) -> Asked {
    let mut asked = (None, None);
    for line in BufReader::new(stream).lines() {
        let line = line.unwrap();
        match line.split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("range") => asked.0 = Some(value.to_owned()),
            Some((name, value)) if name.eq_ignore_ascii_case("if-range") => asked.1 = Some(value.to_owned()),
            _ if line.is_empty() => break,
            _ => {}
        }
    }
    asked
}

fn answer(stream: &mut TcpStream, asked: &Asked, body: &[u8], manner: Manner) -> std::io::Result<()> {
    let honours = matches!(manner, Manner::Resume | Manner::BreakOff | Manner::OtherRange)
        && asked.1.as_ref().is_none_or(|tag| tag == "\"v1\"");
    let range = asked.0.as_ref().filter(|_| honours);
    let first = range.map_or(0, |range| range[6..].trim_end_matches('-').parse::<usize>().unwrap());
    let status = match manner {
        Manner::Status(status) => status,
        _ if range.is_some() && first >= body.len() => "416 Range Not Satisfiable",
        _ if range.is_some() => "206 Partial Content",
        _ => "200 OK",
    };
    write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nETag: \"v1\"\r\n")?;
    if !status.starts_with('2') {
        return write!(stream, "Content-Length: 0\r\n\r\n");
    }
    let rest = &body[first..];
    match (range, manner) {
        (Some(_), Manner::OtherRange) => write!(stream, "Content-Range: bytes 7-8/9\r\n")?,
        (Some(_), _) => {
            write!(stream, "Content-Range: bytes {first}-{}/{}\r\n", body.len() - 1, body.len())?;
        }
        _ => {}
    }
    if manner == Manner::Chunked {
        write!(stream, "Transfer-Encoding: chunked\r\n\r\n")?;
        for chunk in rest.chunks(10_000) {
            write!(stream, "{:x}\r\n", chunk.len())?;
            stream.write_all(chunk)?;
            write!(stream, "\r\n")?;
        }
        return write!(stream, "0\r\n\r\n");
    }
    write!(stream, "Content-Length: {}\r\n\r\n", rest.len())?;
    let sent = match manner {
        Manner::Half => rest.len() / 2,
        Manner::BreakOff => rest.len().min(40_000),
        _ => rest.len(),
    };
    stream.write_all(&rest[..sent])
}

fn body() -> Vec<u8> {
    (0..150_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

#[test]
fn a_whole_file_arrives_with_and_without_a_length() {
    for manner in [Manner::Resume, Manner::Chunked] {
        let local = Local::start(body(), manner);
        fetch(&local.url, &local.part(), None).unwrap();
        assert_eq!(fs::read(local.part()).unwrap(), body());
        assert_eq!(local.seen(), [(None, None)]);
    }
}

#[test]
fn a_part_is_continued_with_its_entity_tag() {
    let local = Local::start(body(), Manner::Resume);
    local.leave(&body()[..1000], &local.url, Some("\"v1\""), body().len());
    fetch(&local.url, &local.part(), Some(body().len() as u64)).unwrap();
    assert_eq!(fs::read(local.part()).unwrap(), body());
    assert_eq!(local.seen(), [(Some("bytes=1000-".into()), Some("\"v1\"".into()))]);
}

#[test]
fn a_part_of_an_older_version_or_another_address_is_begun_again() {
    let local = Local::start(body(), Manner::Resume);
    local.leave(&[9; 1000], &local.url, Some("\"v0\""), body().len());
    fetch(&local.url, &local.part(), None).unwrap();
    assert_eq!(fs::read(local.part()).unwrap(), body());

    local.leave(&[9; 1000], "http://elsewhere/weights.pth", Some("\"v1\""), body().len());
    fetch(&local.url, &local.part(), None).unwrap();
    assert_eq!(fs::read(local.part()).unwrap(), body());
    assert_eq!(local.seen().last(), Some(&(None, None)));
}

#[test]
fn a_server_without_ranges_starts_over() {
    let local = Local::start(body(), Manner::Whole);
    local.leave(&[9; 149_000], &local.url, Some("\"v1\""), body().len());
    fetch(&local.url, &local.part(), None).unwrap();
    assert_eq!(fs::read(local.part()).unwrap(), body());
}

#[test]
fn ranges_that_do_not_fit_are_begun_again_and_never_mixed() {
    let local = Local::start(body(), Manner::OtherRange);
    local.leave(&[9; 1000], &local.url, None, body().len());
    fetch(&local.url, &local.part(), None).unwrap();
    assert_eq!(fs::read(local.part()).unwrap(), body());

    // More than the file has: 416.
    let local = Local::start(body(), Manner::Resume);
    local.leave(&[9; 200_000], &local.url, Some("\"v1\""), 250_000);
    fetch(&local.url, &local.part(), None).unwrap();
    assert_eq!(fs::read(local.part()).unwrap(), body());
}

#[test]
fn a_finished_part_is_not_fetched_again() {
    let local = Local::start(body(), Manner::Resume);
    local.leave(&body(), &local.url, Some("\"v1\""), body().len());
    fetch(&local.url, &local.part(), None).unwrap();
    assert_eq!(local.seen(), []);
}

#[test]
fn broken_connections_are_taken_up_again_while_they_bring_something() {
    let local = Local::start(body(), Manner::BreakOff);
    fetch(&local.url, &local.part(), None).unwrap();
    assert_eq!(fs::read(local.part()).unwrap(), body());
    let ranges: Vec<_> = local.seen().into_iter().map(|(range, _)| range).collect();
    let expected = [None, Some("bytes=40000-"), Some("bytes=80000-"), Some("bytes=120000-")];
    assert_eq!(ranges, expected.map(|range| range.map(str::to_owned)));
}

#[test]
fn a_body_that_is_always_cut_is_an_error_and_the_part_stays() {
    let local = Local::start(body(), Manner::Half);
    let error = format!("{:#}", fetch(&local.url, &local.part(), None).unwrap_err());
    assert!(error.contains("75000") && error.contains("run again to continue"), "{error}");
    assert_eq!(fs::read(local.part()).unwrap(), body()[..75_000]);
}

#[test]
fn a_wrong_size_is_refused_before_the_body() {
    let local = Local::start(body(), Manner::Resume);
    let error = format!("{:#}", fetch(&local.url, &local.part(), Some(151_000)).unwrap_err());
    assert!(error.contains("has 150000 bytes") && error.contains("151000"), "{error}");
    assert!(!local.part().exists());

    // Without an announced length, the first byte too many ends it.
    let local = Local::start(body(), Manner::Chunked);
    let error = format!("{:#}", fetch(&local.url, &local.part(), Some(100_000)).unwrap_err());
    assert!(error.contains("more than 100000 bytes"), "{error}");
    assert!(!local.part().exists());
}

#[test]
fn refusals_name_the_address_and_the_answer() {
    for status in ["404 Not Found", "403 Forbidden", "500 Internal Server Error", "304 Not Modified"] {
        let local = Local::start(body(), Manner::Status(status));
        let error = format!("{:#}", fetch(&local.url, &local.part(), None).unwrap_err());
        assert!(error.contains(status) && error.contains(&local.url), "{error}");
        assert_eq!(local.seen().len(), 1);
        assert!(!local.part().exists());
    }
}

#[test]
fn an_unreachable_server_is_named_with_a_way_out() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://127.0.0.1:{port}/weights.pth");
    let part = folder.path().join("x.part");
    let error = format!("{:#}", fetch(&url, &part, None).unwrap_err());
    assert!(!part.exists());
    assert!(error.contains(&url) && error.contains("--from FILE"), "{error}");
}

#[test]
fn two_downloads_of_one_file_do_not_mix() {
    let local = Local::start(body(), Manner::Resume);
    let held = fs::File::create(local.part()).unwrap();
    held.try_lock().unwrap();
    let error = format!("{:#}", fetch(&local.url, &local.part(), None).unwrap_err());
    assert!(error.contains("another process") && local.part().exists(), "{error}");
    drop(held);
    fetch(&local.url, &local.part(), None).unwrap();
}
