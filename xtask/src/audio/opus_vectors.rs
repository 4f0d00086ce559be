//! `cargo xtask audio --opus-vectors`: decodes the test vectors of RFC 8251.
//!
//! A vector is a file of packets, each after its length and the final range of the encoder (`.bit`), and its
//! samples by the reference decoder, stereo at 48 kHz in 16 bits (`.dec`; `m.dec` for decoders without phase
//! inversion). Either has to match. The packets are wrapped in Ogg, which is what dac-audio reads.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, bail, ensure};

use super::{build_example, empty_folder, opus_compare, pcm};

/// Rate of the vectors in Hz.
const RATE_HZ: u32 = 48_000;
/// Longest packet of an Ogg page of its own: 254 full segments and a shorter one.
const MAX_PACKET_BYTES: usize = 254 * 255;

/// Decodes all vectors of a directory.
///
/// # Errors
/// If there is none, or a vector is decoded to something else.
pub(super) fn run(folder: &Path) -> Result<(), Error> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut vectors: Vec<PathBuf> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    vectors.retain(|path| path.extension().is_some_and(|extension| extension == "bit"));
    vectors.sort();
    ensure!(!vectors.is_empty(), "{} contains no testvector*.bit", folder.display());
    build_example("decode_pcm", "dev")?;
    let scratch = empty_folder("opus-vectors")?;
    let mut failed = 0;
    for vector in &vectors {
        let name = vector.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match check(vector, &scratch) {
            Ok(quality) if quality >= 0.0 => println!("{name}: quality {quality:.1} %"),
            Ok(quality) => {
                println!("{name}: FAILED, quality {quality:.1} %, expected 0 % or more");
                failed += 1;
            }
            Err(error) => {
                println!("{name}: FAILED, {error:#}");
                failed += 1;
            }
        }
    }
    if failed > 0 {
        bail!("{failed} of {} vectors failed", vectors.len());
    }
    println!("all {} vectors are decoded as the standard requires", vectors.len());
    Ok(())
}

/// Returns the better quality of the two expected results.
fn check(vector: &Path, scratch: &Path) -> Result<f64, Error> {
    let ogg = scratch.join("vector.opus");
    fs::write(&ogg, wrap(&packets(&fs::read(vector)?)?)?)?;
    let ours = pcm::decode(&ogg, false)?.map_err(Error::msg)?;
    ensure!(ours.facts.channels == 2, "{} channels, expected 2", ours.facts.channels);
    let found: Vec<f32> =
        ours.pcm.samples.iter().map(|value| (value * 32_768.0).round().clamp(-32_768.0, 32_767.0)).collect();
    let mut best = None;
    for ending in [".dec", "m.dec"] {
        let mut path = vector.with_extension("").into_os_string();
        path.push(ending);
        if let Ok(bytes) = fs::read(&path) {
            let wanted: Vec<f32> =
                bytes.as_chunks().0.iter().map(|&bytes| f32::from(i16::from_le_bytes(bytes))).collect();
            let quality = opus_compare::quality(&wanted, &found)?;
            best = Some(best.map_or(quality, |best: f64| best.max(quality)));
        }
    }
    best.with_context(|| format!("no .dec file for {}", vector.display()))
}

/// Splits a `.bit` file into packets.
fn packets(mut bytes: &[u8]) -> Result<Vec<&[u8]>, Error> {
    let mut packets = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        ensure!(length <= rest.len(), "packet {} of {length} bytes is truncated", packets.len());
        let (packet, rest) = rest.split_at(length);
        packets.push(packet);
        bytes = rest;
    }
    ensure!(bytes.is_empty() && !packets.is_empty(), "expected packets, found {} bytes", bytes.len());
    Ok(packets)
}

/// Samples per channel of a packet (RFC 6716, section 3.1).
fn packet_samples(packet: &[u8]) -> Option<u64> {
    let &toc = packet.first()?;
    let frame = match toc >> 3 {
        config @ 0..=11 => [480, 960, 1_920, 2_880][usize::from(config & 3)],
        config @ 12..=15 => [480, 960][usize::from(config & 1)],
        config => 120 << (config & 3),
    };
    Some(match toc & 3 {
        0 => frame,
        1 | 2 => 2 * frame,
        _ => frame * u64::from(packet.get(1)? & 63),
    })
}

/// Wraps packets in Ogg, one per page.
fn wrap(packets: &[&[u8]]) -> Result<Vec<u8>, Error> {
    let mut head = b"OpusHead\x01\x02\0\0".to_vec();
    head.extend_from_slice(&RATE_HZ.to_le_bytes());
    head.extend_from_slice(&[0; 3]);
    let tags = b"OpusTags\0\0\0\0\0\0\0\0";
    let (mut ogg, mut position) = (Vec::new(), 0);
    let all = [&head[..], tags].into_iter().chain(packets.iter().copied());
    for (number, packet) in all.enumerate() {
        if number >= 2 {
            position += packet_samples(packet).context("invalid packet")?;
        }
        let flags = u8::from(number == 0) * 2 + u8::from(number == packets.len() + 1) * 4;
        push_page(&mut ogg, flags, position, number as u32, packet)?;
    }
    Ok(ogg)
}

fn push_page(ogg: &mut Vec<u8>, flags: u8, position: u64, number: u32, packet: &[u8]) -> Result<(), Error> {
    ensure!(packet.len() <= MAX_PACKET_BYTES, "a packet of {} bytes", packet.len());
    let start = ogg.len();
    ogg.extend_from_slice(b"OggS\0");
    ogg.push(flags);
    ogg.extend_from_slice(&position.to_le_bytes());
    ogg.extend_from_slice(&1_u32.to_le_bytes());
    ogg.extend_from_slice(&number.to_le_bytes());
    ogg.extend_from_slice(&[0; 4]);
    let full = packet.len() / 255;
    ogg.push(full as u8 + 1);
    ogg.extend(std::iter::repeat_n(255, full));
    ogg.push((packet.len() % 255) as u8);
    ogg.extend_from_slice(packet);
    let crc = crc(&ogg[start..]);
    ogg[start + 22..start + 26].copy_from_slice(&crc.to_le_bytes());
    Ok(())
}

/// CRC-32 of an Ogg page.
fn crc(page: &[u8]) -> u32 {
    page.iter().fold(0_u32, |crc, &byte| {
        (0..8).fold(crc ^ (u32::from(byte) << 24), |crc, _| {
            if crc >> 31 == 1 { (crc << 1) ^ 0x04c1_1db7 } else { crc << 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Payloads of an Ogg file with one packet per page, apart from their number.
    fn payloads(mut ogg: &[u8]) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        while !ogg.is_empty() {
            let segments = usize::from(ogg[26]);
            let length: usize = ogg[27..27 + segments].iter().map(|&length| usize::from(length)).sum();
            let mut page = ogg[..27 + segments + length].to_vec();
            page[22..26].fill(0);
            assert_eq!(crc(&page).to_le_bytes(), ogg[22..26]);
            found.push(page[27 + segments..].to_vec());
            ogg = &ogg[27 + segments + length..];
        }
        found
    }

    #[test]
    fn packets_of_a_vector_become_pages() {
        let long = vec![0x78; 510];
        let vector = [&[0, 0, 0, 3, 1, 2, 3, 4, 0x78, 5, 6][..], &[0, 0, 1, 254, 0, 0, 0, 0], &long].concat();
        let packets = packets(&vector).unwrap();
        assert_eq!(packets, [&[0x78, 5, 6][..], &long]);
        let ogg = wrap(&packets).unwrap();
        let found = payloads(&ogg);
        assert!(found[0].starts_with(b"OpusHead") && found[1].starts_with(b"OpusTags"));
        assert_eq!(found[2..], [vec![0x78, 5, 6], long]);
        // Two packets of 20 ms, and the mark of the end.
        let last = ogg.len() - 510 - 3 - 27;
        assert_eq!(ogg[last + 5..last + 14], [&[4][..], &1_920_u64.to_le_bytes()].concat());
        assert!(super::packets(&vector[..vector.len() - 1]).is_err());
        assert!(super::packets(b"").is_err());
    }
}
