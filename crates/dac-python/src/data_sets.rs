//! Settings of data sets, from dicts with these keys.

use std::num::NonZeroUsize;
use std::time::Duration;

use dac::tokens::LayoutSettings;
use dac_batch::{PackFormat, PackLimits, PackSettings, SegmentSettings};
use pyo3::prelude::*;

use crate::failure::Failure;
use crate::names::{choose, parse};

/// Kind and limits of shards.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct PackArgs {
    kind: Option<String>,
    keep_shards: bool,
    entries: Option<usize>,
    bytes: Option<u64>,
    minutes: Option<f64>,
}

impl PackArgs {
    pub(crate) fn settings(&self) -> Result<Option<PackSettings>, Failure> {
        let kinds = [("tar", PackFormat::Tar), ("parquet", PackFormat::Parquet), ("shar", PackFormat::Shar)];
        let has_limits = self.entries.is_some() || self.bytes.is_some() || self.minutes.is_some();
        let Some(kind) = &self.kind else {
            if has_limits || self.keep_shards {
                return Err(Failure::usage("keep_shards and limits of shards need pack"));
            }
            return Ok(None);
        };
        if has_limits && self.keep_shards {
            return Err(Failure::usage("keep_shards cannot be combined with limits of shards"));
        }
        let mut limits = PackLimits::default();
        limits.max_entries = self.entries.and_then(NonZeroUsize::new).unwrap_or(limits.max_entries);
        limits.max_bytes = self.bytes.unwrap_or(limits.max_bytes);
        if let Some(minutes) = self.minutes {
            // A time that is too long to represent is no limit.
            limits.max_age = Duration::try_from_secs_f64(minutes * 60.0).ok();
        }
        let format = choose("pack", kind, &kinds)?;
        Ok(Some(PackSettings { format, limits, keeps_shards: self.keep_shards }))
    }
}

/// Layout of codes and special tokens.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct LayoutArgs {
    layout: Option<String>,
    codebook_offset: usize,
    bos: Option<u16>,
    eos: Option<u16>,
    pad: Option<u16>,
}

impl LayoutArgs {
    pub(crate) fn settings(&self) -> Result<Option<LayoutSettings>, Failure> {
        let Some(layout) = &self.layout else {
            let has_tokens = self.bos.is_some() || self.eos.is_some() || self.pad.is_some();
            if has_tokens || self.codebook_offset > 0 {
                return Err(Failure::usage("codebook_offset, bos, eos and pad need layout"));
            }
            return Ok(None);
        };
        let mut settings = LayoutSettings::new(parse(layout)?);
        settings.codebook_offset = self.codebook_offset;
        (settings.bos, settings.eos, settings.pad) = (self.bos, self.eos, self.pad);
        settings.check().map_err(|error| Failure::usage(error.to_string()))?;
        Ok(Some(settings))
    }
}

/// Rows of data sets, and pieces of recordings.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct RowArgs {
    segment: Option<f64>,
    min_seconds: Option<f64>,
    max_seconds: Option<f64>,
    /// Column with the audio or its path.
    pub(crate) column: Option<String>,
}

impl RowArgs {
    pub(crate) fn segments(&self) -> SegmentSettings {
        SegmentSettings {
            piece_seconds: self.segment,
            min_seconds: self.min_seconds,
            max_seconds: self.max_seconds,
        }
    }
}
