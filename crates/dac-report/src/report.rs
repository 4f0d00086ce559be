//! The content of a page as plain data.

use dac::ChannelMix;
use dac::audio::AudioSpec;
use dac::codec::NetworkShape;
use dac::metrics::OctaveBand;
use serde::Serialize;

/// Everything that a page shows. Serializes to the figures of `dac report --json`; numbers that are not
/// finite become null.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Model and device.
    #[serde(flatten)]
    pub codec: Codec,
    /// Origin of the excerpt.
    #[serde(flatten)]
    pub recording: Recording,
    /// Codes of the excerpt.
    #[serde(flatten)]
    pub tokens: Tokens,
    /// Decodes, by ascending number of codebooks.
    #[serde(rename = "versions")]
    pub variants: Vec<Variant>,
    /// The encoded signal: mixed, and at the model's rate.
    #[serde(skip)]
    pub original: Signal,
}

/// A model, and the device that runs it.
#[derive(Debug, Clone, Serialize)]
pub struct Codec {
    /// Name of the preset, or `custom`.
    pub model: String,
    /// SHA-256 of the weights in lower-case hexadecimal.
    pub weights_sha256: String,
    /// Device as on the command line.
    pub device: String,
    /// Precision as on the command line.
    pub precision: String,
    /// Instruction set of the CPU engine; `None` on other devices.
    #[serde(skip)]
    pub isa: Option<String>,
    /// Shape of the network.
    #[serde(skip)]
    pub shape: NetworkShape,
}

/// Origin of an excerpt.
#[derive(Debug, Clone, Serialize)]
pub struct Recording {
    /// File name.
    #[serde(skip)]
    pub name: String,
    /// Format and length of the whole recording.
    #[serde(skip)]
    pub spec: AudioSpec,
    /// Start of the excerpt.
    pub start_seconds: f64,
    /// Length of the excerpt.
    #[serde(rename = "audio_seconds")]
    pub seconds: f64,
    /// Whether the recording continues after the excerpt.
    #[serde(skip)]
    pub continues: bool,
    /// Samples of the excerpt that were not finite and became 0.
    #[serde(skip)]
    pub replaced_samples: u64,
    /// Whether the file ends before the length in its header.
    #[serde(skip)]
    pub truncated: bool,
    /// Warning about the input that the tokens record, such as channels that cancel each other in their mean;
    /// known after the encode.
    #[serde(skip)]
    pub warning: Option<String>,
}

/// Codes of an excerpt, drawn.
#[derive(Debug, Clone, Serialize)]
pub struct Tokens {
    /// Mix of the recording's channels.
    #[serde(skip)]
    pub mix: ChannelMix,
    /// Encoded channels.
    pub channels: usize,
    /// Frames per channel.
    pub frames: usize,
    /// Codebooks in the pictures.
    #[serde(skip)]
    pub codebooks: usize,
    /// PNG files, one per channel: a row per codebook, a column per frame.
    #[serde(skip)]
    pub pngs: Vec<Vec<u8>>,
}

/// The decode with one number of codebooks.
#[derive(Debug, Clone, Serialize)]
pub struct Variant {
    /// Number of codebooks.
    pub codebooks: usize,
    /// Nominal bitrate of all channels.
    pub nominal_kbps: f64,
    /// Size of a `.dacp` file with these codebooks.
    pub dacp_bytes: u64,
    /// Bitrate of that file.
    pub dacp_kbps: f64,
    /// Scale-invariant signal-to-distortion ratio.
    pub si_sdr_db: f64,
    /// Mel distance from the original.
    pub mel_distance: f64,
    /// STFT distance from the original.
    pub stft_distance: f64,
    /// Errors and levels by octave band.
    pub bands: Vec<Band>,
    /// The decoded signal.
    #[serde(skip)]
    pub signal: Signal,
}

/// A decode compared with its original in an octave band, as in [`OctaveBand`].
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Band {
    /// Middle of the band.
    pub centre_hz: f64,
    /// Energy of the difference relative to the original.
    pub error_db: f64,
    /// Energy of the decode relative to the original.
    pub level_db: f64,
}

/// A signal to hear and see.
#[derive(Debug, Clone)]
pub struct Signal {
    /// 16-bit WAV file.
    pub wav: Vec<u8>,
    /// Samples beyond full scale, clipped in the WAV file.
    pub clipped: u64,
    /// Spectrograms as PNG files, one per channel.
    pub spectrograms: Vec<Vec<u8>>,
}

impl Recording {
    /// Bitrate in kbit/s of a file of this size that holds the excerpt.
    pub fn kbps(&self, bytes: u64) -> f64 {
        bytes as f64 * 0.008 / self.seconds
    }
}

impl From<OctaveBand> for Band {
    fn from(band: OctaveBand) -> Self {
        Self { centre_hz: band.centre_hz, error_db: band.error_db, level_db: band.level_db }
    }
}
