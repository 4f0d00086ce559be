//! `dac download` from a local server that resumes, refuses, breaks off or sends wrong ranges.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::support::{Lab, Run};

const PART: &str = "home/dac/weights/16khz-custom.pth.part";

/// Response of the server. It closes the connection after each request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Behaviour {
    /// Sends the requested range, with an entity tag.
    Resume,
    /// Sends the requested range, but at most 40,000 bytes.
    BreakOff,
    /// Ignores ranges.
    Whole,
    /// Ignores ranges, announces the whole file and sends its first half.
    Half,
    /// Sends the whole file in chunks without announcing its length.
    Chunked,
    /// Sends a range of another file.
    OtherRange,
    /// Sends this status.
    Status(&'static str),
    /// Sends this status with `Retry-After: 0` to the first requests, this many, then behaves as `Resume`.
    Busy(&'static str, usize),
    /// Sends the whole file with a `Content-Encoding`.
    Compressed,
}

/// `Range` and `If-Range` of a request.
type Request = (Option<String>, Option<String>);

/// A server, and a home to download into.
struct Fixture {
    url: String,
    lab: Lab,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Fixture {
    fn start(body: Vec<u8>, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/weights.pth", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<_>>> = Arc::default();
        let log = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let request = read_request(&stream);
                let mut log = log.lock().unwrap();
                log.push(request.clone());
                let behaviour = match behaviour {
                    Behaviour::Busy(status, count) if log.len() <= count => Behaviour::Status(status),
                    Behaviour::Busy(..) => Behaviour::Resume,
                    other => other,
                };
                drop(log);
                // The client may close the connection early.
                let _ = respond(&mut stream, &request, &body, behaviour);
            }
        });
        Self { url, lab: Lab::new(), requests }
    }

    /// Downloads the file, which is not a checkpoint, so every run ends with an error.
    fn download(&self) -> Run {
        self.lab.dac(&format!("download 16khz --url {}", self.url)).expect(1)
    }

    /// Downloads the file and asserts that all its bytes have arrived. The part of a file that is not a
    /// checkpoint is then removed.
    fn download_whole(&self) {
        let expected = dac::weights::sha256_of_file(&self.lab.put("body", &body())).unwrap();
        let run = self.lab.dac(&format!("download 16khz --url {} --sha256 {expected}", self.url)).expect(1);
        run.says("SHA-256 as expected").says("not weights of 16khz");
        assert!(!self.part_exists());
    }

    fn part_exists(&self) -> bool {
        self.lab.path(PART).exists()
    }

    /// Writes a part as an interrupted download leaves it.
    fn write_part(&self, bytes: &[u8], url: &str, validator: Option<&str>, total: usize) {
        self.lab.put(PART, bytes);
        let info = serde_json::json!({ "url": url, "validator": validator, "total_bytes": total });
        self.lab.put(&format!("{PART}.json"), info.to_string().as_bytes());
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn read_request(stream: &TcpStream) -> Request {
    let mut request = (None, None);
    for line in BufReader::new(stream).lines() {
        let line = line.unwrap();
        match line.split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("range") => request.0 = Some(value.to_owned()),
            Some((name, value)) if name.eq_ignore_ascii_case("if-range") => {
                request.1 = Some(value.to_owned())
            }
            _ if line.is_empty() => break,
            _ => {}
        }
    }
    request
}

fn respond(
    stream: &mut TcpStream,
    request: &Request,
    body: &[u8],
    behaviour: Behaviour,
) -> std::io::Result<()> {
    let honours_ranges = matches!(behaviour, Behaviour::Resume | Behaviour::BreakOff | Behaviour::OtherRange)
        && request.1.as_ref().is_none_or(|tag| tag == "\"v1\"");
    let range = request.0.as_ref().filter(|_| honours_ranges);
    let first = range.map_or(0, |range| range[6..].trim_end_matches('-').parse::<usize>().unwrap());
    let status = match behaviour {
        Behaviour::Status(status) => status,
        _ if range.is_some() && first >= body.len() => "416 Range Not Satisfiable",
        _ if range.is_some() => "206 Partial Content",
        _ => "200 OK",
    };
    write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nETag: \"v1\"\r\n")?;
    if !status.starts_with('2') {
        return write!(stream, "Retry-After: 0\r\nContent-Length: 0\r\n\r\n");
    }
    let rest = &body[first..];
    match (range, behaviour) {
        (Some(_), Behaviour::OtherRange) => write!(stream, "Content-Range: bytes 7-8/9\r\n")?,
        (Some(_), _) => {
            write!(stream, "Content-Range: bytes {first}-{}/{}\r\n", body.len() - 1, body.len())?;
        }
        _ => {}
    }
    if behaviour == Behaviour::Compressed {
        write!(stream, "Content-Encoding: gzip\r\n")?;
    }
    if behaviour == Behaviour::Chunked {
        write!(stream, "Transfer-Encoding: chunked\r\n\r\n")?;
        for chunk in rest.chunks(10_000) {
            write!(stream, "{:x}\r\n", chunk.len())?;
            stream.write_all(chunk)?;
            write!(stream, "\r\n")?;
        }
        return write!(stream, "0\r\n\r\n");
    }
    write!(stream, "Content-Length: {}\r\n\r\n", rest.len())?;
    let sent = match behaviour {
        Behaviour::Half => rest.len() / 2,
        Behaviour::BreakOff => rest.len().min(40_000),
        _ => rest.len(),
    };
    stream.write_all(&rest[..sent])
}

fn body() -> Vec<u8> {
    (0..150_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

#[test]
fn a_whole_file_arrives_with_and_without_a_length() {
    for behaviour in [Behaviour::Resume, Behaviour::Chunked] {
        let fixture = Fixture::start(body(), behaviour);
        fixture.download_whole();
        assert_eq!(fixture.requests(), [(None, None)], "{behaviour:?}");
    }
}

#[test]
fn a_part_is_resumed_with_its_entity_tag() {
    let fixture = Fixture::start(body(), Behaviour::Resume);
    fixture.write_part(&body()[..1000], &fixture.url, Some("\"v1\""), body().len());
    fixture.download_whole();
    assert_eq!(fixture.requests(), [(Some("bytes=1000-".into()), Some("\"v1\"".into()))]);
}

#[test]
fn a_part_of_another_version_or_address_is_restarted() {
    let fixture = Fixture::start(body(), Behaviour::Resume);
    fixture.write_part(&[9; 1000], &fixture.url, Some("\"v0\""), body().len());
    fixture.download_whole();

    fixture.write_part(&[9; 1000], "http://elsewhere/weights.pth", Some("\"v1\""), body().len());
    fixture.download_whole();
    assert_eq!(fixture.requests().last(), Some(&(None, None)));
}

#[test]
fn a_part_is_restarted_if_the_server_ignores_ranges() {
    let fixture = Fixture::start(body(), Behaviour::Whole);
    fixture.write_part(&[9; 149_000], &fixture.url, Some("\"v1\""), body().len());
    fixture.download_whole();
}

#[test]
fn a_part_is_restarted_if_the_range_does_not_match() {
    let fixture = Fixture::start(body(), Behaviour::OtherRange);
    fixture.write_part(&[9; 1000], &fixture.url, None, body().len());
    fixture.download_whole();

    // The part is longer than the file, so the server responds with 416.
    let fixture = Fixture::start(body(), Behaviour::Resume);
    fixture.write_part(&[9; 200_000], &fixture.url, Some("\"v1\""), 250_000);
    fixture.download_whole();
}

#[test]
fn a_finished_part_is_not_fetched_again() {
    let fixture = Fixture::start(body(), Behaviour::Resume);
    fixture.write_part(&body(), &fixture.url, Some("\"v1\""), body().len());
    fixture.download_whole();
    assert_eq!(fixture.requests(), []);
}

#[test]
fn broken_connections_are_resumed_while_bytes_arrive() {
    let fixture = Fixture::start(body(), Behaviour::BreakOff);
    fixture.download_whole();
    let ranges: Vec<_> = fixture.requests().into_iter().map(|(range, _)| range).collect();
    let expected = [None, Some("bytes=40000-"), Some("bytes=80000-"), Some("bytes=120000-")];
    assert_eq!(ranges, expected.map(|range| range.map(str::to_owned)));
}

#[test]
fn a_part_is_kept_after_the_last_broken_connection() {
    let fixture = Fixture::start(body(), Behaviour::Half);
    fixture.download().says("75000").says("run again to continue");
    assert_eq!(fixture.lab.read(PART), body()[..75_000]);
}

#[test]
fn http_errors_contain_address_and_status() {
    for status in ["404 Not Found", "403 Forbidden", "500 Internal Server Error", "304 Not Modified"] {
        let fixture = Fixture::start(body(), Behaviour::Status(status));
        fixture.download().says(status).says(&fixture.url);
        assert_eq!(fixture.requests().len(), 1, "{status}");
        assert!(!fixture.part_exists(), "{status}");
    }
}

#[test]
fn a_busy_server_is_asked_again() {
    for status in ["429 Too Many Requests", "503 Service Unavailable"] {
        let fixture = Fixture::start(body(), Behaviour::Busy(status, 3));
        fixture.write_part(&body()[..1000], &fixture.url, Some("\"v1\""), body().len());
        fixture.download_whole();
        assert_eq!(fixture.requests().len(), 4);
    }
    let fixture = Fixture::start(body(), Behaviour::Busy("503 Service Unavailable", 99));
    fixture
        .download()
        .says("503 Service Unavailable")
        .says("the server is busy after 5 attempts; try again later");
    assert_eq!(fixture.requests().len(), 5);
    assert!(!fixture.part_exists());
}

#[test]
fn a_compressed_response_is_named() {
    let fixture = Fixture::start(body(), Behaviour::Compressed);
    fixture.download().says("Content-Encoding: gzip").says("--from FILE");
    assert!(!fixture.part_exists());
}

#[test]
fn secrets_in_addresses_are_neither_printed_nor_stored() {
    let fixture = Fixture::start(body(), Behaviour::Half);
    let url = fixture.url.replace("http://", "http://ann:hunter2@") + "?token=hunter2&name=x";
    let run = fixture.lab.dac(&format!("download 16khz --url {url} --json")).expect(1);
    run.says("ann:***@").says("token=***&name=x");
    assert!(!run.stderr.contains("hunter2") && !run.stdout.contains("hunter2"), "{}", run.stderr);
    let info = String::from_utf8(fixture.lab.read(&format!("{PART}.json"))).unwrap();
    assert!(info.contains("ann:***@") && !info.contains("hunter2"), "{info}");
    let run = fixture.lab.dac("download 16khz --url http://ann:hunter2@127.0.0.1:9/weights.pth").expect(1);
    assert!(run.stderr.contains("cannot reach") && !run.stderr.contains("hunter2"), "{}", run.stderr);
}

#[test]
fn a_part_locked_by_another_process_is_an_error() {
    let fixture = Fixture::start(body(), Behaviour::Resume);
    let held = File::create(fixture.lab.put(PART, b"")).unwrap();
    held.try_lock().unwrap();
    fixture.download().says("another process");
    assert!(fixture.part_exists());
    drop(held);
    fixture.download_whole();
}
