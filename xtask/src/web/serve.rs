//! A small server of static files.

use std::io::{BufRead, BufReader, Error, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// Headers that isolate the page from other origins, as shared memory needs, and keep caches from serving old
/// builds.
const HEADERS: &str = "Cross-Origin-Opener-Policy: same-origin\r\n\
     Cross-Origin-Embedder-Policy: require-corp\r\n\
     Cache-Control: no-cache\r\n";

const MEDIA_TYPES: [(&str, &str); 7] = [
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("json", "application/json"),
    ("wasm", "application/wasm"),
    ("wav", "audio/wav"),
    ("svg", "image/svg+xml"),
];

/// Answers requests for files in `folder`, each connection on its own thread, until the process ends.
pub(super) fn serve(listener: &TcpListener, folder: &Path) {
    for stream in listener.incoming().flatten() {
        let folder = folder.to_owned();
        // A connection that fails concerns only its client.
        std::thread::spawn(move || drop(answer(stream, &folder)));
    }
}

fn answer(stream: TcpStream, folder: &Path) -> Result<(), Error> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut lines = BufReader::new(&stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let mut words = request.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let file = file_of(folder, target).and_then(|path| Some((std::fs::read(&path).ok()?, path)));
    let mut stream = &stream;
    match file {
        Some((bytes, path)) if method == "GET" || method == "HEAD" => {
            let (length, kind) = (bytes.len(), media_type(&path));
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{HEADERS}"
            )?;
            stream.write_all(b"Connection: close\r\n\r\n")?;
            stream.write_all(if method == "GET" { &bytes } else { &[] })
        }
        _ => stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    }
}

/// Returns the path of a request's target, if it stays inside `folder`.
fn file_of(folder: &Path, target: &str) -> Option<PathBuf> {
    let path = target.split(['?', '#']).next()?.strip_prefix('/')?;
    let path = Path::new(if path.is_empty() { "index.html" } else { path });
    let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    inside.then(|| folder.join(path))
}

fn media_type(path: &Path) -> &'static str {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let known = MEDIA_TYPES.iter().find(|(known, _)| *known == extension);
    known.map_or("application/octet-stream", |(_, media_type)| media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_inside_the_folder_are_served() {
        let folder = Path::new("site");
        assert_eq!(file_of(folder, "/"), Some("site/index.html".into()));
        assert_eq!(file_of(folder, "/a/b.js?x=1"), Some("site/a/b.js".into()));
        for target in ["/../secret", "/a/../../secret", "//etc/passwd", "a", "", "/./a/../.."] {
            assert_eq!(file_of(folder, target), None, "{target}");
        }
        assert_eq!(media_type(Path::new("a.wasm")), "application/wasm");
        assert_eq!(media_type(Path::new("tiny.safetensors")), "application/octet-stream");
    }
}
