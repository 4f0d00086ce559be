//! The table of presets: name, network shape and published files of each model.
//!
//! To add a preset, add a variant to [`Preset`] and an entry to the table.

use dac_nn::NetworkShape;

use crate::published::{EMPTY, Published, Source, hub, ibm, release};

/// A model of known shape.
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
    /// 24 kHz, 2 codebooks, 1.5 kbit/s: for speech, by IBM Research.
    Khz24Speech2,
    /// 24 kHz, 4 codebooks, 3 kbit/s: for speech, by IBM Research.
    Khz24Speech4,
    /// 44.1 kHz, 9 codebooks, 3.2 million parameters, trained on synthesised speech and music. Its weights
    /// are embedded in the library.
    Tiny,
}

/// An entry of the table.
struct PresetInfo {
    preset: Preset,
    /// Name on the command line and in token files.
    name: &'static str,
    sample_rate_hz: u32,
    encoder_dim: usize,
    /// Strides of the encoder's blocks; the decoder's are the same in reverse.
    encoder_rates: [usize; 4],
    latent_dim: usize,
    decoder_dim: usize,
    codebooks: usize,
    /// Start of the file name in the cache of the Python package.
    python_cache_prefix: Option<&'static str>,
    /// Published files, the default first; empty for embedded weights.
    published: &'static [Published],
}

/// All presets, in the order of [`Preset`], the default first.
static PRESETS: [PresetInfo; 7] = [
    PresetInfo {
        preset: Preset::Khz44,
        name: "44khz",
        sample_rate_hz: 44100,
        encoder_dim: 64,
        encoder_rates: [2, 4, 8, 8],
        latent_dim: 1024,
        decoder_dim: 1536,
        codebooks: 9,
        python_cache_prefix: Some("weights_44khz_8kbps_"),
        published: &[
            release!("44khz", "0.0.1", "weights.pth", bytes: 306_717_287,
                sha256: "a88eed82a7024ccc1facdb1e605c4c2f99281c8118c22c9895ffa846d8fb61aa"),
            hub!(Hance, "hance-ai/descript-audio-codec-44khz", "44khz-hance.safetensors"),
            hub!(Transformers, "descript/dac_44khz", "44khz-transformers.safetensors", bytes: 306_507_276,
                sha256: "6128ebff483a41422b0164d079a3773b0d8d82e64c4293d775994cbf8baf913a"),
        ],
    },
    PresetInfo {
        preset: Preset::Khz44Kbps16,
        name: "44khz-16kbps",
        sample_rate_hz: 44100,
        encoder_dim: 64,
        encoder_rates: [2, 4, 8, 8],
        latent_dim: 128,
        decoder_dim: 1536,
        codebooks: 18,
        python_cache_prefix: Some("weights_44khz_16kbps_"),
        published: &[release!("44khz-16kbps", "1.0.0", "weights_44khz_16kbps.pth", bytes: 256_984_809)],
    },
    PresetInfo {
        preset: Preset::Khz24,
        name: "24khz",
        sample_rate_hz: 24000,
        encoder_dim: 64,
        encoder_rates: [2, 4, 5, 8],
        latent_dim: 1024,
        decoder_dim: 1536,
        codebooks: 32,
        // The package calls the 24 and 16 kHz models "8kbps", whatever their bitrate.
        python_cache_prefix: Some("weights_24khz_8kbps_"),
        published: &[
            release!("24khz", "0.0.4", "weights_24khz.pth",
                sha256: "44bad592fc393e03eb0be7a5120b7d487fe9612fa41269dc03fca3d4b87e20ad"),
            hub!(Hance, "hance-ai/descript-audio-codec-24khz", "24khz-hance.safetensors"),
            hub!(Transformers, "descript/dac_24khz", "24khz-transformers.safetensors", bytes: 298_652_268,
                sha256: "7452e3fc6972991da871ae1a1c9d3e8e219aa247cc0f757018867d6a7fe59aaf"),
        ],
    },
    PresetInfo {
        preset: Preset::Khz16,
        name: "16khz",
        sample_rate_hz: 16000,
        encoder_dim: 64,
        encoder_rates: [2, 4, 5, 8],
        latent_dim: 1024,
        decoder_dim: 1536,
        codebooks: 12,
        python_cache_prefix: Some("weights_16khz_8kbps_"),
        published: &[
            release!("16khz", "0.0.5", "weights_16khz.pth", bytes: 296_820_733,
                sha256: "95ab7176b67137d4d4c6c54b8d6ef3cea797faec228cb03ad084badcad570b4d"),
            hub!(Hance, "hance-ai/descript-audio-codec-16khz", "16khz-hance.safetensors"),
            hub!(Transformers, "descript/dac_16khz", "16khz-transformers.safetensors"),
        ],
    },
    // The networks of 24khz with fewer codebooks. Sources are in docs/user/downloads.md.
    PresetInfo {
        preset: Preset::Khz24Speech2,
        name: "24khz-speech-1.5kbps",
        sample_rate_hz: 24000,
        encoder_dim: 64,
        encoder_rates: [2, 4, 5, 8],
        latent_dim: 1024,
        decoder_dim: 1536,
        codebooks: 2,
        python_cache_prefix: None,
        published: &[
            ibm!("weights_24khz_1.5kbps_v1.0.pth", "24khz-speech-1.5kbps-ibm.pth", bytes: 295_731_578,
                sha256: "d77ca0b04df942ec64e6a7a162bcac093b1127700acdaec0079f40d32c4405fb"),
        ],
    },
    PresetInfo {
        preset: Preset::Khz24Speech4,
        name: "24khz-speech-3kbps",
        sample_rate_hz: 24000,
        encoder_dim: 64,
        encoder_rates: [2, 4, 5, 8],
        latent_dim: 1024,
        decoder_dim: 1536,
        codebooks: 4,
        python_cache_prefix: None,
        published: &[ibm!("weights_24khz_3kbps_v1.0.pth", "24khz-speech-3kbps-ibm.pth")],
    },
    PresetInfo {
        preset: Preset::Tiny,
        name: "tiny",
        sample_rate_hz: 44100,
        encoder_dim: 16,
        encoder_rates: [2, 4, 8, 8],
        latent_dim: 256,
        decoder_dim: 256,
        codebooks: 9,
        python_cache_prefix: None,
        published: &[],
    },
];

impl Preset {
    /// All presets, the default first.
    pub const ALL: [Self; PRESETS.len()] = {
        let mut all = [Self::Khz44; PRESETS.len()];
        let mut i = 0;
        while i < all.len() {
            all[i] = PRESETS[i].preset;
            i += 1;
        }
        all
    };

    fn info(self) -> &'static PresetInfo {
        &PRESETS[self as usize]
    }

    /// Returns the name used on the command line and in token files.
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// Returns the network's shape.
    pub fn shape(self) -> NetworkShape {
        let info = self.info();
        NetworkShape {
            sample_rate_hz: info.sample_rate_hz,
            encoder_dim: info.encoder_dim,
            encoder_rates: info.encoder_rates.to_vec(),
            latent_dim: info.latent_dim,
            decoder_dim: info.decoder_dim,
            decoder_rates: info.encoder_rates.iter().rev().copied().collect(),
            codebooks: info.codebooks,
            codebook_size: 1024,
            codebook_dim: 8,
        }
    }

    /// Returns the published weight files, the default first; empty if the weights are embedded in the
    /// library.
    pub fn published(self) -> &'static [Published] {
        self.info().published
    }

    /// Returns how file names of this model start in the Python package's cache (`~/.cache/descript/dac`);
    /// the release and `.pth` follow.
    pub fn python_cache_prefix(self) -> Option<&'static str> {
        self.info().python_cache_prefix
    }

    /// Finds the preset of exactly this shape.
    pub fn of_shape(shape: &NetworkShape) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.shape() == *shape)
    }

    /// Finds the model of the reference implementation with this number of codebooks; its `.dac` files do not
    /// name their model.
    pub fn of_codebooks(codebooks: usize) -> Option<Self> {
        let is_of_reference = |file: &Published| file.source == Source::Descript;
        let published = PRESETS.iter().filter(|info| info.published.iter().any(is_of_reference));
        published.into_iter().find(|info| info.codebooks == codebooks).map(|info| info.preset)
    }
}

dac_kernels::impl_names!(Preset, "model");
