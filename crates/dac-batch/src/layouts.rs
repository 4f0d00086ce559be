//! Layouts of codes for language models, in batches.

use std::io::Cursor;

use dac::Preset;
use dac::tokens::{Format, LayoutSettings, TokenFile, TokenMeta, TokenReader, WriteOptions};

use crate::error::BatchError;

/// Settings of a layout as ` name=value`. Manifests compare this text: it must not change.
pub(crate) fn layout_settings_text(layout: Option<&LayoutSettings>) -> String {
    let Some(LayoutSettings { layout, codebook_offset, bos, eos, pad }) = layout else {
        return String::new();
    };
    let mut text = format!(" layout={layout}");
    if *codebook_offset > 0 {
        text += &format!(" codebook-offset={codebook_offset}");
    }
    for (name, token) in [("bos", bos), ("eos", eos), ("pad", pad)] {
        if let Some(token) = token {
            text += &format!(" {name}={token}");
        }
    }
    text
}

/// Restores the codes of a token file in a layout. `codebooks` is the number that the user asked for; else
/// the layouts that do not contain it use that of the model in `meta`.
pub(crate) fn restored(
    mut reader: TokenReader<'static>,
    layout: &LayoutSettings,
    codebooks: Option<usize>,
    meta: &TokenMeta,
) -> Result<TokenReader<'static>, BatchError> {
    let mut tokens: TokenFile = reader.read_all()?;
    let of_model = || {
        let preset = meta.model.as_deref()?.parse::<Preset>().ok()?;
        Some(preset.shape().codebooks)
    };
    let Some(codes) = &tokens.codes else {
        return Err(BatchError::Job("contains no codes, so it has no layout".to_owned()));
    };
    let codes = layout.restore(codes, codebooks.or_else(of_model));
    tokens.codes = Some(codes.map_err(|error| BatchError::Job(error.to_string()))?);
    tokens.meta = meta.clone();
    let mut bytes = Vec::new();
    tokens.write_to(&mut bytes, Format::Safetensors, &WriteOptions::default())?;
    Ok(TokenReader::open(Cursor::new(bytes))?)
}
