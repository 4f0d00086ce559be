//! Facts about a network that are recorded next to its tensors, and the keys under which they are recorded.

use dac_nn::NetworkShape;

/// A recorded value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fact {
    Number(i64),
    Numbers(Vec<i64>),
}

impl std::fmt::Display for Fact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Numbers(numbers) => write!(f, "{numbers:?}"),
        }
    }
}

/// A fact about a network, with its keys in the reference's metadata and in the transformers library's
/// `config.json`.
pub(crate) struct Property {
    pub(crate) name: &'static str,
    pub(crate) metadata: Option<&'static str>,
    pub(crate) config: Option<&'static str>,
    pub(crate) of_shape: fn(&NetworkShape) -> Fact,
}

/// Key of the sample rate in the reference's metadata.
pub(crate) const RATE_IN_METADATA: &str = "sample_rate";
/// Key of the sample rate in a `config.json`.
pub(crate) const RATE_IN_CONFIG: &str = "sampling_rate";
/// Valid sample rates, which are those of [`NetworkShape::check`].
pub(crate) const RATES_HZ: std::ops::RangeInclusive<i64> = 1000..=768_000;

/// Facts that the tensors determine, too.
pub(crate) const PROPERTIES: [Property; 8] = [
    Property {
        name: "number of codebooks",
        metadata: Some("n_codebooks"),
        config: Some("n_codebooks"),
        of_shape: |shape| number(shape.codebooks),
    },
    Property {
        name: "codebook size",
        metadata: Some("codebook_size"),
        config: Some("codebook_size"),
        of_shape: |shape| number(shape.codebook_size),
    },
    Property {
        name: "codebook dimension",
        metadata: Some("codebook_dim"),
        config: Some("codebook_dim"),
        of_shape: |shape| number(shape.codebook_dim),
    },
    Property {
        name: "encoder's width",
        metadata: Some("encoder_dim"),
        config: Some("encoder_hidden_size"),
        of_shape: |shape| number(shape.encoder_dim),
    },
    Property {
        name: "decoder's width",
        metadata: Some("decoder_dim"),
        config: Some("decoder_hidden_size"),
        of_shape: |shape| number(shape.decoder_dim),
    },
    Property {
        name: "encoder's strides",
        metadata: Some("encoder_rates"),
        config: Some("downsampling_ratios"),
        of_shape: |shape| numbers(&shape.encoder_rates),
    },
    Property {
        name: "decoder's strides",
        metadata: Some("decoder_rates"),
        config: Some("upsampling_ratios"),
        of_shape: |shape| numbers(&shape.decoder_rates),
    },
    Property {
        name: "hop",
        metadata: None,
        config: Some("hop_length"),
        of_shape: |shape| number(shape.hop_samples()),
    },
];

fn number(value: usize) -> Fact {
    Fact::Number(value as i64)
}

fn numbers(values: &[usize]) -> Fact {
    Fact::Numbers(values.iter().map(|&value| value as i64).collect())
}

/// Lists the keys of a `config.json` that are read as numbers, and as lists of numbers.
pub(crate) fn config_keys() -> impl Iterator<Item = (&'static str, bool)> {
    let of_shape = NetworkShape {
        sample_rate_hz: 0,
        encoder_dim: 0,
        encoder_rates: Vec::new(),
        latent_dim: 0,
        decoder_dim: 0,
        decoder_rates: Vec::new(),
        codebooks: 0,
        codebook_size: 0,
        codebook_dim: 0,
    };
    let listed = PROPERTIES.iter().filter_map(move |property| {
        let is_list = matches!((property.of_shape)(&of_shape), Fact::Numbers(_));
        Some((property.config?, is_list))
    });
    std::iter::once((RATE_IN_CONFIG, false)).chain(listed)
}
