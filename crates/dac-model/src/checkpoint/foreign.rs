//! Recognition of checkpoints that cannot be read: of other models, incomplete, in several parts.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use super::error::Reason;

/// Layouts and models, and the parts of key names by which they are recognised; all of a row must occur.
const LAYOUTS: [(&str, &[&str]); 8] = [
    ("an MLX conversion", &[".block.layers.0."]),
    ("an MLX conversion", &["decoder.model.layers.0."]),
    ("EnCodec", &["quantizer.layers.0.codebook.embed"]),
    ("EnCodec", &["quantizer.vq.layers.0."]),
    ("Mimi", &["encoder_transformer.layers.0."]),
    ("the discriminator with which a DAC model was trained", &["discriminators.0."]),
    ("a HiFi-GAN or BigVGAN vocoder", &["conv_pre."]),
    ("an autoencoder of stable-audio-tools", &["encoder.layers.0.", "decoder.layers.0."]),
];

/// Names of keys by which each part of a codec is recognised, in the reference's and transformers' naming.
const PARTS: [(&str, [&str; 2]); 3] = [
    ("encoder", ["encoder.block.0.", "encoder.conv1."]),
    ("quantizer", ["quantizer.quantizers.0.", "quantizer.quantizers.0."]),
    ("decoder", ["decoder.model.0.", "decoder.conv1."]),
];

/// Explains why none of the file's keys can be assigned to a codec.
pub(crate) fn explain(keys: &[String]) -> Reason {
    let has = |part: &&str| keys.iter().any(|key| key.contains(*part));
    if let Some((layout, parts)) = LAYOUTS.iter().find(|(_, parts)| parts.iter().all(has)) {
        let example = keys.iter().find(|key| parts.iter().any(|part| key.contains(part)));
        return Reason::OtherLayout { layout, example: example.cloned().unwrap_or_default() };
    }
    let example = || keys.first().cloned().unwrap_or_default();
    missing_parts(keys).unwrap_or_else(|| Reason::NotDac { tensors: keys.len(), example: example() })
}

/// Names the parts of the codec that are missing as a whole, if others are there.
pub(crate) fn missing_parts(keys: &[String]) -> Option<Reason> {
    let has = |names: &[&str; 2]| {
        let is_at_start = |key: &str, name| key.starts_with(name) || key.contains(&format!(".{name}"));
        keys.iter().any(|key| names.iter().any(|name| is_at_start(key, name)))
    };
    let (found, missing): (Vec<_>, Vec<_>) = PARTS.iter().partition(|(_, names)| has(names));
    let names = |parts: Vec<&(&'static str, _)>| parts.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    (!found.is_empty() && !missing.is_empty())
        .then(|| Reason::MissingParts { missing: names(missing), found: names(found) })
}

/// Part and number of parts in a name such as `model-00001-of-00002.safetensors`.
pub(crate) fn part_of_name(path: &Path) -> Option<(u32, u32)> {
    let stem = path.file_stem().and_then(OsStr::to_str)?;
    let (rest, of) = stem.rsplit_once("-of-")?;
    let (_, part) = rest.rsplit_once('-')?;
    Some((part.parse().ok()?, of.parse().ok()?))
}

/// Explains what to give instead of a directory.
pub(crate) fn folder_hint(folder: &Path) -> String {
    let Ok(entries) = fs::read_dir(folder) else { return String::new() };
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    let is_weights = |name: &&String| [".safetensors", ".pth", ".pt"].iter().any(|end| name.ends_with(end));
    let parts = names.iter().filter_map(|name| part_of_name(Path::new(name))).map(|(_, of)| of).max();
    let files: Vec<&str> = names.iter().filter(is_weights).take(4).map(String::as_str).collect();
    match (parts, files.as_slice()) {
        (Some(parts), _) => format!("; it contains a checkpoint in {parts} parts: {}", dac_sniff::JOIN_PARTS),
        (None, []) => String::new(),
        (None, [file]) => format!("; give {}", folder.join(file).display()),
        (None, files) => format!("; it contains {}", files.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_sharded_checkpoints_are_recognised_by_name() {
        let part = |name: &str| part_of_name(Path::new(name));
        assert_eq!(part("a/model-00001-of-00002.safetensors"), Some((1, 2)));
        assert_eq!(part("pytorch_model-00003-of-00003.bin"), Some((3, 3)));
        assert_eq!(part("model.safetensors"), None);
        assert_eq!(part("one-of-two.pth"), None);
    }
}
