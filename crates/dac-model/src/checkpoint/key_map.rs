//! The mapping from a checkpoint's keys, in any known layout, to canonical parameter names.
//!
//! Canonical names are those of the reference after folding weight norm.

use std::collections::BTreeMap;

/// The naming scheme of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// Module names of the reference.
    Reference,
    /// Module names of the transformers library's `DacModel`.
    Transformers,
    /// Conversions for MLX: the reference's modules in lists `layers`, arrays with their channels last.
    Mlx,
}

/// Storage of a canonical parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stored {
    /// The values, under this key.
    Plain(String),
    /// Weight norm: magnitude and direction under these keys.
    WeightNorm { magnitude: String, direction: String },
}

/// Prefixes of the codec's keys. With the last one, the codec is part of a speech model, whose other keys are
/// ignored.
const PREFIXES: [&str; 4] = ["", "dac.", "model.", "audio_encoder.model."];
const SPEECH_MODEL_PREFIX: &str = "audio_encoder.model.";

/// Prefixes of wrappers for training, in front of those above: `DataParallel` and `torch.compile`.
const WRAPPERS: [&str; 5] = ["", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."];

/// The keys of a checkpoint, assigned to parameters.
#[derive(Debug)]
pub(crate) struct KeyMap {
    pub(crate) layout: Layout,
    pub(crate) prefix: String,
    /// Storage by canonical name.
    pub(crate) stored: BTreeMap<String, Stored>,
    /// Keys that are not parameters of the codec.
    pub(crate) unused: Vec<String>,
    /// Keys of the speech model that contains the codec.
    pub(crate) other: Vec<String>,
}

impl KeyMap {
    /// Maps all keys; `None` if they are in no known layout.
    pub(crate) fn new(keys: &[String]) -> Option<Self> {
        let has = |prefix: &str, start: &str| {
            keys.iter().any(|k| k.strip_prefix(prefix).is_some_and(|k| k.starts_with(start)))
        };
        let mut prefixes =
            WRAPPERS.iter().flat_map(|wrapper| PREFIXES.map(|prefix| format!("{wrapper}{prefix}")));
        let (layout, prefix) = prefixes.find_map(|prefix| {
            if has(&prefix, "encoder.block.0.weight") || has(&prefix, "encoder.block.0.param") {
                Some((Layout::Reference, prefix))
            } else if has(&prefix, "encoder.block.layers.0.weight") {
                Some((Layout::Mlx, prefix))
            } else if has(&prefix, "encoder.conv1.") {
                Some((Layout::Transformers, prefix))
            } else {
                None
            }
        })?;
        let is_part = prefix.ends_with(SPEECH_MODEL_PREFIX);
        let blocks = |side: &str| {
            let start = format!("{prefix}{side}.block.");
            let index = |k: &String| k.strip_prefix(&start)?.split('.').next()?.parse::<usize>().ok();
            keys.iter().filter_map(index).max().map_or(0, |last| last.saturating_add(1))
        };
        let counts = [blocks("encoder"), blocks("decoder")];
        let mut map = Self {
            layout,
            prefix: prefix.clone(),
            stored: BTreeMap::new(),
            unused: Vec::new(),
            other: Vec::new(),
        };
        let mut halves: BTreeMap<String, [Option<String>; 2]> = BTreeMap::new();
        for key in keys {
            let Some(inner) = key.strip_prefix(&prefix) else {
                let list = if is_part { &mut map.other } else { &mut map.unused };
                list.push(key.clone());
                continue;
            };
            let (module, leaf) = split_leaf(inner);
            let module = match layout {
                Layout::Reference => Some(module.to_owned()),
                Layout::Transformers => reference_module(module, counts),
                Layout::Mlx => Some(module.replace(".layers.", ".")),
            };
            match (module, leaf) {
                (Some(module), Leaf::Plain(leaf)) => {
                    map.stored.insert(format!("{module}.{leaf}"), Stored::Plain(key.clone()));
                }
                (Some(module), Leaf::Half(half)) => {
                    halves.entry(format!("{module}.weight")).or_default()[half] = Some(key.clone());
                }
                (None, _) => map.unused.push(key.clone()),
            }
        }
        for (name, half) in halves {
            match half {
                [Some(magnitude), Some(direction)] => {
                    map.stored.insert(name, Stored::WeightNorm { magnitude, direction });
                }
                half => map.unused.extend(half.into_iter().flatten()),
            }
        }
        Some(map)
    }

    /// Returns whether the codec is part of a speech model.
    pub(crate) fn is_part(&self) -> bool {
        self.prefix.ends_with(SPEECH_MODEL_PREFIX)
    }

    /// Keys of the codec's tensors.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &String> {
        self.stored
            .values()
            .flat_map(|stored| match stored {
                Stored::Plain(key) => [Some(key), None],
                Stored::WeightNorm { magnitude, direction } => [Some(magnitude), Some(direction)],
            })
            .flatten()
    }
}

/// The last part of a key.
enum Leaf<'a> {
    Plain(&'a str),
    /// A part of a weight-normalised weight: 0 is the magnitude g, 1 the direction v.
    Half(usize),
}

/// Splits `module.leaf`; torch has two naming schemes for weight norm.
fn split_leaf(key: &str) -> (&str, Leaf<'_>) {
    const HALVES: [(&str, usize); 4] = [
        (".weight_g", 0),
        (".weight_v", 1),
        (".parametrizations.weight.original0", 0),
        (".parametrizations.weight.original1", 1),
    ];
    let half = |(suffix, half)| Some((key.strip_suffix(suffix)?, Leaf::Half(half)));
    HALVES.into_iter().find_map(half).unwrap_or_else(|| {
        let (module, leaf) = key.rsplit_once('.').unwrap_or((key, ""));
        (module, Leaf::Plain(leaf))
    })
}

/// Converts a module name of the transformers library to the reference's; `None` if it is unknown.
fn reference_module(module: &str, [encoder_blocks, decoder_blocks]: [usize; 2]) -> Option<String> {
    let parts: Vec<&str> = module.split('.').collect();
    let unit = |name: &str| ["snake1", "conv1", "snake2", "conv2"].iter().position(|n| *n == name);
    match parts[..] {
        ["encoder", "conv1"] => Some("encoder.block.0".to_owned()),
        ["encoder", "snake1"] => Some(format!("encoder.block.{}", encoder_blocks + 1)),
        ["encoder", "conv2"] => Some(format!("encoder.block.{}", encoder_blocks + 2)),
        ["decoder", "conv1"] => Some("decoder.model.0".to_owned()),
        ["decoder", "snake1"] => Some(format!("decoder.model.{}", decoder_blocks + 1)),
        ["decoder", "conv2"] => Some(format!("decoder.model.{}", decoder_blocks + 2)),
        [side @ ("encoder" | "decoder"), "block", index, ref inner @ ..] => {
            let block = index.parse::<usize>().ok()?.checked_add(1)?;
            let (base, first_unit) =
                if side == "encoder" { ("encoder.block", 0) } else { ("decoder.model", 2) };
            let inner = match (side, inner) {
                ("encoder", ["snake1"]) => "3".to_owned(),
                ("encoder", ["conv1"]) => "4".to_owned(),
                ("decoder", ["snake1"]) => "0".to_owned(),
                ("decoder", ["conv_t1"]) => "1".to_owned(),
                (_, [res_unit, layer]) => {
                    let number: usize = res_unit.strip_prefix("res_unit")?.parse().ok()?;
                    let number = number.checked_sub(1).filter(|n| *n < 3)?;
                    format!("{}.block.{}", number + first_unit, unit(layer)?)
                }
                _ => return None,
            };
            Some(format!("{base}.{block}.block.{inner}"))
        }
        ["quantizer", "quantizers", _, _] => Some(module.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(list: &[&str]) -> Vec<String> {
        list.iter().map(|k| (*k).to_owned()).collect()
    }

    #[test]
    fn transformers_names_are_converted_to_reference_names() {
        let counts = [4, 4];
        for (transformers, reference) in [
            ("encoder.conv1", "encoder.block.0"),
            ("encoder.block.0.res_unit3.conv2", "encoder.block.1.block.2.block.3"),
            ("encoder.block.3.conv1", "encoder.block.4.block.4"),
            ("encoder.snake1", "encoder.block.5"),
            ("decoder.block.1.conv_t1", "decoder.model.2.block.1"),
            ("decoder.block.1.res_unit1.snake1", "decoder.model.2.block.2.block.0"),
            ("decoder.conv2", "decoder.model.6"),
        ] {
            assert_eq!(reference_module(transformers, counts).as_deref(), Some(reference));
        }
        assert_eq!(reference_module("encoder.block.0.res_unit4.conv2", counts), None);
        assert_eq!(reference_module("encoder.block.0.res_unit0.conv2", counts), None);
        assert_eq!(reference_module("encoder.block.x.conv1", counts), None);
    }

    #[test]
    fn both_weight_norm_namings_are_paired_with_any_prefix() {
        let wrapped = WRAPPERS.iter().flat_map(|wrapper| PREFIXES.map(|prefix| format!("{wrapper}{prefix}")));
        for prefix in wrapped {
            for (g, v) in [
                ("weight_g", "weight_v"),
                ("parametrizations.weight.original0", "parametrizations.weight.original1"),
            ] {
                let keys = keys(&[
                    &format!("{prefix}encoder.block.0.{g}"),
                    &format!("{prefix}encoder.block.0.{v}"),
                    &format!("{prefix}encoder.block.0.bias"),
                ]);
                let map = KeyMap::new(&keys).unwrap();
                assert_eq!((&map.prefix, map.layout), (&prefix, Layout::Reference));
                assert_eq!(map.stored.len(), 2);
                assert!(matches!(map.stored["encoder.block.0.weight"], Stored::WeightNorm { .. }));
            }
        }
    }

    #[test]
    fn an_unpaired_half_is_unused_and_keys_of_the_speech_model_are_separated() {
        let map =
            KeyMap::new(&keys(&["audio_encoder.model.encoder.block.0.weight_v", "decoder.layers.0.weight"]))
                .unwrap();
        assert_eq!(map.unused, ["audio_encoder.model.encoder.block.0.weight_v"]);
        assert_eq!(map.other, ["decoder.layers.0.weight"]);
        assert!(KeyMap::new(&keys(&["layers.0.weight"])).is_none());
    }
}
