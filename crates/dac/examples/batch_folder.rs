//! Encodes all audio files of a directory with one model, several files at a time.
//!
//! `cargo run -p dac --example batch_folder -- fixtures/audio tokens`
//!
//! The command `dac encode FOLDER` also resumes, records results in a manifest and packs tokens.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "examples print")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use dac::audio::AUDIO_EXTENSIONS;
use dac::tokens::{Format, WriteOptions};
use dac::{Dac, Device, EncodeOptions};

/// Files encoded at a time; each also uses the engine's threads.
const JOBS: usize = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [input, output] = arguments.as_slice() else {
        return Err("usage: batch_folder INPUT_FOLDER OUTPUT_FOLDER".into());
    };
    fs::create_dir_all(output)?;
    let files =
        fs::read_dir(input)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, std::io::Error>>()?;
    let queue = Mutex::new(files.into_iter().filter(|path| is_audio(path)));
    // A `Dac` is cheap to clone, and its clones share the weights.
    let codec = Dac::load("tiny", Device::Cpu)?;
    thread::scope(|scope| {
        for _ in 0..JOBS {
            scope.spawn(|| {
                while let Some(path) = queue.lock().ok().and_then(|mut files| files.next()) {
                    match encode(&codec, &path, output) {
                        Ok(written) => println!("{}", written.display()),
                        Err(error) => eprintln!("{}: {error}", path.display()),
                    }
                }
            });
        }
    });
    Ok(())
}

fn is_audio(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    AUDIO_EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str())
}

fn encode(codec: &Dac, path: &Path, output: &Path) -> Result<PathBuf, dac::Error> {
    let tokens = codec.encode_file(path, &EncodeOptions::default(), &mut ())?;
    let name = path.file_stem().unwrap_or_default();
    let written = output.join(name).with_extension(Format::Safetensors.extension());
    tokens.write(&written, Format::Safetensors, &WriteOptions::default())?;
    Ok(written)
}
