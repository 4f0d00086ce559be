//! Arguments and help of all commands.

use std::collections::BTreeMap;

use crate::support::Lab;

/// Options of a command by their heading in its help. A debug build checks the definitions as well.
fn headings(command: &str) -> BTreeMap<String, String> {
    let help = Lab::new().dac(&format!("{command} --help")).expect(0).stdout;
    let mut headings: BTreeMap<String, String> = BTreeMap::new();
    let mut heading = "";
    for line in help.lines() {
        if let Some(name) = line.strip_suffix(':').filter(|name| !name.starts_with(' ')) {
            heading = name;
        }
        let line = line.trim_start();
        // An option with a short name begins with that: `-o, --output <DIR>`.
        let is_short = line.starts_with('-') && line.get(2..4) == Some(", ");
        let option = if is_short { line.get(4..).unwrap_or_default() } else { line };
        if let Some(name) = option.strip_prefix("--").and_then(|option| option.split(' ').next()) {
            *headings.entry(heading.to_owned()).or_default() += &format!("{name} ");
        }
    }
    headings
}

#[test]
fn options_are_grouped_under_headings() {
    let batches = "files-from root keep-extension jobs dry-run partition manifest ";
    let model = "model weights device threads precision formulation memory-budget ";
    let tokens = "quantizers bitrate channels nan damaged audio-reader save format dtype ";
    let data_sets = "pack keep-shards retry-failed pack-entries pack-bytes max-shard-minutes \
                     layout codebook-offset bos eos pad \
                     segment min-seconds max-seconds audio-column path-column ";
    let chunks = "chunk chunk-seconds overlap-rate ";
    let common = [("Options", "output overwrite json help "), ("Batches", batches), ("Model", model)];
    for (command, own) in [
        (
            "encode",
            &[
                ("Tokens", tokens),
                ("Chunks", chunks),
                ("Batches", "files-from root keep-extension jobs dry-run partition manifest adopt "),
                ("Data sets", data_sets),
                ("Streams", "raw-rate "),
            ][..],
        ),
        (
            "decode",
            &[
                ("Tokens", "quantizers bitrate layout codebook-offset bos eos pad "),
                ("Audio", "audio-format sample-format output-rate start duration tail-frames no-loudness "),
                ("Chunks", chunks),
                ("Streams", "raw "),
            ],
        ),
        (
            "roundtrip",
            &[("Tokens", tokens), ("Audio", "audio-format sample-format output-rate "), ("Chunks", chunks)],
        ),
    ] {
        let expected = common.iter().chain(own);
        let expected: BTreeMap<_, _> =
            expected.map(|(heading, options)| ((*heading).to_owned(), (*options).to_owned())).collect();
        assert_eq!(headings(command), expected, "{command}");
    }
    for command in ["report", "bench", "doctor", "info", "models", "download", "manifest merge"] {
        assert_eq!(headings(command).into_keys().collect::<Vec<_>>(), ["Options"], "{command}");
    }
}

#[test]
fn invalid_values_and_combinations_are_rejected() {
    let lab = Lab::new();
    let is_rejected = |extra: &str| {
        let run = lab.dac(&format!("encode a.wav --output out {extra}")).expect(2);
        run.stderr.contains("For more information, try '--help'")
    };
    assert!(!is_rejected("--quantizers 2") && !is_rejected("--bitrate 3.5"));
    for wrong in [
        "--quantizers 2 --bitrate 3.5",
        "--quantizers 0",
        "--bitrate 0",
        "--bitrate nan",
        "--chunk-seconds -1",
        "--chunk-seconds inf",
        "--save codes,y",
        "--overlap-rate 1.5",
        "--model 48khz",
        "--device gpu",
        "--threads 0",
        "--memory-budget 2T",
    ] {
        assert!(is_rejected(wrong), "{wrong}");
    }
}
