//! Tokens with known values, and readers of shards.
#![allow(dead_code)]

use std::fs;
use std::io::Read;
use std::path::Path;

use dac_dataset::{SampleKey, ShardInfo};
use dac_rvq::Codes;
use dac_tokens::TokenMeta;
use sha2::{Digest, Sha256};

/// Codes whose values depend on their position.
pub(crate) fn codes(channels: usize, codebooks: usize, frames: usize) -> Codes {
    let value = |i: usize| {
        (397 * (i / frames / codebooks) + 131 * (i / frames % codebooks) + 29 * (i % frames)) % 1024
    };
    let data = (0..channels * codebooks * frames).map(|i| value(i) as u16).collect();
    Codes::new(data, [channels, codebooks, frames]).unwrap()
}

pub(crate) fn meta() -> TokenMeta {
    let mut meta = TokenMeta::default();
    meta.model = Some("44khz".into());
    meta.weights_sha256 = Some("0123456789abcdef".repeat(4));
    meta.model_rate_hz = Some(44100);
    meta.input_rate_hz = Some(48000);
    meta.input_samples = Some(96000);
    meta.codebook_size = Some(1024);
    meta.hop_samples = Some(512);
    meta.input_db = Some(-23.4375);
    meta
}

/// Sorted file names in a directory.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub(crate) fn keys(shards: &[ShardInfo]) -> Vec<SampleKey> {
    shards.iter().flat_map(|shard| shard.keys.clone()).collect()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Names and contents of the members of an archive, in order. Checks their time, owner and mode.
pub(crate) fn tar_members(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(fs::File::open(path).unwrap());
    let member = |entry: std::io::Result<tar::Entry<'_, fs::File>>| {
        let mut entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.mtime().unwrap(), header.uid().unwrap(), header.mode().unwrap()), (0, 0, 0o644));
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (name, content)
    };
    archive.entries().unwrap().map(member).collect()
}
