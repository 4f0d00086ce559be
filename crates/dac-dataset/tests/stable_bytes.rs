//! Bytes of shards and their metadata, pinned: equal entries give equal shards in every version.

mod common;

use std::path::Path;

use common::{codes, meta, tar_members};
use dac_dataset::{PackKind, PackLimits, PackNaming, PackWriter, SampleKey, ShardInfo};
use dac_rvq::Array3;
use dac_tokens::{Format, IntegerType, TokenFile, TokenMeta, WriteOptions};

fn full_meta() -> TokenMeta {
    let mut meta = meta();
    meta.replaced_samples = Some(3);
    meta.input_truncated = Some(true);
    meta.chunk_frames = Some(7);
    meta.padding = Some(true);
    meta
}

fn write(kind: PackKind, entries: Vec<TokenFile>) -> (tempfile::TempDir, ShardInfo) {
    let folder = tempfile::tempdir().unwrap();
    let mut writer =
        PackWriter::new(folder.path(), kind, PackNaming::default(), PackLimits::default()).unwrap();
    for (index, tokens) in entries.into_iter().enumerate() {
        let key = SampleKey::of(Path::new(&format!("a/{index}"))).unwrap();
        writer.add(&key, &format!("in/a/{index}.wav"), tokens).unwrap();
    }
    let shard = writer.finish().unwrap().unwrap().persist().unwrap();
    (folder, shard)
}

fn entries() -> Vec<TokenFile> {
    vec![
        TokenFile::of_codes(codes(2, 9, 7), full_meta()),
        TokenFile::of_codes(codes(1, 9, 5), TokenMeta::default()),
        TokenFile::of_codes(codes(1, 12, 300), meta()),
    ]
}

#[test]
fn the_json_of_a_tar_entry_has_a_value_of_every_name_in_order() {
    let mut entries = entries();
    entries.push(TokenFile::of_z(Array3::new(vec![0.5; 8], [1, 2, 4]).unwrap(), TokenMeta::default()));
    let (_folder, shard) = write(PackKind::Tar(Format::Npy, WriteOptions::default()), entries);
    let members = tar_members(&shard.path);
    let json = |index: usize| String::from_utf8(members[index].1.clone()).unwrap();
    let known = concat!(
        r#"{"key":"a/0","input":"in/a/0.wav","model":"44khz","weights_sha256":"#,
        r#""0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","channels":2,"codebooks":9,"#,
        r#""frames":7,"model_rate_hz":44100,"input_rate_hz":48000,"input_samples":96000,"#,
        r#""audio_seconds":2.0,"codebook_size":1024,"hop_samples":512,"#,
        r#""replaced_samples":3,"input_truncated":true,"damaged_samples":0,"input_warning":"","#,
        r#""input_db":-23.4375,"chunk_frames":7,"padding":true}"#,
    );
    assert_eq!(json(1), known);
    // A value of every type, so that readers know the types; no fields that other formats have.
    let unknown = |start: &str| {
        let rest = concat!(
            r#""model_rate_hz":0,"input_rate_hz":0,"input_samples":0,"audio_seconds":0.0,"#,
            r#""codebook_size":0,"hop_samples":0,"replaced_samples":0,"input_truncated":false,"#,
            r#""damaged_samples":0,"input_warning":""}"#,
        );
        format!("{start},{rest}")
    };
    let codes = concat!(
        r#"{"key":"a/1","input":"in/a/1.wav","model":"","weights_sha256":"","#,
        r#""channels":1,"codebooks":9,"frames":5"#,
    );
    assert_eq!(json(3), unknown(codes));
    let z = concat!(
        r#"{"key":"a/3","input":"in/a/3.wav","model":"","weights_sha256":"","#,
        r#""channels":1,"frames":4"#,
    );
    assert_eq!(json(7), unknown(z));
}

#[test]
fn equal_entries_give_the_same_shards_as_before() {
    let tar = |format| PackKind::Tar(format, WriteOptions::default());
    let sums =
        [tar(Format::Safetensors), tar(Format::Dacp), PackKind::Parquet(IntegerType::U16)].map(|kind| {
            let (_folder, shard) = write(kind, entries());
            (shard.bytes, shard.sha256)
        });
    let expected = [
        (14848, "0b724cb29db12109810e995ffebfdada344790b4aae8653fa4481be871db8333"),
        (11776, "f6dd1a4c3b5695f37ebc33e10fd8961d4bd7eac080b30277adca12b4a36c880f"),
        (14206, "f6177ce1d102398f981ba74a0d0525eca4d0685a4c85335ffeeb611f04dbe7ef"),
    ];
    assert_eq!(sums, expected.map(|(bytes, sha256)| (bytes, sha256.to_owned())));
}
