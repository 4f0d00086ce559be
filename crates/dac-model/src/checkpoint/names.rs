//! From the names in any known checkpoint layout to the canonical ones (the reference's, weight norm folded).

use std::collections::BTreeMap;

/// Who wrote the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// The reference's module names, also behind a prefix.
    Reference,
    /// The names of the transformers library's `DacModel`.
    Transformers,
}

/// How a canonical parameter is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stored {
    /// As it is, under this key.
    Plain(String),
    /// Weight-normalised: magnitude and direction under these keys.
    WeightNorm { magnitude: String, direction: String },
}

/// Prefixes before the model's own names. Behind the last one stands the codec of a whole speech model, whose other keys
/// are not ours.
const PREFIXES: [&str; 4] = ["", "dac.", "model.", "audio_encoder.model."];
const SPEECH_MODEL_PREFIX: &str = "audio_encoder.model.";

/// What the keys of a checkpoint come to.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) layout: Layout,
    pub(crate) prefix: &'static str,
    /// Canonical name to storage.
    pub(crate) stored: BTreeMap<String, Stored>,
    /// Keys that name nothing of the codec.
    pub(crate) unused: Vec<String>,
    /// Keys of the speech model around the codec.
    pub(crate) foreign: Vec<String>,
}

impl Names {
    /// Maps all keys; `None` when no known layout is among them.
    pub(crate) fn map(keys: &[String]) -> Option<Self> {
        let has = |prefix: &str, start: &str| {
            keys.iter().any(|k| k.strip_prefix(prefix).is_some_and(|k| k.starts_with(start)))
        };
        let (layout, prefix) = PREFIXES.iter().find_map(|prefix| {
            if has(prefix, "encoder.block.0.weight") || has(prefix, "encoder.block.0.param") {
                Some((Layout::Reference, *prefix))
            } else if has(prefix, "encoder.conv1.") {
                Some((Layout::Transformers, *prefix))
            } else {
                None
            }
        })?;
        let blocks = |side: &str| {
            let start = format!("{prefix}{side}.block.");
            let index = |k: &String| k.strip_prefix(&start)?.split('.').next()?.parse::<usize>().ok();
            keys.iter().filter_map(index).max().map_or(0, |last| last.saturating_add(1))
        };
        let counts = [blocks("encoder"), blocks("decoder")];
        let mut names =
            Self { layout, prefix, stored: BTreeMap::new(), unused: Vec::new(), foreign: Vec::new() };
        let mut halves: BTreeMap<String, [Option<String>; 2]> = BTreeMap::new();
        for key in keys {
            let Some(inner) = key.strip_prefix(prefix) else {
                let list = if prefix == SPEECH_MODEL_PREFIX { &mut names.foreign } else { &mut names.unused };
                list.push(key.clone());
                continue;
            };
            let (module, leaf) = split_leaf(inner);
            let module = match layout {
                Layout::Reference => Some(module.to_owned()),
                Layout::Transformers => reference_module(module, counts),
            };
            match (module, leaf) {
                (Some(module), Leaf::Plain(leaf)) => {
                    names.stored.insert(format!("{module}.{leaf}"), Stored::Plain(key.clone()));
                }
                (Some(module), Leaf::Half(half)) => {
                    halves.entry(format!("{module}.weight")).or_default()[half] = Some(key.clone());
                }
                (None, _) => names.unused.push(key.clone()),
            }
        }
        for (name, half) in halves {
            match half {
                [Some(magnitude), Some(direction)] => {
                    names.stored.insert(name, Stored::WeightNorm { magnitude, direction });
                }
                half => names.unused.extend(half.into_iter().flatten()),
            }
        }
        Some(names)
    }
}

enum Leaf<'a> {
    Plain(&'a str),
    /// 0 the magnitude g, 1 the direction v.
    Half(usize),
}

/// Splits `module.leaf`, knowing both of torch's ways to name a weight-normalised weight.
fn split_leaf(key: &str) -> (&str, Leaf<'_>) {
    const HALVES: [(&str, usize); 4] = [
        (".weight_g", 0),
        (".weight_v", 1),
        (".parametrizations.weight.original0", 0),
        (".parametrizations.weight.original1", 1),
    ];
    for (suffix, half) in HALVES {
        if let Some(module) = key.strip_suffix(suffix) {
            return (module, Leaf::Half(half));
        }
    }
    match key.rsplit_once('.') {
        Some((module, leaf)) => (module, Leaf::Plain(leaf)),
        None => (key, Leaf::Plain("")),
    }
}

/// The reference's module name of one of the transformers library's, `None` when it is not one.
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
    fn transformers_names_become_the_references() {
        let counts = [4, 4];
        for (theirs, ours) in [
            ("encoder.conv1", "encoder.block.0"),
            ("encoder.block.0.res_unit3.conv2", "encoder.block.1.block.2.block.3"),
            ("encoder.block.3.conv1", "encoder.block.4.block.4"),
            ("encoder.snake1", "encoder.block.5"),
            ("decoder.block.1.conv_t1", "decoder.model.2.block.1"),
            ("decoder.block.1.res_unit1.snake1", "decoder.model.2.block.2.block.0"),
            ("decoder.conv2", "decoder.model.6"),
        ] {
            assert_eq!(reference_module(theirs, counts).as_deref(), Some(ours));
        }
        assert_eq!(reference_module("encoder.block.0.res_unit4.conv2", counts), None);
        assert_eq!(reference_module("encoder.block.0.res_unit0.conv2", counts), None);
        assert_eq!(reference_module("encoder.block.x.conv1", counts), None);
    }

    #[test]
    fn both_weight_norm_namings_pair_up_behind_any_prefix() {
        for prefix in PREFIXES {
            for (g, v) in [
                ("weight_g", "weight_v"),
                ("parametrizations.weight.original0", "parametrizations.weight.original1"),
            ] {
                let keys = keys(&[
                    &format!("{prefix}encoder.block.0.{g}"),
                    &format!("{prefix}encoder.block.0.{v}"),
                    &format!("{prefix}encoder.block.0.bias"),
                ]);
                let names = Names::map(&keys).unwrap();
                assert_eq!((names.prefix, names.layout), (prefix, Layout::Reference));
                assert_eq!(names.stored.len(), 2);
                assert!(matches!(names.stored["encoder.block.0.weight"], Stored::WeightNorm { .. }));
            }
        }
    }

    #[test]
    fn a_lonely_half_is_unused_and_foreign_keys_are_told_apart() {
        let names =
            Names::map(&keys(&["audio_encoder.model.encoder.block.0.weight_v", "decoder.layers.0.weight"]))
                .unwrap();
        assert_eq!(names.unused, ["audio_encoder.model.encoder.block.0.weight_v"]);
        assert_eq!(names.foreign, ["decoder.layers.0.weight"]);
        assert!(Names::map(&keys(&["layers.0.weight"])).is_none());
    }
}
