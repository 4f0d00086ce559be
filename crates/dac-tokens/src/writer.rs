//! Writer of token files of any format.

use std::io::{BufWriter, IntoInnerError, Write};
use std::path::Path;

use dac_atomic::AtomicFile;

use crate::error::TokenError;
use crate::formats::Format;
use crate::options::{Save, WriteOptions};
use crate::token_file::TokenFile;

impl TokenFile {
    /// Writes a file to `path`, which appears whole or not at all.
    ///
    /// # Errors
    /// As [`TokenFile::write_to`], with the path.
    pub fn write(&self, path: &Path, format: Format, options: &WriteOptions) -> Result<(), TokenError> {
        let write = || -> Result<(), TokenError> {
            let mut writer = BufWriter::new(AtomicFile::create(path)?);
            self.write_to(&mut writer, format, options)?;
            Ok(writer.into_inner().map_err(IntoInnerError::into_error)?.commit()?)
        };
        write().map_err(|error| error.of_writing().in_file(path))
    }

    /// Writes the bytes of a file to `writer`, which should be buffered.
    ///
    /// # Errors
    /// Fails if writing fails, the format cannot store the arrays ([`Format::can_hold`]), codes of the
    /// element type ([`Format::integer_types`]) or the windows of windowed mode, or a .dac file lacks
    /// `input_rate_hz`, `input_samples` or `input_db`.
    pub fn write_to<W: Write>(
        &self,
        mut writer: W,
        format: Format,
        options: &WriteOptions,
    ) -> Result<(), TokenError> {
        self.check_fits(format, options)?;
        (format.get().write)(&mut writer, self, options).map_err(TokenError::of_writing)?;
        writer.flush().map_err(TokenError::Write)
    }

    fn check_fits(&self, format: Format, options: &WriteOptions) -> Result<(), TokenError> {
        let (codes, z, latents) = (self.codes.is_some(), self.z.is_some(), self.latents.is_some());
        let arrays = Save { codes, z, latents };
        let what = if !format.can_hold(arrays) {
            format!("{} (it stores {})", describe(arrays), format.stores())
        } else if self.is_windowed() && !format.get().stores_windows {
            "the windows of windowed tokens; use .safetensors or .dac".to_owned()
        } else {
            return options.integer.filter(|_| codes).map_or(Ok(()), |integer| format.check_integer(integer));
        };
        Err(TokenError::CannotHold { format: format.extension(), what })
    }
}

/// Lists the arrays, such as "codes and z".
fn describe(arrays: Save) -> String {
    let names = [(arrays.codes, "codes"), (arrays.z, "z"), (arrays.latents, "latents")];
    let names: Vec<_> = names.into_iter().filter_map(|(present, name)| present.then_some(name)).collect();
    if names.is_empty() { "tokens without arrays".to_owned() } else { names.join(" and ") }
}
