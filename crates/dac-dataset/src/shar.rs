//! Lhotse Shar: codes in `codes.N.tar`, each followed by the manifest of its array, and cuts in the same
//! order in `cuts.N.jsonl.gz`.

use std::io::{self, Write};

use dac_atomic::FinishedFile;
use dac_tokens::{Format, IntegerType, Layout, LayoutSettings, TokenFile, WriteOptions};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::cut::{cut_of, start_of};
use crate::error::PackError;
use crate::hashing_writer::HashingWriter;
use crate::metadata::EntryMetadata;
use crate::passed::{Member, Passed};
use crate::sample_key::SampleKey;
use crate::tar::TarShard;

/// An entry, converted for its shard.
#[derive(Debug)]
pub(crate) struct SharEntry {
    id: String,
    /// Array of codes and its manifest.
    members: [Member; 2],
    /// Line of the cuts.
    cut: Vec<u8>,
}

/// Open pair of files.
pub(crate) struct SharShard {
    codes: TarShard,
    cuts: GzEncoder<HashingWriter>,
}

impl SharEntry {
    /// Converts tokens, whose codes are in a layout.
    ///
    /// # Errors
    /// Fails if there are arrays other than codes.
    pub(crate) fn new(
        key: &SampleKey,
        metadata: &EntryMetadata,
        tokens: &TokenFile,
        passed: &Passed,
        integer: IntegerType,
        layout: Option<&LayoutSettings>,
    ) -> Result<Self, PackError> {
        if tokens.z.is_some() || tokens.latents.is_some() {
            return Err(PackError::NotCodes { kind: "Shar", found: "z or latents" });
        }
        let Some(codes) = &tokens.codes else {
            return Err(PackError::NotCodes { kind: "Shar", found: "no codes" });
        };
        let id = key.id();
        let mut options = WriteOptions::default();
        (options.integer, options.omits_single_channel) = (Some(integer), true);
        let mut npy = Vec::new();
        tokens.write_to(&mut npy, Format::Npy, &options)?;
        let cut = cut_of(&id, metadata, passed)?;
        let shape = codes.shape();
        let axes = if shape.first() == Some(&1) { shape.get(1..) } else { shape.get(..) };
        let array = manifest(axes.unwrap_or_default(), metadata, layout, &start_of(&cut));
        let to_json = |value: &Value| serde_json::to_vec(value).map_err(PackError::json);
        let member = |extension: &str, content| Member { extension: extension.to_owned(), content };
        let members = [member("npy", npy), member("json", to_json(&array)?)];
        let mut cut = to_json(&Value::Object(cut))?;
        cut.push(b'\n');
        Ok(Self { id, members, cut })
    }
}

/// Manifest of an array. It is temporal if each of its frames is one of the codec.
fn manifest(
    shape: &[usize],
    metadata: &EntryMetadata,
    layout: Option<&LayoutSettings>,
    start: &Value,
) -> Value {
    let array = json!({ "storage_type": "shar", "storage_path": "", "storage_key": "", "shape": shape });
    let temporal_dim = match layout {
        None => Some(-1),
        Some(LayoutSettings { layout: Layout::Frames, bos: None, .. }) => Some(-2),
        Some(_) => None,
    };
    let frame_shift = match (metadata.meta.hop_samples, metadata.meta.model_rate_hz) {
        (Some(hop), Some(rate_hz)) if rate_hz > 0 => Some(hop as f64 / f64::from(rate_hz)),
        _ => None,
    };
    match (temporal_dim, frame_shift) {
        (Some(temporal_dim), Some(frame_shift)) => json!({
            "array": array, "temporal_dim": temporal_dim, "frame_shift": frame_shift, "start": start,
        }),
        _ => array,
    }
}

impl SharShard {
    pub(crate) fn new(codes: HashingWriter, cuts: HashingWriter) -> Self {
        Self { codes: TarShard::new(codes), cuts: GzEncoder::new(cuts, Compression::default()) }
    }

    /// Size of both files if they were finished now.
    pub(crate) fn bytes(&self) -> u64 {
        self.codes.bytes() + self.cuts.get_ref().bytes()
    }

    pub(crate) fn add(&mut self, entry: &SharEntry) -> io::Result<()> {
        self.codes.add(&entry.id, &entry.members)?;
        self.cuts.write_all(&entry.cut)
    }

    /// Completes the files of codes and cuts.
    pub(crate) fn finish(self) -> io::Result<(HashingWriter, FinishedFile)> {
        let (cuts, ..) = self.cuts.finish()?.finish()?;
        Ok((self.codes.finish()?, cuts))
    }
}
