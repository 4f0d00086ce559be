//! `dac info`: describes checkpoints, token files and audio files, detected from their content, and data
//! sets.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Error, anyhow, bail};
use dac::Preset;
use dac::audio::{AudioReader, ReadBackend, ReadOptions};
use dac::codec::NetworkShape;
use dac::tokens::{Format, IntegerType, SNIFF_BYTES, TokenError, TokenInfo, TokenReader};
use dac::weights::{Checkpoint, Kind, Reason};
use dac_batch::{DataSetInfo, describe_data_set};
use serde_json::{Map, Value, json};

use crate::args::InfoArgs;
use crate::exit::Exit;
use crate::output::{eprint_line, error_of_file, error_text, print_record, print_text};

/// Properties of a file in the order of output.
type Properties = Vec<(&'static str, Value)>;

pub(crate) fn run(args: &InfoArgs) -> Result<Exit, Error> {
    let mut exit = Exit::Done;
    for (index, path) in args.files.iter().enumerate() {
        let properties = properties_of(path, args.reader.audio_reader.into());
        if let Err(error) = &properties {
            exit = Exit::SomeFailed;
            eprint_line(format_args!("error: {}", error_of_file(path, error)));
        }
        if args.json {
            print_record(&record(path, properties))?;
        } else if let Ok(properties) = properties {
            let separator = if index > 0 { "\n" } else { "" };
            let lines: String = properties.iter().filter_map(line).collect();
            print_text(&format!("{separator}{}{lines}", path.display()))?;
        }
    }
    Ok(exit)
}

/// Formats a property as a line; returns `None` for an unknown or empty value.
fn line((name, value): &(&'static str, Value)) -> Option<String> {
    let is_known = !value.is_null() && *value != "";
    // The metadata of tokens has another field about the input that was encoded.
    let label = if *name == "truncated" { "file_truncated" } else { name };
    is_known.then(|| format!("\n  {:<18}{}", label.replace('_', " "), value_text(value)))
}

fn record(path: &Path, properties: Result<Properties, Error>) -> Value {
    let mut map = Map::new();
    map.insert("input".to_owned(), json!(path.display().to_string()));
    let (status, error) = match properties {
        Ok(properties) => {
            map.extend(properties.into_iter().map(|(name, value)| (name.to_owned(), value)));
            ("ok", None)
        }
        Err(error) => ("error", Some(error_text(&error))),
    };
    map.insert("status".to_owned(), json!(status));
    map.insert("error".to_owned(), json!(error));
    Value::Object(map)
}

fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(value_text).collect::<Vec<_>>().join(" × "),
        Value::Number(number) if number.is_f64() => format!("{:.2}", number.as_f64().unwrap_or(f64::NAN)),
        other => other.to_string(),
    }
}

fn properties_of(path: &Path, backend: ReadBackend) -> Result<Properties, Error> {
    let found = fs::metadata(path).context("cannot read the file")?;
    if !found.is_file() {
        bail!("not a file");
    }
    let mut start = Vec::new();
    File::open(path)?.take(SNIFF_BYTES as u64).read_to_end(&mut start)?;
    // Old checkpoints of PyTorch are also named .tar.
    let is_checkpoint = start.starts_with(b"PK") || start.starts_with(b"\x80");
    let data_set = if is_checkpoint { None } else { describe_data_set(path) };
    if let Some(info) = data_set {
        let mut properties = data_set_properties(&info?);
        properties.push(("file_bytes", json!(found.len())));
        return Ok(properties);
    }
    let mut properties = match Format::sniff(&start) {
        Some(Format::Safetensors | Format::Pt) => tensor_properties(path)?,
        Some(_) => token_properties(path, TokenReader::open_path(path)?.info()),
        None => match Checkpoint::open(path, None) {
            Ok(checkpoint) => checkpoint_properties(&checkpoint),
            Err(error) => match (audio_properties(path, backend), error.reason) {
                (Ok(properties), _) => properties,
                (Err(_), Reason::Foreign(guess)) if guess.kind != Kind::Media => {
                    bail!("neither audio nor tokens nor weights: it is {guess}")
                }
                (Err(error), _) => return Err(error),
            },
        },
    };
    properties.push(("file_bytes", json!(found.len())));
    Ok(properties)
}

/// Describes a file in a container that tokens and checkpoints share.
fn tensor_properties(path: &Path) -> Result<Properties, Error> {
    let tokens = match TokenReader::open_path(path) {
        Ok(reader) => return Ok(token_properties(path, reader.info())),
        Err(error) => error,
    };
    let weights = match Checkpoint::open(path, None) {
        Ok(checkpoint) => return Ok(checkpoint_properties(&checkpoint)),
        Err(error) => error,
    };
    let contains_tokens = match &tokens {
        TokenError::InFile { source, .. } => !matches!(**source, TokenError::NoTokens { .. }),
        _ => true,
    };
    // A container that cannot be read is described by the checkpoint's error, which is the same for tokens.
    Err(match weights.reason {
        Reason::Torch(_) | Reason::Safetensors(_) | Reason::Foreign(_) | Reason::TooShort { .. } => {
            weights.into()
        }
        _ if contains_tokens => tokens.into(),
        _ => anyhow!(
            "contains no tokens (codes, z or latents), and as weights it is refused: {}",
            weights.reason
        ),
    })
}

fn token_properties(path: &Path, info: &TokenInfo) -> Properties {
    let meta = &info.meta;
    let preset = meta.model.as_deref().and_then(|name| name.parse::<Preset>().ok());
    let codebooks = info.codes.map(|[_, codebooks, _]| codebooks);
    let seconds = meta.audio_seconds();
    let channels = info.channels();
    let nominal = preset.zip(codebooks).map(|(p, count)| p.shape().bitrate_kbps(count) * channels as f64);
    let bytes = fs::metadata(path).map_or(0, |found| found.len());
    let mut properties = vec![
        ("kind", json!("tokens")),
        ("format", json!(info.format.to_string())),
        ("codes_shape", json!(info.codes)),
        ("codes_dtype", json!(info.integer.map(IntegerType::name))),
        ("z_shape", json!(info.z)),
        ("latents_shape", json!(info.latents)),
        ("channels", json!(channels)),
        ("codebooks", json!(codebooks)),
        ("frames", json!(info.frames())),
    ];
    properties.extend(meta.fields_with_duration().map(|field| (field.name, json!(field.value))));
    properties.extend([
        ("nominal_kbps", json!(nominal)),
        ("file_kbps", json!(seconds.map(|seconds| bytes as f64 * 0.008 / seconds))),
        ("truncated", json!(info.truncated)),
        ("ignored_bytes", json!(Some(info.ignored_bytes).filter(|&bytes| bytes > 0))),
    ]);
    properties
}

fn data_set_properties(info: &DataSetInfo) -> Properties {
    let of_tokens = |value: Value| if info.is_pack { value } else { Value::Null };
    let text = |texts: Vec<String>| texts.join(", ");
    vec![
        ("kind", json!(if info.is_pack { "pack" } else { "data set" })),
        ("entries", json!(info.entries)),
        ("first_key", json!(info.first_key)),
        ("model", of_tokens(json!(text(info.models.iter().cloned().collect())))),
        ("codebooks", of_tokens(json!(text(info.codebooks.iter().map(ToString::to_string).collect())))),
        ("frames", of_tokens(json!(info.frames))),
        ("audio_seconds", of_tokens(json!(info.audio_seconds))),
        ("invalid_entries", json!(Some(info.invalid).filter(|&invalid| invalid > 0))),
        ("first_error", json!(info.first_error)),
    ]
}

fn checkpoint_properties(checkpoint: &Checkpoint) -> Properties {
    for warning in &checkpoint.report().warnings {
        eprint_line(format_args!("warning: {warning}"));
    }
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
        ("nominal_kbps", json!(shape.bitrate_kbps(shape.codebooks))),
    ]
}

fn audio_properties(path: &Path, backend: ReadBackend) -> Result<Properties, Error> {
    let reader = AudioReader::open_with(path, ReadOptions { backend, ..ReadOptions::default() })?;
    let spec = reader.spec();
    let seconds = spec.samples.map(|samples| samples as f64 / f64::from(spec.sample_rate_hz.max(1)));
    Ok(vec![
        ("kind", json!("audio")),
        ("codec", json!(spec.codec)),
        ("sample_rate_hz", json!(spec.sample_rate_hz)),
        ("channels", json!(spec.channels)),
        ("samples", json!(spec.samples)),
        ("audio_seconds", json!(seconds)),
        ("input_warning", json!(reader.warning())),
    ])
}
