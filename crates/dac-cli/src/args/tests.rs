//! Tests of the command line and its help.

use std::collections::BTreeMap;

use clap::CommandFactory;

use super::*;

#[test]
fn argument_definitions_are_consistent() {
    Cli::command().debug_assert();
}

/// Options of a command by their help heading.
fn headings(command: &str) -> BTreeMap<String, String> {
    let cli = Cli::command();
    let mut headings: BTreeMap<String, String> = BTreeMap::new();
    for option in cli.find_subcommand(command).unwrap().get_opts() {
        let heading = option.get_help_heading().unwrap_or("Options").to_owned();
        *headings.entry(heading).or_default() += &format!("{} ", option.get_long().unwrap());
    }
    headings
}

#[test]
fn options_are_grouped_under_headings() {
    let batches = "files-from root keep-extension jobs dry-run partition manifest ";
    let model = "model weights device threads precision memory-budget ";
    let tokens = "quantizers bitrate channels nan save format dtype ";
    let chunks = "chunk chunk-seconds overlap-rate ";
    let common = [("Options", "output overwrite json "), ("Batches", batches), ("Model", model)];
    for (command, own) in [
        (
            "encode",
            &[
                ("Tokens", tokens),
                ("Chunks", chunks),
                ("Packs", "pack pack-entries pack-bytes "),
                ("Streams", "raw-rate "),
            ][..],
        ),
        (
            "decode",
            &[
                ("Tokens", "quantizers bitrate "),
                ("Audio", "sample-format output-rate start duration no-loudness "),
                ("Chunks", chunks),
                ("Streams", "raw "),
            ],
        ),
        ("roundtrip", &[("Tokens", tokens), ("Audio", "sample-format output-rate "), ("Chunks", chunks)]),
    ] {
        let expected = common.iter().chain(own);
        let expected: BTreeMap<_, _> =
            expected.map(|(heading, options)| ((*heading).to_owned(), (*options).to_owned())).collect();
        assert_eq!(headings(command), expected, "{command}");
    }
    for command in ["report", "bench", "doctor", "info", "download"] {
        assert_eq!(headings(command).into_keys().collect::<Vec<_>>(), ["Options"], "{command}");
    }
}

#[test]
fn invalid_values_and_combinations_are_rejected() {
    let with = |extra: &[&str]| {
        let line = ["dac", "encode", "a.wav", "--output", "out"].iter().chain(extra);
        Cli::try_parse_from(line).is_ok()
    };
    assert!(with(&["--quantizers", "2"]) && with(&["--bitrate", "3.5"]));
    for wrong in [
        &["--quantizers", "2", "--bitrate", "3.5"][..],
        &["--quantizers", "0"],
        &["--bitrate", "0"],
        &["--bitrate", "nan"],
        &["--chunk-seconds", "-1"],
        &["--chunk-seconds", "inf"],
        &["--save", "codes,y"],
        &["--overlap-rate", "1.5"],
        &["--model", "48khz"],
        &["--device", "gpu"],
        &["--threads", "0"],
        &["--memory-budget", "2T"],
    ] {
        assert!(!with(wrong), "{wrong:?}");
    }
}
