//! The command line: arguments of all commands.

mod bench;
mod chunk;
mod decode;
mod doctor;
mod download;
mod encode;
mod files;
mod info;
mod input;
mod layout;
mod manifest;
mod model;
mod models;
mod pack;
mod report;
mod roundtrip;
mod rows;
mod silence;
mod tokens;
mod values;
mod wave;

use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub(crate) use bench::BenchArgs;
pub(crate) use chunk::{ChunkArg, ChunkArgs};
pub(crate) use decode::DecodeArgs;
#[cfg(feature = "burn")]
pub(crate) use doctor::AutotuneArgs;
pub(crate) use doctor::DoctorArgs;
pub(crate) use download::DownloadArgs;
pub(crate) use encode::EncodeArgs;
pub(crate) use files::FileArgs;
pub(crate) use info::InfoArgs;
pub(crate) use manifest::ManifestAction;
pub(crate) use model::{ModelArgs, RunArgs, prepared};
pub(crate) use models::{ModelsArgs, PrepareArgs};
pub(crate) use pack::{PackArg, PackArgs};
pub(crate) use report::ReportArgs;
pub(crate) use roundtrip::RoundtripArgs;
pub(crate) use silence::TokensAction;
pub(crate) use tokens::{BitrateArgs, TokenArgs, save};

/// The Descript Audio Codec: audio to discrete tokens and back.
#[derive(Debug, Parser)]
#[command(
    name = "dac",
    version,
    after_help = "Exit codes:
  0    everything was done
  1    some files failed; the others are done
  2    usage error; nothing was done
  3    fatal error (invalid weights, output directory not writable, disk full)
  130  interrupted by Ctrl-C; finished files are kept
  143  interrupted by SIGTERM; finished files are kept

With --json, stdout contains one JSON record per file, and stderr everything else."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Parses a command line; the error may also be a help text.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// All commands. A negative number after an option is its value, and not another option, so that its parser
/// can name the valid range.
fn command() -> clap::Command {
    let accept = |arg: clap::Arg| match arg.get_long() {
        Some(_) if arg.get_action().takes_values() => arg.allow_negative_numbers(true),
        _ => arg,
    };
    Cli::command().mut_subcommands(|command| command.mut_args(accept))
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Encode audio files to token files; '-' encodes stdin to stdout.
    Encode(EncodeArgs),
    /// Decode token files to WAV or FLAC files; '-' decodes stdin to stdout.
    Decode(DecodeArgs),
    /// Encode and decode audio files, and measure the difference.
    Roundtrip(RoundtripArgs),
    /// Write an HTML page to hear and see a recording at each number of codebooks.
    Report(ReportArgs),
    /// Show what checkpoints, token files and audio files contain.
    Info(InfoArgs),
    /// Show facts about the tokens of a model.
    #[command(subcommand)]
    Tokens(TokensAction),
    /// List the models and their weights on this machine, or prepare weights for fast loading.
    Models(ModelsArgs),
    /// Download the published weights of a model into the cache.
    Download(DownloadArgs),
    /// Measure the speed of encode and decode.
    Bench(BenchArgs),
    /// Merge the manifests of a partitioned batch.
    #[command(subcommand)]
    Manifest(ManifestAction),
    /// Check the processor, devices and caches of this machine.
    Doctor(DoctorArgs),
}

#[cfg(test)]
mod tests {
    #[test]
    fn arguments_do_not_conflict() {
        super::command().debug_assert();
    }

    #[test]
    fn the_short_help_of_every_command_fits_a_screen() {
        for command in super::command().term_width(100).get_subcommands_mut() {
            let lines = command.clone().term_width(100).render_help().to_string().lines().count();
            assert!(lines <= 50, "dac {} -h has {lines} lines", command.get_name());
        }
    }
}
