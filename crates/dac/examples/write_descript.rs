//! Writes `.dac` files and what they decode to here, for `fixtures/python/check_descript.py` to read with the reference.
//!
//! ```text
//! cargo run -p dac --example write_descript -- FOLDER
//! ```

use std::error::Error;
use std::path::{Path, PathBuf};

use dac::tokens::WriteOptions;
use dac::{
    Audio, ChannelMix, Dac, DecodeOptions, Device, EncodeOptions, Format, LoadOptions, ModelSource,
    OutputRate, SampleFormat,
};

/// Name, model, input (under fixtures/), samples of it, and seconds of a window; without, the exact way in one chunk.
const CASES: [(&str, &str, &str, usize, Option<f64>); 8] = [
    ("44khz_1s", "44khz", "parity/overlap/input.wav", usize::MAX, Some(1.0)),
    ("44khz_stereo", "44khz", "parity/descript/stereo.wav", usize::MAX, Some(5.0)),
    ("44khz_16kbps_half", "44khz-16kbps", "parity/overlap/input.wav", usize::MAX, Some(0.5)),
    ("24khz_1s", "24khz", "parity/descript/mono_24khz.wav", usize::MAX, Some(1.0)),
    ("16khz_1s", "16khz", "audio/librivox_austen.wav", 40_000, Some(1.0)),
    ("16khz_5s", "16khz", "audio/librivox_austen.wav", usize::MAX, Some(5.0)),
    ("44khz_exact", "44khz", "parity/overlap/input.wav", usize::MAX, None),
    // The reference's own decode of one padded chunk fails at a stride of 5 where (−samples mod 320) is under 8.
    ("16khz_exact", "16khz", "audio/librivox_austen.wav", 39_980, None),
];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("expected: FOLDER")?);
    std::fs::create_dir_all(&folder)?;
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let mut models = Vec::new();
    for (name, model, input, samples, window) in CASES {
        let weights = fixtures.join("parity").join(model).join("weights.pth");
        let dac = Dac::open(&ModelSource::File(weights), None, &LoadOptions::on(Device::Cpu))?;
        let mut audio = Audio::read(fixtures.join(input))?;
        audio.channels.iter_mut().for_each(|channel| channel.truncate(samples));
        let mut options = EncodeOptions::default();
        options.channels = ChannelMix::Keep;
        options.measure_loudness = true;
        let tokens = match window {
            Some(seconds) => dac.compress(&audio, seconds, &options)?,
            None => dac.encode(&audio, &options)?,
        };
        tokens.write(&folder.join(format!("{name}.dac")), Format::Dac, &WriteOptions::default())?;
        let decoded = folder.join(format!("{name}.wav"));
        let mut options = DecodeOptions::default();
        options.output_rate = OutputRate::Input;
        options.restore_loudness = true;
        dac.decode_to_file(&tokens, decoded, SampleFormat::F32, &options)?;
        models.push(format!(" \"{name}\": \"{model}\""));
    }
    Ok(std::fs::write(folder.join("models.json"), format!("{{\n{}\n}}\n", models.join(",\n")))?)
}
