//! Decoders of packets.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use symphonia::core::audio::{Channels, GenericAudioBufferRef};
use symphonia::core::codecs::audio::well_known::CODEC_ID_FLAC;
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use super::flac_frame::{self, StreamInfo};
use super::pcm::Encoding;
use crate::check::check_channels;
use crate::{AudioError, MAX_CHANNELS, Planar};

/// Decodes packets one after the other.
pub(super) trait PacketDecoder: Send {
    /// Decodes a packet. The samples replace those in `planes`, possibly none.
    fn decode(&mut self, data: &[u8], planes: &mut Planar) -> Result<(), String>;

    /// Sample rate in Hz and channels of the last decoded packet.
    fn format(&self) -> (u32, usize);

    /// Forgets the packets so far.
    fn reset(&mut self);

    /// Returns false if the checksum of all samples does not match.
    fn verify(&mut self) -> bool {
        true
    }
}

/// Decodes through symphonia.
pub(super) struct SymphoniaDecoder {
    /// True for FLAC, whose frames end with a CRC-16.
    has_crc16: bool,
    /// Samples that the checksum of FLAC covers, if known, and samples decoded so far.
    checked_samples: u64,
    decoded_samples: u64,
    decoder: Box<dyn AudioDecoder>,
    rate_hz: u32,
    channels: usize,
}

/// Parameters of a symphonia decoder.
pub(super) struct Parameters {
    pub(super) codec: AudioCodecId,
    pub(super) rate_hz: u32,
    pub(super) channels: usize,
    pub(super) extra_data: Option<Vec<u8>>,
}

impl SymphoniaDecoder {
    /// Creates a decoder; `name` is the codec and container in errors.
    pub(super) fn open(path: &Path, parameters: Parameters, name: &str) -> Result<Box<Self>, AudioError> {
        let Parameters { codec, rate_hz, channels, extra_data } = parameters;
        if channels > 0 {
            // Before the decoder allocates memory for them.
            check_channels(path, channels)?;
        }
        let info = extra_data.as_deref().filter(|_| codec == CODEC_ID_FLAC).and_then(StreamInfo::parse);
        let checked_samples = info.map_or(0, |info| info.samples);
        let mut codec_parameters = AudioCodecParameters::new();
        codec_parameters.for_codec(codec).with_sample_rate(rate_hz);
        match channels {
            0 => {}
            _ => {
                codec_parameters.with_channels(layout(channels));
            }
        }
        if let Some(extra_data) = extra_data {
            codec_parameters.with_extra_data(extra_data.into());
        }
        let options = AudioDecoderOptions::default().verify(codec == CODEC_ID_FLAC);
        // A header that the Vorbis decoder does not expect makes it panic.
        let make = || symphonia::default::get_codecs().make_audio_decoder(&codec_parameters, &options);
        match catch_unwind(AssertUnwindSafe(make)).unwrap_or(Err(Error::DecodeError("the decoder panicked")))
        {
            Ok(decoder) => {
                // The header of the codec is right where that of the container is not.
                let found = decoder.codec_params();
                let rate_hz = found.sample_rate.unwrap_or(rate_hz);
                let channels = found.channels.as_ref().map_or(channels, Channels::count);
                let has_crc16 = codec == CODEC_ID_FLAC;
                let decoded_samples = 0;
                Ok(Box::new(Self { has_crc16, checked_samples, decoded_samples, decoder, rate_hz, channels }))
            }
            Err(Error::Unsupported(detail)) => Err(AudioError::UnsupportedCodec {
                path: path.to_owned(),
                codec: format!("{name} ({detail})"),
            }),
            Err(error) => {
                Err(AudioError::malformed(path, format!("a valid header of {name}"), error.to_string()))
            }
        }
    }
}

fn layout(channels: usize) -> Channels {
    use symphonia::core::audio::layouts::{CHANNEL_LAYOUT_MONO, CHANNEL_LAYOUT_STEREO};
    match channels {
        1 => CHANNEL_LAYOUT_MONO,
        2 => CHANNEL_LAYOUT_STEREO,
        _ => Channels::Discrete(channels as u16),
    }
}

impl PacketDecoder for SymphoniaDecoder {
    fn decode(&mut self, data: &[u8], planes: &mut Planar) -> Result<(), String> {
        if self.has_crc16 && data.iter().fold(0, |crc, &byte| flac_frame::crc16(crc, byte)) != 0 {
            return Err("the checksum of the frame does not match".to_owned());
        }
        let packet = Packet::new(0, Timestamp::from(0_i64), Duration::from(0_u64), data);
        match self.decoder.decode(&packet) {
            Ok(buffer) => {
                (self.rate_hz, self.channels) = copy_planes(&buffer, planes)?;
                self.decoded_samples += planes.first().map_or(0, Vec::len) as u64;
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    fn format(&self) -> (u32, usize) {
        (self.rate_hz, self.channels)
    }

    fn reset(&mut self) {
        self.decoder.reset();
    }

    fn verify(&mut self) -> bool {
        // A stream that was cut without decoding it keeps the checksum of the whole.
        let is_part = self.checked_samples > 0 && self.checked_samples != self.decoded_samples;
        is_part || self.decoder.finalize().verify_ok != Some(false)
    }
}

fn copy_planes(buffer: &GenericAudioBufferRef<'_>, planes: &mut Planar) -> Result<(u32, usize), String> {
    let channels = buffer.num_planes();
    if channels > MAX_CHANNELS {
        return Err(format!("expected at most {MAX_CHANNELS} channels, found {channels}"));
    }
    buffer.copy_to_vecs_planar::<f32>(planes);
    Ok((buffer.spec().rate(), channels))
}

/// Decodes uncompressed samples in packets.
pub(super) struct PcmDecoder {
    pub(super) encoding: Encoding,
    pub(super) rate_hz: u32,
    pub(super) channels: usize,
}

impl PacketDecoder for PcmDecoder {
    fn decode(&mut self, data: &[u8], planes: &mut Planar) -> Result<(), String> {
        *planes = self.encoding.decode(data, self.channels);
        Ok(())
    }

    fn format(&self) -> (u32, usize) {
        (self.rate_hz, self.channels)
    }

    fn reset(&mut self) {}
}
