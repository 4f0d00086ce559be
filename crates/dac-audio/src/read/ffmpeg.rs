//! ffmpeg as a second reader: a process that writes WAV into a pipe.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use dac_atomic::TemporaryCopy;

use crate::AudioError;

/// Bytes of ffmpeg's messages that are kept.
const MAX_MESSAGE_BYTES: u64 = 1 << 16;

/// Output of a running ffmpeg. Its failure is an error at the end of the output.
pub(super) struct FfmpegOutput {
    child: Child,
    stdout: ChildStdout,
    messages: Option<JoinHandle<String>>,
}

impl FfmpegOutput {
    /// Decodes the first audio track of a file to 32-bit floats.
    pub(super) fn of_file(path: &Path) -> Result<Self, AudioError> {
        // An absolute path is never taken for an option or a protocol.
        let absolute = std::path::absolute(path).map_err(|error| cannot_start(path, &error))?;
        let mut input = OsString::from("file:");
        input.push(absolute);
        Self::start(&input, Stdio::null(), path)
    }

    /// Decodes a copied pipe in the same way; errors contain `path`.
    pub(super) fn of_copy(copy: &TemporaryCopy, path: &Path) -> Result<Self, AudioError> {
        let file = copy.to_file().map_err(|error| AudioError::read(path, error))?;
        // As a file, standard input can be searched for an index at its end.
        let input = if cfg!(unix) { "file:/dev/stdin" } else { "pipe:0" };
        Self::start(OsStr::new(input), file.into(), path)
    }

    fn start(input: &OsStr, stdin: Stdio, path: &Path) -> Result<Self, AudioError> {
        let failed = |error: io::Error| cannot_start(path, &error);
        let mut child = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-xerror", "-i"])
            .arg(input)
            .args(["-map", "0:a:0", "-c:a", "pcm_f32le", "-f", "wav", "-"])
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let pipes = child.stdout.take().zip(child.stderr.take());
        let (stdout, stderr) = pipes.ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
        let messages = std::thread::Builder::new().spawn(move || {
            let mut stderr = stderr;
            let mut text = Vec::new();
            // The rest is read, too, so that ffmpeg never waits.
            let _ = (&mut stderr).take(MAX_MESSAGE_BYTES).read_to_end(&mut text);
            let _ = io::copy(&mut stderr, &mut io::sink());
            String::from_utf8_lossy(&text).into_owned()
        });
        let messages = messages.map_err(|error| {
            let _ = child.kill();
            failed(error)
        })?;
        Ok(Self { child, stdout, messages: Some(messages) })
    }

    fn finish(&mut self) -> io::Result<()> {
        let status = self.child.wait()?;
        let messages = self.messages.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        if status.success() {
            return Ok(());
        }
        let last = messages.lines().last().unwrap_or("no message");
        Err(io::Error::other(format!("ffmpeg failed ({status}): {last}")))
    }
}

fn cannot_start(path: &Path, error: &io::Error) -> AudioError {
    let message = match error.kind() {
        io::ErrorKind::NotFound => "ffmpeg is not installed, or not in PATH".to_owned(),
        _ => error.to_string(),
    };
    AudioError::Ffmpeg { path: path.to_owned(), message }
}

impl Read for FfmpegOutput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stdout.read(buffer)?;
        if read == 0 && !buffer.is_empty() && self.messages.is_some() {
            self.finish()?;
        }
        Ok(read)
    }
}

impl Drop for FfmpegOutput {
    fn drop(&mut self) {
        // Fails if ffmpeg has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
