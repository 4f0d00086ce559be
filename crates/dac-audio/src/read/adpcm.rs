//! Decoders of ADPCM: IMA in WAV, IMA in QuickTime and AIFF-C, and Microsoft's.

use super::decoder::PacketDecoder;
use crate::Planar;

const STEPS: [i32; 89] = [
    7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66, 73, 80, 88,
    97, 107, 118, 130, 143, 157, 173, 190, 209, 230, 253, 279, 307, 337, 371, 408, 449, 494, 544, 598, 658,
    724, 796, 876, 963, 1060, 1166, 1282, 1411, 1552, 1707, 1878, 2066, 2272, 2499, 2749, 3024, 3327, 3660,
    4026, 4428, 4871, 5358, 5894, 6484, 7132, 7845, 8630, 9493, 10442, 11487, 12635, 13899, 15289, 16818,
    18500, 20350, 22385, 24623, 27086, 29794, 32767,
];
const INDEX_STEPS: [i32; 8] = [-1, -1, -1, -1, 2, 4, 6, 8];
const MS_ADAPTATION: [i32; 16] =
    [230, 230, 230, 230, 307, 409, 512, 614, 768, 614, 512, 409, 307, 230, 230, 230];
const MS_COEFFICIENTS: [(i32, i32); 7] =
    [(256, 0), (512, -256), (0, 0), (192, 64), (240, 0), (460, -208), (392, -232)];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    ImaWav,
    ImaQt,
    Microsoft,
}

/// Decodes blocks of ADPCM. A packet is one block or, of QuickTime, several.
pub(super) struct AdpcmDecoder {
    kind: Kind,
    rate_hz: u32,
    channels: usize,
    /// Last sample and step index per channel.
    states: Vec<(i32, i32)>,
}

impl AdpcmDecoder {
    fn new(kind: Kind, rate_hz: u32, channels: usize) -> Self {
        Self { kind, rate_hz, channels, states: vec![(0, 0); channels] }
    }

    pub(super) fn ima_wav(rate_hz: u32, channels: usize) -> Self {
        Self::new(Kind::ImaWav, rate_hz, channels)
    }

    pub(super) fn ima_qt(rate_hz: u32, channels: usize) -> Self {
        Self::new(Kind::ImaQt, rate_hz, channels)
    }

    pub(super) fn microsoft(rate_hz: u32, channels: usize) -> Self {
        Self::new(Kind::Microsoft, rate_hz, channels)
    }

    fn decode_ima_wav(&self, block: &[u8], planes: &mut Planar) -> Result<(), String> {
        let short = || format!("a block of {} bytes", block.len());
        let header = block.get(..4 * self.channels).ok_or_else(short)?;
        let mut states: Vec<ImaState> = header
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&[a, b, index, _]| ImaState {
                sample: i32::from(i16::from_le_bytes([a, b])),
                index: i32::from(index).min(88),
            })
            .collect();
        for (plane, state) in planes.iter_mut().zip(&states) {
            plane.push(scale(state.sample));
        }
        let body = block.get(4 * self.channels..).unwrap_or_default();
        for group in body.chunks_exact(4 * self.channels) {
            for ((plane, state), bytes) in planes.iter_mut().zip(&mut states).zip(group.chunks_exact(4)) {
                for &byte in bytes {
                    plane.push(scale(state.next_by_product(byte & 15)));
                    plane.push(scale(state.next_by_product(byte >> 4)));
                }
            }
        }
        Ok(())
    }

    fn decode_ima_qt(&mut self, data: &[u8], planes: &mut Planar) -> Result<(), String> {
        if data.len() < 34 * self.channels {
            return Err(format!("a block of {} bytes", data.len()));
        }
        for (index, packet) in data.chunks_exact(34).enumerate() {
            let channel = index % self.channels;
            let (Some(plane), Some(last), &[high, low, ..]) =
                (planes.get_mut(channel), self.states.get_mut(channel), packet)
            else {
                continue;
            };
            let word = i32::from(i16::from_be_bytes([high, low]));
            let (sample, step) = (word & !0x7f, (word & 0x7f).min(88));
            // The header has 9 bits of the sample; the exact one is known if nothing is missing.
            let is_continued = last.1 == step && (sample - last.0).abs() <= 0x7f;
            let mut state = ImaState { sample: if is_continued { last.0 } else { sample }, index: step };
            for &byte in packet.get(2..).unwrap_or_default() {
                plane.push(scale(state.next_by_sum(byte & 15)));
                plane.push(scale(state.next_by_sum(byte >> 4)));
            }
            *last = (state.sample, state.index);
        }
        Ok(())
    }

    fn decode_microsoft(&self, block: &[u8], planes: &mut Planar) -> Result<(), String> {
        let channels = self.channels;
        let short = || format!("a block of {} bytes", block.len());
        let word = |at: usize| {
            block
                .get(at..at + 2)
                .and_then(|bytes| bytes.first_chunk())
                .map(|b| i32::from(i16::from_le_bytes(*b)))
        };
        let mut states = Vec::with_capacity(channels);
        for (channel, plane) in planes.iter_mut().enumerate() {
            let index = usize::from(*block.get(channel).ok_or_else(short)?);
            let coefficients = *MS_COEFFICIENTS.get(index).ok_or_else(|| format!("predictor {index}"))?;
            let field = |n: usize| word(channels * (2 * n + 1) + 2 * channel).ok_or_else(short);
            let state = MsState { coefficients, delta: field(0)?, last: field(1)?, before: field(2)? };
            plane.push(scale(state.before));
            plane.push(scale(state.last));
            states.push(state);
        }
        let nibbles = block.get(7 * channels..).unwrap_or_default().iter().flat_map(|b| [b >> 4, b & 15]);
        for (index, nibble) in nibbles.enumerate() {
            let channel = index % channels;
            if let (Some(plane), Some(state)) = (planes.get_mut(channel), states.get_mut(channel)) {
                plane.push(scale(state.next(nibble)));
            }
        }
        Ok(())
    }
}

fn scale(sample: i32) -> f32 {
    sample as f32 / 32_768.0
}

struct ImaState {
    sample: i32,
    index: i32,
}

impl ImaState {
    fn next_by_product(&mut self, nibble: u8) -> i32 {
        let code = i32::from(nibble & 7);
        let difference = ((2 * code + 1) * self.step()) >> 3;
        self.add(nibble, difference)
    }

    fn next_by_sum(&mut self, nibble: u8) -> i32 {
        let step = self.step();
        let bit = |mask: u8, value: i32| if nibble & mask == 0 { 0 } else { value };
        let difference = (step >> 3) + bit(4, step) + bit(2, step >> 1) + bit(1, step >> 2);
        self.add(nibble, difference)
    }

    fn step(&self) -> i32 {
        STEPS.get(self.index as usize).copied().unwrap_or(7)
    }

    fn add(&mut self, nibble: u8, difference: i32) -> i32 {
        let signed = if nibble & 8 == 0 { difference } else { -difference };
        self.sample = (self.sample + signed).clamp(-32_768, 32_767);
        self.index = (self.index + INDEX_STEPS[usize::from(nibble & 7)]).clamp(0, 88);
        self.sample
    }
}

struct MsState {
    coefficients: (i32, i32),
    delta: i32,
    last: i32,
    before: i32,
}

impl MsState {
    fn next(&mut self, nibble: u8) -> i32 {
        let signed = i32::from(nibble) - if nibble & 8 == 0 { 0 } else { 16 };
        let predicted = (self.last * self.coefficients.0 + self.before * self.coefficients.1) / 256;
        let sample = predicted.saturating_add(signed.saturating_mul(self.delta)).clamp(-32_768, 32_767);
        (self.before, self.last) = (self.last, sample);
        let adapted = (i64::from(MS_ADAPTATION[usize::from(nibble & 15)]) * i64::from(self.delta)) >> 8;
        self.delta = adapted.clamp(16, i64::from(i32::MAX / 768)) as i32;
        sample
    }
}

impl PacketDecoder for AdpcmDecoder {
    fn decode(&mut self, data: &[u8], planes: &mut Planar) -> Result<(), String> {
        planes.clear();
        planes.resize(self.channels, Vec::new());
        match self.kind {
            Kind::ImaWav => self.decode_ima_wav(data, planes)?,
            Kind::ImaQt => self.decode_ima_qt(data, planes)?,
            Kind::Microsoft => self.decode_microsoft(data, planes)?,
        }
        let shortest = planes.iter().map(Vec::len).min().unwrap_or(0);
        planes.iter_mut().for_each(|plane| plane.truncate(shortest));
        Ok(())
    }

    fn format(&self) -> (u32, usize) {
        (self.rate_hz, self.channels)
    }

    fn reset(&mut self) {
        self.states.fill((0, 0));
    }
}
