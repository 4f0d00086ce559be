//! Writes token files in every format to a directory, which `fixtures/python/check_tokens.py` reads with
//! Python.
//!
//! `cargo run -p dac-tokens --example write_tokens -- FOLDER`

use std::error::Error;
use std::path::PathBuf;

use dac_rvq::{Array3, Codes};
use dac_tokens::{Format, IntegerType, TokenFile, TokenMeta, WriteOptions};

/// Codes with the values that the Python script expects.
fn codes(channels: usize, codebooks: usize, frames: usize) -> Result<Codes, Box<dyn Error>> {
    let value = |i: usize| {
        (397 * (i / frames / codebooks) + 131 * (i / frames % codebooks) + 29 * (i % frames)) % 1024
    };
    let data = (0..channels * codebooks * frames).map(|i| value(i) as u16).collect();
    Ok(Codes::new(data, [channels, codebooks, frames])?)
}

fn latent(channels: usize, size: usize, frames: usize) -> Result<Array3, Box<dyn Error>> {
    let place = |i: usize| (5 * (i / frames / size) + 3 * (i / frames % size) + i % frames) % 17;
    let data = (0..channels * size * frames).map(|i| (place(i) as f32 - 8.0) / 8.0).collect();
    Ok(Array3::new(data, [channels, size, frames])?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder: PathBuf = std::env::args_os().nth(1).ok_or("a folder to write to")?.into();
    std::fs::create_dir_all(&folder)?;
    let mut meta = TokenMeta::default();
    meta.model = Some("44khz".into());
    meta.weights_sha256 = Some("0123456789abcdef".repeat(4));
    meta.model_rate_hz = Some(44100);
    meta.input_rate_hz = Some(48000);
    meta.input_samples = Some((1 << 33) + 5);
    meta.codebook_size = Some(1024);
    meta.hop_samples = Some(512);
    meta.input_db = Some(-23.4375);

    let mut options = WriteOptions::default();
    for (name, channels, codebooks, frames) in
        [("mono", 1, 9, 150), ("stereo", 2, 12, 1300), ("one", 1, 1, 1)]
    {
        let file = TokenFile::of_codes(codes(channels, codebooks, frames)?, meta.clone());
        for format in Format::ALL {
            file.write(&folder.join(name).with_extension(format.extension()), format, &options)?;
        }
        for format in [Format::Npy, Format::Pt, Format::Safetensors] {
            for &integer in format.integer_types() {
                options.integer = Some(integer);
                file.write(&folder.join(format!("{name}_{integer}.{format}")), format, &options)?;
            }
        }
        options.integer = None;
    }
    let z = TokenFile::of_z(latent(2, 64, 33)?, meta.clone());
    for format in [Format::Npy, Format::Pt, Format::Safetensors] {
        z.write(&folder.join("z").with_extension(format.extension()), format, &options)?;
    }
    let mut both = TokenFile::of_codes(codes(2, 9, 33)?, meta);
    both.z = Some(latent(2, 64, 33)?);
    both.latents = Some(latent(2, 72, 33)?);
    for format in [Format::Pt, Format::Safetensors] {
        both.write(&folder.join("both").with_extension(format.extension()), format, &options)?;
    }
    options.integer = Some(IntegerType::I64);
    both.write(&folder.join("both_i64.safetensors"), Format::Safetensors, &options)?;
    Ok(())
}
