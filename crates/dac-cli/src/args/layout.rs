//! Arguments for layouts of codes for language models.

use clap::Args;
use dac::tokens::{Layout, LayoutSettings};

use crate::exit::Usage;

/// Layout and special tokens.
#[derive(Debug, Clone, Args)]
pub(crate) struct LayoutArgs {
    /// Order of codes: frames, flat, interleaved, delay or delay:0,1,2,….
    ///
    /// For language models, in npy files and packs. Without it, arrays are [channels,
    /// codebooks, frames].
    #[arg(long, value_name = "LAYOUT")]
    layout: Option<Layout>,
    /// Add this number to the codes of the second codebook, twice the number to those of the third,
    /// and so on.
    #[arg(long, value_name = "N", requires = "layout", default_value_t = 0, hide_short_help = true)]
    codebook_offset: usize,
    /// ID of the token before the codes.
    #[arg(long, value_name = "ID", requires = "layout", hide_short_help = true)]
    bos: Option<u16>,
    /// ID of the token after the codes.
    #[arg(long, value_name = "ID", requires = "layout", hide_short_help = true)]
    eos: Option<u16>,
    /// ID of the token where a delayed codebook has no code.
    #[arg(long, value_name = "ID", requires = "layout", hide_short_help = true)]
    pad: Option<u16>,
}

impl LayoutArgs {
    /// The layout, if there is one.
    pub(crate) fn settings(&self) -> Result<Option<LayoutSettings>, Usage> {
        let Some(layout) = self.layout.clone() else { return Ok(None) };
        let mut settings = LayoutSettings::new(layout);
        settings.codebook_offset = self.codebook_offset;
        (settings.bos, settings.eos, settings.pad) = (self.bos, self.eos, self.pad);
        settings.check().map_err(|error| Usage(format!("--layout: {error}")))?;
        Ok(Some(settings))
    }
}
