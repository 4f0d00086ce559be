//! Settings of the tokens that `encode` and `roundtrip` write.

use dac::Precision;
use dac::tokens::{Format, IntegerType, WriteOptions};
use dac_batch::{EncodeSettings, PackSettings};

use crate::args::{BitrateArgs, ChunkArg, ChunkArgs, PackArg, PackArgs, TokenArgs, save};
use crate::exit::Usage;

/// Checks that the arguments fit together and converts them.
pub(crate) fn token_settings(
    tokens: &TokenArgs,
    bitrate: &BitrateArgs,
    chunk: &ChunkArgs,
    pack: Option<&PackArgs>,
    precision: Precision,
) -> Result<EncodeSettings, Usage> {
    let chunking = chunk.choice()?;
    let pack_arg = pack.and_then(|pack| pack.pack);
    let format = token_format(tokens, chunk, pack_arg)?;
    let mut write = WriteOptions::default();
    write.integer = tokens.dtype.map(IntegerType::from);
    Ok(EncodeSettings {
        format,
        write,
        pack: pack_arg.zip(pack).map(|(kind, args)| PackSettings {
            format: kind.into(),
            limits: args.limits(),
            keeps_shards: args.keep_shards,
        }),
        codebooks: bitrate.limit(),
        channels: tokens.signal.channels.into(),
        save: save(&tokens.save),
        non_finite: tokens.signal.nan.into(),
        damage: tokens.input.damaged.into(),
        backend: tokens.input.reader.audio_reader.into(),
        chunking,
        precision,
        ..EncodeSettings::default()
    })
}

/// Format of the token files: of `--format`, or the default of the other options.
fn token_format(tokens: &TokenArgs, chunk: &ChunkArgs, pack: Option<PackArg>) -> Result<Format, Usage> {
    let is_windowed = chunk.chunk == ChunkArg::Descript;
    // Kinds of shards that contain codes instead of token files.
    let of_codes = match pack {
        Some(PackArg::Parquet) => Some("parquet"),
        Some(PackArg::Shar) => Some("shar"),
        Some(PackArg::Tar) | None => None,
    };
    if let Some(kind) = of_codes.filter(|_| tokens.format.is_some()) {
        let why = "its shards contain codes instead of token files";
        return Err(Usage(format!("--pack {kind} cannot be combined with --format: {why}")));
    }
    let format = tokens.format.unwrap_or(match pack {
        _ if is_windowed => Format::Dac,
        Some(_) => Format::Npy,
        None => Format::Safetensors,
    });
    if is_windowed && format != Format::Dac {
        let why = "only .dac files record the windows";
        return Err(Usage(format!("--chunk descript requires --format dac, not {format}: {why}")));
    }
    if let Some(integer) = tokens.dtype.map(IntegerType::from).filter(|_| of_codes.is_none()) {
        format.check_integer(integer).map_err(|error| Usage(format!("--dtype {integer}: {error}")))?;
    }
    let save = save(&tokens.save);
    let arrays = usize::from(save.codes) + usize::from(save.z) + usize::from(save.latents);
    let only_codes = save.codes && arrays == 1;
    if let Some(kind) = of_codes.filter(|_| !only_codes) {
        return Err(Usage(format!("--pack {kind} stores only codes; remove --save")));
    }
    match format {
        Format::Safetensors | Format::Pt => Ok(format),
        Format::Npy if arrays == 1 && !save.latents => Ok(format),
        Format::Npy => Err(cannot_save(format, "either codes or z")),
        _ if only_codes => Ok(format),
        _ => Err(cannot_save(format, "only codes")),
    }
}

fn cannot_save(format: Format, can: &str) -> Usage {
    Usage(format!("--format {format} stores {can}; safetensors and pt store any --save"))
}
