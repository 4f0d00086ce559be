//! Shards read back by the tar and parquet libraries, their sizes and hashes.

mod common;

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use common::{codes, keys, meta, names, sha256, tar_members};
use dac_dataset::{PackError, PackKind, PackLimits, PackNaming, PackWriter, SampleKey, ShardInfo};
use dac_rvq::{Array3, Codes};
use dac_tokens::{Format, IntegerType, TokenFile, WriteOptions};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;

fn limits(max_entries: usize, max_bytes: u64) -> PackLimits {
    let mut limits = PackLimits::default();
    limits.max_entries = NonZeroUsize::new(max_entries).unwrap();
    limits.max_bytes = max_bytes;
    limits
}

fn tar(format: Format) -> PackKind {
    PackKind::Tar(format, WriteOptions::default())
}

fn writer(folder: &Path, kind: PackKind, limits: PackLimits) -> PackWriter {
    PackWriter::new(folder, kind, PackNaming::default(), limits).unwrap()
}

fn key(path: &str) -> SampleKey {
    SampleKey::of(Path::new(path)).unwrap()
}

/// Finishes and persists the open shard.
fn finish(writer: &mut PackWriter) -> Option<ShardInfo> {
    writer.finish().unwrap().map(|shard| shard.persist().unwrap())
}

/// Writes entries of these lengths. Returns all shards.
fn write(writer: &mut PackWriter, frames: &[usize]) -> Vec<ShardInfo> {
    let mut shards = Vec::new();
    for (index, &frames) in frames.iter().enumerate() {
        let tokens = TokenFile::of_codes(codes(1, 9, frames), meta());
        let full = writer.add(&key(&format!("f/{index}")), &format!("{index}.wav"), tokens).unwrap();
        shards.extend(full.map(|shard| shard.persist().unwrap()));
    }
    shards.extend(finish(writer));
    shards
}

/// Code in a column of this type.
fn code(field: &parquet::record::Field, integer: IntegerType) -> u16 {
    match (field, integer) {
        (parquet::record::Field::UShort(code), IntegerType::U16) => *code,
        (parquet::record::Field::Int(code), IntegerType::I32) => u16::try_from(*code).unwrap(),
        (parquet::record::Field::Long(code), IntegerType::I64) => u16::try_from(*code).unwrap(),
        (other, _) => panic!("{other:?}"),
    }
}

/// Reads the rows of a parquet file: key, codes `[lists][frames]`, and all columns as text.
fn rows(path: &Path, integer: IntegerType) -> Vec<(String, Vec<Vec<u16>>, String)> {
    let file = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
    let row = |row: parquet::record::Row| {
        let lists = row.get_list(1).unwrap().elements();
        let list = |field: &parquet::record::Field| match field {
            parquet::record::Field::ListInternal(list) => {
                list.elements().iter().map(|field| code(field, integer)).collect()
            }
            other => panic!("{other:?}"),
        };
        let lists = lists.iter().map(list).collect();
        (row.get_string(0).unwrap().clone(), lists, row.to_string())
    };
    file.get_row_iter(None).unwrap().map(|r| row(r.unwrap())).collect()
}

#[test]
fn tar_shards_contain_token_files_and_metadata() {
    let folder = tempfile::tempdir().unwrap();
    let long = format!("{}/{}", "deep/".repeat(30), "x".repeat(90));
    for format in Format::ALL {
        let mut writer = writer(folder.path(), tar(format), limits(3, 1 << 30));
        let stereo = TokenFile::of_codes(codes(2, 12, 33), meta());
        assert!(writer.add(&key("a.b/c.d"), "in/a.b/c.d.wav", stereo.clone()).unwrap().is_none());
        assert!(writer.add(&key(&long), "long.wav", stereo.clone()).unwrap().is_none());
        let shard = finish(&mut writer).unwrap();
        assert_eq!(shard.keys, [key("a.b/c.d"), key(&long)]);

        let members = tar_members(&shard.path);
        let long = key(&long);
        let expected = ["a.b/c%2Ed", long.as_str()]
            .map(|key| [format!("{key}.{format}"), format!("{key}.json")])
            .concat();
        assert_eq!(members.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), expected);
        let mut written = Vec::new();
        stereo.write_to(&mut written, format, &WriteOptions::default()).unwrap();
        assert!(members[0].1 == written && members[2].1 == written, "{format}");
        let metadata: serde_json::Value = serde_json::from_slice(&members[1].1).unwrap();
        assert_eq!(metadata["key"], "a.b/c%2Ed");
        assert_eq!(metadata["input"], "in/a.b/c.d.wav");
        assert_eq!(
            (&metadata["channels"], &metadata["codebooks"], &metadata["frames"]),
            (&2.into(), &12.into(), &33.into())
        );
        assert_eq!((&metadata["model"], &metadata["hop_samples"]), (&"44khz".into(), &512.into()));
        assert_eq!(metadata["audio_seconds"], 96000.0 / 48000.0);
        assert!(metadata["chunk_frames"].is_null() && metadata["padding"].is_null());
    }
}

#[test]
fn parquet_files_round_trip_every_code() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path(), PackKind::Parquet(IntegerType::U16), PackLimits::default());
    // All values, no frames, no lists, and more codes than fit a row group.
    let every: Vec<u16> = (0..=u16::MAX).collect();
    let all = [
        codes(1, 9, 150),
        codes(2, 12, 700),
        Codes::new(every, [1, 4, 1 << 14]).unwrap(),
        codes(1, 3, 0),
        codes(0, 0, 0),
        codes(1, 9, 1),
        codes(1, 9, 250_000),
        codes(1, 1, 5),
    ];
    for (index, codes) in all.iter().enumerate() {
        let tokens = TokenFile::of_codes(codes.clone(), meta());
        assert!(writer.add(&key(&index.to_string()), "a.wav", tokens).unwrap().is_none());
    }
    let shard = finish(&mut writer).unwrap();
    let rows = rows(&shard.path, IntegerType::U16);
    assert_eq!(rows.len(), all.len());
    for (index, ((key, lists, _), codes)) in rows.iter().zip(&all).enumerate() {
        assert_eq!(*key, index.to_string());
        assert_eq!(lists.len(), codes.channels() * codes.codebooks());
        assert!(lists.iter().all(|list| list.len() == codes.frames()));
        assert!(lists.concat() == codes.as_slice(), "{index}");
    }
    let text = &rows[1].2;
    for part in [
        "channels: 2,",
        "codebooks: 12,",
        "frames: 700,",
        "input: \"a.wav\"",
        "model: \"44khz\"",
        "model_rate_hz: 44100,",
        "input_rate_hz: 48000,",
        "input_samples: 96000,",
        "audio_seconds: 2.0,",
        "input_db: -2.34375E1,",
        "chunk_frames: null,",
        "padding: null",
    ] {
        assert!(text.contains(part), "{part} in {}", &text[text.len() - 200..]);
    }
    let file = SerializedFileReader::new(fs::File::open(&shard.path).unwrap()).unwrap();
    assert!(file.metadata().num_row_groups() >= 3, "a long recording is a group of its own");
    // 10 bits per code, except in the group with all 16-bit values.
    let codes: u64 = all.iter().map(|codes| codes.as_slice().len() as u64).sum();
    assert!(shard.bytes < codes * 13 / 10 + (1 << 19), "{} bytes for {codes} codes", shard.bytes);
}

#[test]
fn parquet_files_store_codes_as_the_chosen_integers() {
    let mut sizes = Vec::new();
    for integer in IntegerType::ALL {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = writer(folder.path(), PackKind::Parquet(integer), PackLimits::default());
        let all = [codes(1, 9, 150), codes(2, 12, 7), codes(1, 3, 0), codes(0, 0, 0)];
        for (index, codes) in all.iter().enumerate() {
            let tokens = TokenFile::of_codes(codes.clone(), meta());
            writer.add(&key(&index.to_string()), "a.wav", tokens).unwrap();
        }
        let shard = finish(&mut writer).unwrap();
        for ((_, lists, _), codes) in rows(&shard.path, integer).iter().zip(&all) {
            assert!(lists.concat() == codes.as_slice(), "{integer}");
        }
        sizes.push(shard.bytes);
    }
    // The dictionaries differ in size, their indices do not.
    assert!(sizes[1].abs_diff(sizes[0]) < 100 && sizes[2] < sizes[1] + 5000, "{sizes:?}");
}

#[test]
fn shards_are_closed_at_the_entry_and_size_limits() {
    for kind in [tar(Format::Npy), PackKind::Parquet(IntegerType::U16)] {
        let folder = tempfile::tempdir().unwrap();
        let shards = write(&mut writer(folder.path(), kind.clone(), limits(2, 1 << 30)), &[10; 5]);
        let entries: Vec<_> = shards.iter().map(|shard| shard.keys.len()).collect();
        assert_eq!(entries, [2, 2, 1]);
        let extension = kind.extension();
        let expected = [0, 1, 2].map(|number| format!("tokens-{number:06}.{extension}"));
        assert_eq!(names(folder.path()), expected);
        for shard in &shards {
            let bytes = fs::read(&shard.path).unwrap();
            assert_eq!((bytes.len() as u64, sha256(&bytes)), (shard.bytes, shard.sha256.clone()));
        }

        // By size, with numbers that continue after the existing shards.
        let shards =
            write(&mut writer(folder.path(), kind.clone(), limits(100, 40_000)), &[400, 4000, 400, 400]);
        let entries: Vec<_> = shards.iter().map(|shard| shard.keys.len()).collect();
        assert_eq!(entries, [2, 2], "{kind:?}");
        assert!(shards[0].bytes > 40_000 && shards[1].bytes < 40_000, "{kind:?}: {shards:?}");
        assert_eq!(shards[0].path, folder.path().join(format!("tokens-000003.{extension}")));
        assert_eq!(keys(&shards), (0..4).map(|index| key(&format!("f/{index}"))).collect::<Vec<_>>());
    }
}

#[test]
fn starting_at_skips_lower_numbers() {
    let folder = tempfile::tempdir().unwrap();
    for (start, expected) in [(5, "tokens-000005.tar"), (2, "tokens-000006.tar")] {
        let mut writer = writer(folder.path(), tar(Format::Npy), PackLimits::default()).starting_at(start);
        assert_eq!(write(&mut writer, &[3])[0].path, folder.path().join(expected));
    }
}

#[test]
fn equal_entries_give_equal_bytes() {
    for kind in [tar(Format::Safetensors), PackKind::Parquet(IntegerType::U16)] {
        let hashes = [0; 2].map(|_| {
            let folder = tempfile::tempdir().unwrap();
            write(&mut writer(folder.path(), kind.clone(), limits(10, 1 << 30)), &[7, 8, 9])[0].sha256.clone()
        });
        assert_eq!(hashes[0], hashes[1]);
    }
}

#[test]
fn rejected_entries_do_not_affect_others() {
    let folder = tempfile::tempdir().unwrap();
    let plain = || TokenFile::of_codes(codes(1, 9, 4), meta());
    let mut with_z = plain();
    with_z.z = Some(Array3::new(vec![0.5; 8], [1, 2, 4]).unwrap());
    let only_z = TokenFile::of_z(Array3::new(vec![0.5; 8], [1, 2, 4]).unwrap(), meta());

    let mut writer = writer(folder.path(), PackKind::Parquet(IntegerType::U16), PackLimits::default());
    writer.add(&key("a"), "a", plain()).unwrap();
    assert!(matches!(writer.add(&key("b"), "b", with_z.clone()), Err(PackError::NotCodes { .. })));
    assert!(matches!(writer.add(&key("b"), "b", only_z.clone()), Err(PackError::NotCodes { .. })));
    assert!(matches!(writer.add(&key("a"), "a", plain()), Err(PackError::Duplicate { .. })));
    let mut long = plain();
    long.meta.input_samples = Some(u64::MAX);
    assert!(matches!(writer.add(&key("b"), "b", long), Err(PackError::TooLarge { found: u64::MAX, .. })));
    writer.add(&key("c"), "c", plain()).unwrap();
    assert_eq!(finish(&mut writer).unwrap().keys, [key("a"), key("c")]);
    assert_eq!(finish(&mut writer), None);

    let mut writer = self::writer(folder.path(), tar(Format::Npy), PackLimits::default());
    assert!(matches!(writer.add(&key("b"), "b", with_z), Err(PackError::Tokens(_))));
    writer.add(&key("z"), "z", only_z).unwrap();
    let shard = finish(&mut writer).unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&tar_members(&shard.path)[1].1).unwrap();
    assert!(metadata["codebooks"].is_null() && metadata["frames"] == 4, "{metadata}");
}

#[test]
fn dropping_the_writer_removes_the_open_shard() {
    for kind in [tar(Format::Npy), PackKind::Parquet(IntegerType::U16)] {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = writer(folder.path(), kind.clone(), PackLimits::default());
        writer.add(&key("a"), "a", TokenFile::of_codes(codes(1, 9, 4), meta())).unwrap();
        drop(writer);
        assert_eq!(names(folder.path()), [""; 0]);
    }
}

#[test]
fn staged_shards_get_their_name_when_they_are_persisted() {
    let (folder, staging) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut writer = writer(folder.path(), tar(Format::Npy), limits(1, 1 << 30)).staged_in(staging.path());
    let mut add =
        || writer.add(&key("a"), "a", TokenFile::of_codes(codes(1, 9, 4), meta())).unwrap().unwrap();
    let shard = add();
    assert_eq!(shard.info().path, folder.path().join("tokens-000000.tar"));
    assert_eq!((names(folder.path()), names(staging.path()).len()), (vec![], 1));
    let info = shard.persist_new().unwrap();
    assert_eq!(sha256(&fs::read(&info.path).unwrap()), info.sha256);
    // A name that exists is not overwritten, and the rejected shard is removed.
    let shard = add();
    fs::write(&shard.info().path, b"other").unwrap();
    assert!(matches!(shard.persist_new(), Err(PackError::Shard { keys, .. }) if keys == [key("a")]));
    assert_eq!(fs::read(folder.path().join("tokens-000001.tar")).unwrap(), b"other");
    drop(add());
    assert_eq!(names(staging.path()), [""; 0]);
}

#[cfg(unix)]
#[test]
fn write_errors_list_the_lost_keys() {
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("below");
    fs::create_dir(&below).unwrap();
    let plain = || TokenFile::of_codes(codes(1, 9, 4), meta());
    let mut writer = writer(&below, tar(Format::Npy), limits(2, 1 << 30));
    writer.add(&key("a"), "a", plain()).unwrap();
    fs::remove_dir_all(&below).unwrap();
    let error = writer.add(&key("b"), "b", plain()).unwrap().unwrap().persist().unwrap_err();
    match error {
        PackError::Shard { path, keys, .. } => {
            assert_eq!(keys, [key("a"), key("b")]);
            assert_eq!(path, below.join("tokens-000000.tar"));
        }
        other => panic!("{other}"),
    }
    // A shard that cannot be created, then one that can.
    match writer.add(&key("c"), "c", plain()).unwrap_err() {
        PackError::Shard { keys, .. } => assert_eq!(keys, [key("c")]),
        other => panic!("{other}"),
    }
    fs::create_dir(&below).unwrap();
    writer.add(&key("c"), "c", plain()).unwrap();
    assert_eq!(finish(&mut writer).unwrap().keys, [key("c")]);
}
