//! Decoder of Opus packets (RFC 6716, RFC 7845), at 48 kHz.

use std::path::Path;

use opus_pure::OpusMSDecoder;

use super::byte_stream::le16;
use super::decoder::PacketDecoder;
use crate::check::check_channels;
use crate::{AudioError, Planar};

/// Sample rate of all Opus streams in Hz.
pub(super) const RATE_HZ: u32 = 48_000;
/// Longest packet in samples per channel: 120 ms.
const MAX_PACKET_SAMPLES: usize = 5_760;

/// Decodes Opus.
pub(super) struct OpusPacketDecoder {
    decoder: OpusMSDecoder,
    channels: usize,
    family: u8,
    /// Factor of the output gain.
    gain: f32,
    interleaved: Vec<f32>,
}

impl OpusPacketDecoder {
    /// Creates a decoder from an identification header (`OpusHead`).
    pub(super) fn open(path: &Path, head: &[u8]) -> Result<Self, AudioError> {
        let malformed = |found: String| AudioError::malformed(path, "a valid OpusHead", found);
        if !head.starts_with(b"OpusHead") || head.len() < 19 {
            return Err(malformed(format!("{} bytes", head.len())));
        }
        if head.get(8).is_some_and(|version| version >> 4 != 0) {
            return Err(malformed("an unknown version".to_owned()));
        }
        let channels = usize::from(head.get(9).copied().unwrap_or(0));
        let family = head.get(18).copied().unwrap_or(0);
        check_channels(path, channels)?;
        if family > 1 {
            let codec = format!("Opus with channel mapping family {family}");
            return Err(AudioError::UnsupportedCodec { path: path.to_owned(), codec });
        }
        let decoder = OpusMSDecoder::new(RATE_HZ as i32, channels, family).map_err(|error| {
            malformed(format!("{channels} channels of mapping family {family} ({error})"))
        })?;
        let gain_db = f32::from(le16(head, 16).unwrap_or(0) as i16) / 256.0;
        let gain = if gain_db == 0.0 { 1.0 } else { 10_f32.powf(gain_db / 20.0) };
        Ok(Self { decoder, channels, family, gain, interleaved: Vec::new() })
    }
}

impl PacketDecoder for OpusPacketDecoder {
    fn decode(&mut self, data: &[u8], planes: &mut Planar) -> Result<(), String> {
        let samples = packet_samples(data).ok_or("invalid Opus packet")?;
        self.interleaved.clear();
        self.interleaved.resize(samples * self.channels, 0.0);
        let decoded =
            self.decoder.decode(data, samples, &mut self.interleaved).map_err(|error| error.to_string())?;
        self.interleaved.truncate(decoded * self.channels);
        planes.clear();
        for channel in 0..self.channels {
            let frames = self.interleaved.chunks_exact(self.channels);
            planes
                .push(frames.filter_map(|frame| frame.get(channel)).map(|value| value * self.gain).collect());
        }
        Ok(())
    }

    fn format(&self) -> (u32, usize) {
        (RATE_HZ, self.channels)
    }

    fn reset(&mut self) {
        if let Ok(decoder) = OpusMSDecoder::new(RATE_HZ as i32, self.channels, self.family) {
            self.decoder = decoder;
        }
    }
}

/// Computes the samples per channel of a packet from its first bytes.
pub(super) fn packet_samples(packet: &[u8]) -> Option<usize> {
    let &toc = packet.first()?;
    let frame = match toc >> 3 {
        config @ 0..=11 => [480, 960, 1_920, 2_880][usize::from(config & 3)],
        config @ 12..=15 => [480, 960][usize::from(config & 1)],
        config => 120 << (config & 3),
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => usize::from(packet.get(1)? & 63),
    };
    let samples = frame * frames;
    (1..=MAX_PACKET_SAMPLES).contains(&samples).then_some(samples)
}
