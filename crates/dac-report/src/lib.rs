//! HTML pages that show the decodes of one recording at several numbers of codebooks.
//!
//! - [`Excerpt`] reads a part of a recording.
//! - [`Report::measure`] encodes and decodes an excerpt, and measures the result.
//! - [`Report`] is plain data: everything that a page shows. Serialized, it is the record of `dac report
//!   --json`.
//! - [`Spectrogram`] and [`token_pngs`] draw pictures.
//! - [`Comparison`] does the same step by step, also for tokens without their original.
//! - [`html_page`] builds the page from a [`Report`] only; style sheet and script are part of it.
//! - [`fragments`] are parts of it, for other pages.
//! - [`check_paths`], [`try_output`] and [`write_page`] handle the page's file.

#![forbid(unsafe_code)]

mod error;
mod excerpt;
mod html;
mod measure;
mod output;
mod pictures;
mod report;

pub use error::ReportError;
pub use excerpt::Excerpt;
pub use html::{fragments, html_page};
pub use measure::{Comparison, Step};
pub use output::{check_paths, try_output, write_page};
pub use pictures::{Spectrogram, token_pngs};
pub use report::{Band, Codec, Recording, Report, Signal, Tokens, Variant};
