//! Mono WAV files of 32-bit floats: what goes into `dac` bit by bit, and what comes out.

use std::path::Path;

use anyhow::{Context, Error, bail};

/// Writes one channel.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write(path: &Path, samples: &[f32], rate_hz: u32) -> Result<(), Error> {
    let data: Vec<u8> = samples.iter().flat_map(|v| v.to_le_bytes()).collect();
    let mut file = Vec::from(*b"RIFF");
    file.extend((36 + data.len() as u32).to_le_bytes());
    file.extend(*b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    for short in [3_u16, 1] {
        file.extend(short.to_le_bytes());
    }
    file.extend(rate_hz.to_le_bytes());
    file.extend((rate_hz * 4).to_le_bytes());
    for short in [4_u16, 32] {
        file.extend(short.to_le_bytes());
    }
    file.extend(*b"data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    std::fs::write(path, file).with_context(|| path.display().to_string())
}

/// Reads one channel of floats.
///
/// # Errors
/// When the file is of any other kind.
pub(crate) fn read(path: &Path) -> Result<Vec<f32>, Error> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    parse(&bytes).with_context(|| path.display().to_string())
}

fn parse(bytes: &[u8]) -> Result<Vec<f32>, Error> {
    let short = |bytes: &[u8], at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    if bytes.get(..4) != Some(b"RIFF") || bytes.get(8..12) != Some(b"WAVE") {
        bail!("not a WAV file");
    }
    let (mut rest, mut is_float) = (&bytes[12..], false);
    while let Some((header, body)) = rest.split_at_checked(8) {
        let size = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
        let chunk = &body[..size.min(body.len())];
        if &header[..4] == b"fmt " {
            // An extensible header (65534) names the format in its last field.
            let format = match short(chunk, 0) {
                Some(65534) => short(chunk, 24),
                other => other,
            };
            is_float = (format, short(chunk, 2), short(chunk, 14)) == (Some(3), Some(1), Some(32));
        }
        if &header[..4] == b"data" {
            if !is_float {
                bail!("expected one channel of 32-bit floats");
            }
            return Ok(chunk.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect());
        }
        rest = body.get(size + size % 2..).unwrap_or_default();
    }
    bail!("no samples")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_go_to_a_file_and_back() {
        let path = std::env::temp_dir().join(format!("xtask-{}.wav", std::process::id()));
        let samples = [0.0, -1.0, 1e-9, 0.1];
        write(&path, &samples, 44100).unwrap();
        assert_eq!(read(&path).unwrap(), samples);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[20] = 1;
        assert!(parse(&bytes).is_err() && parse(&bytes[..30]).is_err() && parse(b"RIFF").is_err());
        std::fs::remove_file(path).unwrap();
    }
}
