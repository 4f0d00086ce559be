//! Writes `.dac` files and their decoded audio for a comparison with the reference
//! (`fixtures/python/check_descript.py`).
//!
//! ```text
//! cargo run -p dac --example write_windowed -- FOLDER
//! ```

use std::error::Error;
use std::path::{Path, PathBuf};

use dac::tokens::{Format, WriteOptions};
use dac::{
    Audio, ChannelMix, Chunking, Dac, DecodeOptions, Device, EncodeOptions, LoadOptions, ModelSource,
    OutputRate, SampleFormat,
};

/// Name, model, input in `fixtures/`, largest number of samples, and window in seconds (`None`: exact).
const CASES: [(&str, &str, &str, usize, Option<f64>); 8] = [
    ("44khz_1s", "44khz", "parity/overlap/input.wav", usize::MAX, Some(1.0)),
    ("44khz_stereo", "44khz", "parity/descript/stereo.wav", usize::MAX, Some(5.0)),
    ("44khz_16kbps_half", "44khz-16kbps", "parity/overlap/input.wav", usize::MAX, Some(0.5)),
    ("24khz_1s", "24khz", "parity/descript/mono_24khz.wav", usize::MAX, Some(1.0)),
    ("16khz_1s", "16khz", "audio/librivox_austen.wav", 40_000, Some(1.0)),
    ("16khz_5s", "16khz", "audio/librivox_austen.wav", usize::MAX, Some(5.0)),
    ("44khz_exact", "44khz", "parity/overlap/input.wav", usize::MAX, None),
    // With a stride of 5, the reference cannot decode one padded chunk if (−samples mod 320) is below 8.
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
        let options = EncodeOptions {
            channels: ChannelMix::Keep,
            chunk: window.map_or(Chunking::default(), |seconds| Chunking::Windowed { seconds }),
            measure_loudness: true,
            ..EncodeOptions::default()
        };
        let tokens = dac.encode(&audio, &options)?;
        tokens.write(&folder.join(format!("{name}.dac")), Format::Dac, &WriteOptions::default())?;
        let decoded = folder.join(format!("{name}.wav"));
        let options = DecodeOptions {
            output_rate: OutputRate::Input,
            restore_loudness: true,
            ..DecodeOptions::default()
        };
        dac.decode_to_file(&tokens, decoded, SampleFormat::F32, &options, &mut ())?;
        models.push(format!(" \"{name}\": \"{model}\""));
    }
    Ok(std::fs::write(folder.join("models.json"), format!("{{\n{}\n}}\n", models.join(",\n")))?)
}
