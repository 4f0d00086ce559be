//! `dac info`: what a checkpoint, a token file or an audio file holds, told by its content.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Error, anyhow, bail};
use dac::Preset;
use dac::audio::AudioReader;
use dac::codec::NetworkShape;
use dac::tokens::{Format, SNIFF_BYTES, TokenInfo, TokenReader};
use dac::weights::Checkpoint;
use serde_json::{Map, Value, json};

use crate::args::InfoArgs;
use crate::exit::Exit;
use crate::model::nominal_kbps;
use crate::report::{error_of_file, error_text, print_record, print_text, say};

/// Metadata of tokens that is not listed.
const HIDDEN_METADATA: [&str; 7] = [
    "codebook_size",
    "hop_samples",
    "replaced_samples",
    "input_truncated",
    "input_db",
    "chunk_frames",
    "padding",
];

/// Facts about a file in the order in which they are told.
type Facts = Vec<(&'static str, Value)>;

/// Runs `dac info`.
pub(crate) fn run(args: &InfoArgs) -> Result<Exit, Error> {
    let mut exit = Exit::Done;
    for (index, path) in args.files.iter().enumerate() {
        let facts = facts_of(path);
        if let Err(error) = &facts {
            exit = Exit::SomeFailed;
            say(format_args!("error: {}", error_of_file(path, error)));
        }
        if args.json {
            print_record(&record(path, facts))?;
        } else if let Ok(facts) = facts {
            let gap = if index > 0 { "\n" } else { "" };
            let lines = facts.into_iter().filter(|(_, value)| !value.is_null() && *value != "");
            let lines =
                lines.map(|(name, value)| format!("\n  {:<18}{}", name.replace('_', " "), plain(&value)));
            print_text(&format!("{gap}{}{}", path.display(), lines.collect::<String>()))?;
        }
    }
    Ok(exit)
}

fn record(path: &Path, facts: Result<Facts, Error>) -> Value {
    let mut map = Map::new();
    map.insert("input".to_owned(), json!(path.display().to_string()));
    let (status, error) = match facts {
        Ok(facts) => {
            map.extend(facts.into_iter().map(|(name, value)| (name.to_owned(), value)));
            ("ok", None)
        }
        Err(error) => ("error", Some(error_text(&error))),
    };
    map.insert("status".to_owned(), json!(status));
    map.insert("error".to_owned(), json!(error));
    Value::Object(map)
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(" × "),
        Value::Number(number) if number.is_f64() => format!("{:.2}", number.as_f64().unwrap_or(f64::NAN)),
        other => other.to_string(),
    }
}

fn facts_of(path: &Path) -> Result<Facts, Error> {
    let found = fs::metadata(path).context("cannot be read")?;
    if !found.is_file() {
        bail!("is not a file");
    }
    let mut start = Vec::new();
    File::open(path)?.take(SNIFF_BYTES as u64).read_to_end(&mut start)?;
    let mut facts = match Format::sniff(&start) {
        // Both are containers that tokens and checkpoints share.
        Some(Format::Safetensors | Format::Pt) => tensors(path)?,
        Some(_) => token_facts(path, TokenReader::open_path(path)?.info()),
        None => match Checkpoint::open(path, None) {
            Ok(checkpoint) => checkpoint_facts(&checkpoint),
            Err(_) => audio_facts(path)?,
        },
    };
    facts.push(("file_bytes", json!(found.len())));
    Ok(facts)
}

fn tensors(path: &Path) -> Result<Facts, Error> {
    let tokens = match TokenReader::open_path(path) {
        Ok(reader) => return Ok(token_facts(path, reader.info())),
        Err(error) => error_text(&error.into()),
    };
    let checkpoint = match Checkpoint::open(path, None) {
        Ok(checkpoint) => return Ok(checkpoint_facts(&checkpoint)),
        Err(error) => error_text(&error.into()),
    };
    let bare = |text: &str| text.replace(&format!("{}: ", path.display()), "");
    Err(anyhow!("neither tokens ({}) nor a checkpoint ({})", bare(&tokens), bare(&checkpoint)))
}

fn token_facts(path: &Path, info: &TokenInfo) -> Facts {
    let meta = &info.meta;
    let preset = meta.model.as_deref().and_then(|name| name.parse::<Preset>().ok());
    let codebooks = info.codes.map(|[_, codebooks, _]| codebooks);
    let seconds = meta.audio_seconds();
    let channels = info.channels();
    let nominal = preset.zip(codebooks).map(|(p, count)| nominal_kbps(&p.shape(), count) * channels as f64);
    let bytes = fs::metadata(path).map_or(0, |found| found.len());
    let mut facts = vec![
        ("kind", json!("tokens")),
        ("format", json!(info.format.to_string())),
        ("codes_shape", json!(info.codes)),
        ("z_shape", json!(info.z)),
        ("latents_shape", json!(info.latents)),
        ("channels", json!(channels)),
        ("codebooks", json!(codebooks)),
        ("frames", json!(info.frames())),
    ];
    let listed = meta.fields_with_duration().filter(|field| !HIDDEN_METADATA.contains(&field.name));
    facts.extend(listed.map(|field| (field.name, json!(field.value))));
    facts.extend([
        ("nominal_kbps", json!(nominal)),
        ("file_kbps", json!(seconds.map(|seconds| bytes as f64 * 0.008 / seconds))),
        ("truncated", json!(info.truncated)),
    ]);
    facts
}

fn checkpoint_facts(checkpoint: &Checkpoint) -> Facts {
    let (shape, report) = (checkpoint.shape(), checkpoint.report());
    let NetworkShape { sample_rate_hz, encoder_dim, latent_dim, decoder_dim, .. } = shape;
    vec![
        ("kind", json!("checkpoint")),
        ("model", json!(Preset::of_shape(shape).map_or("custom", Preset::name))),
        ("layout", json!(format!("{:?}", report.layout).to_lowercase())),
        ("prefix", json!(report.prefix)),
        ("tensors", json!(report.tensors)),
        ("weight_normed", json!(report.weight_normed)),
        ("parameters", json!(report.parameters)),
        ("storage", json!(report.dtypes.join(", "))),
        ("other_tensors", json!(report.other_tensors)),
        ("sample_rate_hz", json!(sample_rate_hz)),
        ("hop_samples", json!(shape.hop_samples())),
        ("frame_rate_hz", json!(shape.frame_rate_hz())),
        ("encoder_dim", json!(encoder_dim)),
        ("encoder_rates", json!(shape.encoder_rates)),
        ("latent_dim", json!(latent_dim)),
        ("decoder_dim", json!(decoder_dim)),
        ("decoder_rates", json!(shape.decoder_rates)),
        ("codebooks", json!(shape.codebooks)),
        ("codebook_size", json!(shape.codebook_size)),
        ("codebook_dim", json!(shape.codebook_dim)),
        ("nominal_kbps", json!(nominal_kbps(shape, shape.codebooks))),
    ]
}

fn audio_facts(path: &Path) -> Result<Facts, Error> {
    let reader = AudioReader::open(path)?;
    let spec = reader.spec();
    let seconds = spec.samples.map(|samples| samples as f64 / f64::from(spec.sample_rate_hz.max(1)));
    Ok(vec![
        ("kind", json!("audio")),
        ("codec", json!(spec.codec)),
        ("sample_rate_hz", json!(spec.sample_rate_hz)),
        ("channels", json!(spec.channels)),
        ("samples", json!(spec.samples)),
        ("audio_seconds", json!(seconds)),
    ])
}
