//! The published models and the tiny one, by name.

use std::fmt;
use std::str::FromStr;

use dac_nn::NetworkShape;
use thiserror::Error;

/// A model name that is not known.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
#[error("unknown model '{found}', expected 44khz, 44khz-16kbps, 24khz, 16khz or tiny")]
pub struct UnknownPreset {
    /// What was asked for.
    pub found: String,
}

/// A model whose shape is known beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Preset {
    /// 44.1 kHz, 9 codebooks, 7.75 kbit/s: the original model.
    Khz44,
    /// 44.1 kHz, 18 codebooks, 15.5 kbit/s.
    Khz44Kbps16,
    /// 24 kHz, 32 codebooks, 24 kbit/s.
    Khz24,
    /// 16 kHz, 12 codebooks, 6 kbit/s.
    Khz16,
    /// 44.1 kHz, 9 codebooks, 3.2 million parameters, trained on synthesised speech and music; embedded in the library.
    Tiny,
}

impl Preset {
    /// All presets, the default first.
    pub const ALL: [Self; 5] = [Self::Khz44, Self::Khz44Kbps16, Self::Khz24, Self::Khz16, Self::Tiny];

    /// The name on the command line and in token files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Khz44 => "44khz",
            Self::Khz44Kbps16 => "44khz-16kbps",
            Self::Khz24 => "24khz",
            Self::Khz16 => "16khz",
            Self::Tiny => "tiny",
        }
    }

    /// The network's shape.
    pub fn shape(self) -> NetworkShape {
        let (rate_hz, rates, latent_dim, codebooks): (u32, [usize; 4], usize, usize) = match self {
            Self::Khz44 => (44100, [2, 4, 8, 8], 1024, 9),
            Self::Khz44Kbps16 => (44100, [2, 4, 8, 8], 128, 18),
            Self::Khz24 => (24000, [2, 4, 5, 8], 1024, 32),
            Self::Khz16 => (16000, [2, 4, 5, 8], 1024, 12),
            Self::Tiny => (44100, [2, 4, 8, 8], 256, 9),
        };
        let (encoder_dim, decoder_dim) = if self == Self::Tiny { (16, 256) } else { (64, 1536) };
        NetworkShape {
            sample_rate_hz: rate_hz,
            encoder_dim,
            encoder_rates: rates.to_vec(),
            latent_dim,
            decoder_dim,
            decoder_rates: rates.iter().rev().copied().collect(),
            codebooks,
            codebook_size: 1024,
            codebook_dim: 8,
        }
    }

    /// The preset of exactly this shape.
    pub fn of_shape(shape: &NetworkShape) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.shape() == *shape)
    }

    /// The published model with that many codebooks, as `.dac` files must be guessed from.
    pub fn of_codebooks(codebooks: usize) -> Option<Self> {
        Self::ALL[..4].iter().copied().find(|p| p.shape().codebooks == codebooks)
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Preset {
    type Err = UnknownPreset;

    fn from_str(text: &str) -> Result<Self, UnknownPreset> {
        Self::ALL
            .into_iter()
            .find(|p| p.name() == text)
            .ok_or_else(|| UnknownPreset { found: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_shapes_and_bitrates() {
        let nominal = [7.75, 15.5, 24.0, 6.0, 7.75];
        let keys = [223, 268, 338, 238, 223];
        for ((preset, kbps), keys) in Preset::ALL.into_iter().zip(nominal).zip(keys) {
            assert_eq!(preset.name().parse(), Ok(preset));
            let shape = preset.shape();
            shape.check().unwrap();
            assert_eq!(Preset::of_shape(&shape), Some(preset));
            assert!((shape.bitrate_kbps(shape.codebooks) - kbps).abs() < 0.01, "{preset}");
            assert_eq!(shape.parameters().len(), keys, "{preset}");
        }
        let guesses = [9, 18, 32, 12, 10].map(|count| Preset::of_codebooks(count).map(Preset::name));
        assert_eq!(guesses, [Some("44khz"), Some("44khz-16kbps"), Some("24khz"), Some("16khz"), None]);
        assert!("48khz".parse::<Preset>().is_err());
    }
}
