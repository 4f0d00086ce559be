//! Arguments for data sets as inputs, and for cutting.

use clap::Args;
use dac_batch::SegmentSettings;

use super::values;

/// Rows of data sets, and pieces of recordings.
#[derive(Debug, Args)]
pub(crate) struct RowArgs {
    /// Cut inputs into pieces of S seconds; the last one is shorter.
    #[arg(long, value_name = "S", value_parser = values::positive)]
    pub(crate) segment: Option<f64>,
    /// Drop inputs and pieces of less than S seconds.
    #[arg(long, value_name = "S", value_parser = values::positive, hide_short_help = true)]
    pub(crate) min_seconds: Option<f64>,
    /// Drop inputs and pieces of more than S seconds.
    #[arg(long, value_name = "S", value_parser = values::positive, hide_short_help = true)]
    pub(crate) max_seconds: Option<f64>,
    /// Column of parquet files with the audio [default: audio].
    #[arg(long, value_name = "NAME", conflicts_with = "path_column", hide_short_help = true)]
    pub(crate) audio_column: Option<String>,
    /// Column of tables, or field of manifests, with the path of the audio [default: audio_filepath].
    ///
    /// Without it, audio_path, audio, path, file_path, file_name, filename and wav are tried, too.
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub(crate) path_column: Option<String>,
}

impl RowArgs {
    pub(crate) fn segments(&self) -> SegmentSettings {
        SegmentSettings {
            piece_seconds: self.segment,
            min_seconds: self.min_seconds,
            max_seconds: self.max_seconds,
        }
    }

    /// Column or field with the audio or its path.
    pub(crate) fn column(&self) -> Option<String> {
        self.audio_column.clone().or_else(|| self.path_column.clone())
    }

    /// Reports whether any of these options is given.
    pub(crate) fn is_given(&self) -> bool {
        self.segments() != SegmentSettings::default() || self.column().is_some()
    }
}
