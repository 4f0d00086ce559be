//! Parquet files: a row an entry, with its codes as lists of lists and a column for each fact.
//!
//! Codes are dictionary-encoded: the indices of 1,024 different values take 10 bits each, as many as the codes are worth.

mod columns;
mod group;

use std::io;
use std::sync::Arc;

use dac_rvq::Codes;
use dac_tokens::TokenFile;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;

use crate::error::PackError;
use crate::hashing_writer::HashingWriter;
use crate::metadata::EntryMetadata;
use group::RowGroup;

/// Codes are `[channels · codebooks][frames]`: the rows of channel 0, then those of channel 1.
const SCHEMA: &str = "message tokens {
    required binary key (STRING);
    required group codes (LIST) {
        repeated group list {
            required group element (LIST) {
                repeated group list {
                    required int32 element (INTEGER(16, false));
                }
            }
        }
    }
    required int64 channels;
    required int64 codebooks;
    required int64 frames;
    required binary input (STRING);
    optional binary model (STRING);
    optional binary weights_sha256 (STRING);
    optional int64 model_rate_hz;
    optional int64 input_rate_hz;
    optional int64 input_samples;
    optional double audio_seconds;
    optional int64 codebook_size;
    optional int64 hop_samples;
    optional int64 replaced_samples;
    optional boolean input_truncated;
    optional float input_db;
    optional int64 chunk_frames;
    optional boolean padding;
}";

/// Writer's name in the footer; older files contain the crate's former name, and equal entries give equal bytes.
const CREATED_BY: &str = concat!("dac-pack version ", env!("CARGO_PKG_VERSION"));

/// Most bytes of codes that wait for their row group; a recording that is longer is a group of its own.
const MAX_GROUP_BYTES: u64 = 4 << 20;
/// Most rows of a group.
const MAX_GROUP_ROWS: usize = 1 << 14;
/// What the file's end takes: names and offsets of all columns, for each group once more.
const END_BYTES_A_GROUP: u64 = 4096;

/// A row: facts and codes, checked to fit the columns.
#[derive(Debug)]
pub(crate) struct Row {
    facts: EntryMetadata,
    codes: Codes,
}

impl Row {
    /// # Errors
    /// When there is anything but codes, or a number does not fit.
    pub(crate) fn new(facts: EntryMetadata, tokens: TokenFile) -> Result<Self, PackError> {
        if tokens.z.is_some() || tokens.latents.is_some() {
            return Err(PackError::NotCodes { found: "have z or latents" });
        }
        let Some(codes) = tokens.codes else { return Err(PackError::NotCodes { found: "have none" }) };
        for (what, found) in columns::lengths(&facts) {
            if i64::try_from(found).is_err() {
                return Err(PackError::TooLarge { what, found });
            }
        }
        Ok(Self { facts, codes })
    }

    /// The most that the row adds to the file: plain codes, plain text.
    fn bytes(&self) -> u64 {
        let facts = &self.facts;
        let text =
            [Some(&facts.key), Some(&facts.input), facts.model.as_ref(), facts.weights_sha256.as_ref()];
        let text: usize = text.into_iter().flatten().map(|text| text.len() + 4).sum();
        (self.codes.as_slice().len() * 2 + self.codes.channels() * self.codes.codebooks() * 4 + text + 128)
            as u64
    }
}

/// A file that is being written.
pub(crate) struct ParquetShard {
    writer: SerializedFileWriter<HashingWriter>,
    group: RowGroup,
    group_bytes: u64,
}

impl ParquetShard {
    pub(crate) fn new(sink: HashingWriter) -> io::Result<Self> {
        let codes =
            ColumnPath::new(["codes", "list", "element", "list", "element"].map(str::to_owned).to_vec());
        let properties = WriterProperties::builder()
            .set_created_by(CREATED_BY.to_owned())
            .set_compression(Compression::UNCOMPRESSED)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_column_statistics_enabled(codes, EnabledStatistics::None)
            .build();
        let schema = parse_message_type(SCHEMA).map_err(fault)?;
        let writer =
            SerializedFileWriter::new(sink, Arc::new(schema), Arc::new(properties)).map_err(fault)?;
        Ok(Self { writer, group: RowGroup::default(), group_bytes: 0 })
    }

    /// How long the file would be at most if it ended here.
    pub(crate) fn bytes(&self) -> u64 {
        let groups = self.writer.flushed_row_groups().len() as u64 + 2;
        self.writer.inner().bytes() + self.group_bytes + groups * END_BYTES_A_GROUP
    }

    pub(crate) fn add(&mut self, row: Row) -> io::Result<()> {
        if self.group_bytes + row.bytes() > MAX_GROUP_BYTES {
            self.flush()?;
        }
        self.group_bytes += row.bytes();
        self.group.push(row);
        if self.group_bytes >= MAX_GROUP_BYTES || self.group.len() >= MAX_GROUP_ROWS {
            self.flush()?;
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> io::Result<HashingWriter> {
        self.flush()?;
        self.writer.into_inner().map_err(fault)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.group_bytes = 0;
        let group = std::mem::take(&mut self.group);
        if group.len() == 0 { Ok(()) } else { group.write(&mut self.writer).map_err(fault) }
    }
}

/// What the parquet library says, as an error of writing: nothing else than writing can fail here.
fn fault(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => io::Error::other(source),
        error => io::Error::other(error),
    }
}
