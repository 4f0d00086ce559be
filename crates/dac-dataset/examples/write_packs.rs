//! Writes data sets of every kind to directories, which `fixtures/python/check_packs.py` reads with Python.
//!
//! `cargo run -p dac-dataset --example write_packs -- FOLDER`

use std::error::Error;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use dac_dataset::{PackKind, PackLimits, PackNaming, PackWriter, SampleKey};
use dac_rvq::Codes;
use dac_tokens::{Format, IntegerType, TokenFile, TokenMeta, WriteOptions};

/// Codes with the values that the Python script expects.
fn codes(channels: usize, codebooks: usize, frames: usize) -> Result<Codes, Box<dyn Error>> {
    let value = |i: usize| {
        (397 * (i / frames / codebooks) + 131 * (i / frames % codebooks) + 29 * (i % frames)) % 1024
    };
    let data = (0..channels * codebooks * frames).map(|i| value(i) as u16).collect();
    Ok(Codes::new(data, [channels, codebooks, frames])?)
}

/// Path without extension and shape of an entry; the Python script computes the same.
fn entry(index: usize) -> (String, [usize; 3]) {
    let path = match index % 6 {
        0 => format!("speaker.{index}/plain {index}"),
        1 => format!("two.dots.{index}"),
        2 => format!("{}long-{index}", "a-rather-long-folder/".repeat(12)),
        3 => format!("__hidden__/{index}%"),
        4 => format!("Grüße/{index}\n"),
        _ => format!(".dot-{index}"),
    };
    (path, [1 + index % 2, 9 - index % 3, 7 * index])
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder: PathBuf = std::env::args_os().nth(1).ok_or("a folder to write to")?.into();
    let tar = |format| PackKind::Tar(format, WriteOptions::default());
    for (name, kind) in [
        ("npy", tar(Format::Npy)),
        ("dacp", tar(Format::Dacp)),
        ("safetensors", tar(Format::Safetensors)),
        ("parquet", PackKind::Parquet(IntegerType::U16)),
        ("parquet_i32", PackKind::Parquet(IntegerType::I32)),
        ("parquet_i64", PackKind::Parquet(IntegerType::I64)),
    ] {
        let folder = folder.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        // Two jobs share a directory.
        for (tag, numbers) in [("0-of-2", 0..20), ("1-of-2", 20..40)] {
            let mut limits = PackLimits::default();
            limits.max_entries = NonZeroUsize::MIN.saturating_add(7);
            let mut writer = PackWriter::new(&folder, kind.clone(), PackNaming::tagged(tag)?, limits)?;
            for index in numbers {
                let (path, [channels, codebooks, frames]) = entry(index);
                let mut meta = TokenMeta::default();
                meta.model = Some("44khz".into());
                meta.weights_sha256 = Some("0123456789abcdef".repeat(4));
                meta.model_rate_hz = Some(44100);
                meta.input_rate_hz = Some(48000);
                meta.input_samples = (index % 4 != 0).then_some((1 << 33) + index as u64);
                meta.codebook_size = Some(1024);
                meta.hop_samples = Some(512);
                meta.replaced_samples = (index == 8).then_some(3);
                meta.input_truncated = (index == 9).then_some(true);
                meta.input_db = (index % 3 == 0).then_some(-23.4375);
                meta.padding = (index % 5 == 0).then_some(true);
                let tokens = TokenFile::of_codes(
                    codes(channels, codebooks, frames.max(1))?.slice_frames(0..frames),
                    meta,
                );
                let key = SampleKey::of(Path::new(&path))?;
                if let Some(shard) = writer.add(&key, &format!("in/{path}.wav"), tokens)? {
                    shard.persist()?;
                }
            }
            if let Some(shard) = writer.finish()? {
                shard.persist()?;
            }
        }
    }
    Ok(())
}
