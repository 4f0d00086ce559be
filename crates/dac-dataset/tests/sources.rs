//! Data sets that are read row by row, and what passes through to our shards.

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{codes, meta, tar_members};
use dac_dataset::{
    Content, PackKind, PackLimits, PackNaming, PackWriter, Passed, Row, SampleKey, Segment, Source,
    SourceError, SourceKind, SourceOptions,
};
use dac_tokens::{Format, IntegerType, TokenFile, WriteOptions};
use parquet::basic::Compression;
use parquet::data_type::{ByteArrayType, DataType, DoubleType, Int32Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

fn options() -> SourceOptions {
    SourceOptions { extensions: vec!["wav", "mp3", "npy"], ..SourceOptions::default() }
}

fn read(path: &Path, options: &SourceOptions) -> Vec<Result<Row, SourceError>> {
    let (kind, _) = SourceKind::of_name(path).unwrap();
    Source::open(path, kind, options).unwrap().collect()
}

fn rows(path: &Path, options: &SourceOptions) -> Vec<Row> {
    read(path, options).into_iter().collect::<Result<_, _>>().unwrap()
}

fn tar_bytes(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn bytes_of(row: &Row) -> Vec<u8> {
    let Content::Bytes { blob, .. } = &row.content else { panic!("{row:?}") };
    let mut bytes = Vec::new();
    blob.open().read_to_end(&mut bytes).unwrap();
    bytes
}

/// Writes entries for all rows, and returns the shards.
fn pack(rows: &[Row], kind: PackKind, folder: &Path) -> Vec<PathBuf> {
    let mut writer = PackWriter::new(folder, kind, PackNaming::default(), PackLimits::default()).unwrap();
    let mut shards = Vec::new();
    for row in rows {
        let key = SampleKey::of(Path::new(&row.key)).unwrap();
        let tokens = TokenFile::of_codes(codes(1, 2, 3), meta());
        shards.extend(writer.add_row(&key, "in", tokens, &row.passed).unwrap());
    }
    shards.extend(writer.finish().unwrap());
    shards.into_iter().map(|shard| shard.persist().unwrap().path).collect()
}

const MEMBERS: [(&str, &[u8]); 7] = [
    ("x/a.json", br#"{"text": "hello"}"#),
    ("x/a.mp3", b"AAAA"),
    ("x/.hidden", b"skipped"),
    ("x/a.cls", b"3"),
    ("b.wav", b"BB"),
    ("c.txt", b"no audio"),
    ("d.wav", b""),
];

#[test]
fn members_of_a_key_are_a_row_in_every_compression() {
    let folder = tempfile::tempdir().unwrap();
    let plain = tar_bytes(&MEMBERS);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let zstd = zstd::encode_all(plain.as_slice(), 1).unwrap();
    let files = [("p.tar", plain), ("g.tar.gz", gzip.finish().unwrap()), ("z.tar.zst", zstd)];
    for (name, bytes) in files {
        let path = put(folder.path(), name, &bytes);
        let mut read = read(&path, &options());
        let error = read.remove(2).unwrap_err().to_string();
        assert!(error.contains("c: no member can be processed; found txt, expected one of wav"), "{error}");
        let rows: Vec<_> = read.into_iter().map(Result::unwrap).collect();
        let found: Vec<_> = rows.iter().map(|row| (row.key.as_str(), bytes_of(row))).collect();
        assert_eq!(found, [("x/a", b"AAAA".to_vec()), ("b", b"BB".to_vec()), ("d", Vec::new())], "{name}");
        let Passed::Members(passed) = &rows[0].passed else { panic!("{name}") };
        let passed: Vec<_> = passed.iter().map(|member| member.extension.as_str()).collect();
        assert_eq!(passed, ["json", "cls"]);
    }
}

#[test]
fn a_truncated_archive_gives_the_rows_before_and_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let long = vec![7; 3000];
    let plain = tar_bytes(&[("a.wav", b"A"), ("a.json", b"{}"), ("b.wav", &long), ("b.json", b"{}")]);
    // Within the audio of b, within its padding, within its header.
    for length in [512 * 5 + 100, 512 * 5 + 3001, 512 * 4 + 10] {
        let path = put(folder.path(), "t.tar", &plain[..length]);
        let read = read(&path, &options());
        assert_eq!(read.len(), 2, "{length}: {read:?}");
        assert_eq!(bytes_of(read[0].as_ref().unwrap()), b"A");
        let error = read[1].as_ref().unwrap_err();
        assert!(error.ends_source() && error.to_string().contains("truncated"), "{length}: {error}");
    }
    for length in (0..plain.len()).step_by(61) {
        let path = put(folder.path(), "t.tar", &plain[..length]);
        assert!(self::read(&path, &options()).len() <= 3);
    }
}

#[test]
fn members_pass_through_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = put(
        folder.path(),
        "in.tar",
        &tar_bytes(&[MEMBERS[0], MEMBERS[1], MEMBERS[3], ("b.wav", b"B"), ("b.bin", b"\xff\0")]),
    );
    let rows = rows(&path, &options());
    let shards = pack(&rows, PackKind::Tar(Format::Npy, WriteOptions::default()), folder.path());
    let members = tar_members(&shards[0]);
    let names: Vec<_> = members.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["x/a.json", "x/a.cls", "x/a.npy", "x/a.dac.json", "b.bin", "b.npy", "b.dac.json"]);
    assert_eq!(members[0].1, MEMBERS[0].1);
    assert_eq!(members[4].1, b"\xff\0");

    // Our shard is read back: tokens with their metadata.
    let packed = self::rows(&shards[0], &options());
    assert_eq!(packed[0].passed.token_meta(), meta());
    assert_eq!(TokenFile::read_stream(bytes_of(&packed[0]).as_slice()).unwrap().codes, Some(codes(1, 2, 3)));

    let shards = pack(&rows, PackKind::Parquet(IntegerType::U16), folder.path());
    let file = SerializedFileReader::new(File::open(&shards[0]).unwrap()).unwrap();
    let texts: Vec<_> = file.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
    for part in
        [r#"json: "{"text": "hello"}""#, "txt: null", r#"cls: "3""#, r#"text: "hello""#, "members: []"]
    {
        assert!(texts[0].contains(part), "{part} in {}", texts[0]);
    }
    assert!(texts[1].contains(r#"members: [{name: "bin", data: [255, 0]}]"#), "{}", texts[1]);
    let features = &file.metadata().file_metadata().key_value_metadata().unwrap()[0];
    let features: serde_json::Value = serde_json::from_str(features.value.as_ref().unwrap()).unwrap();
    assert_eq!(features["info"]["features"]["text"]["dtype"], "string");

    let read_back = SourceOptions { reads_codes: true, ..options() };
    let packed = self::rows(&shards[0], &read_back);
    let tokens = TokenFile::read_stream(bytes_of(&packed[0]).as_slice()).unwrap();
    let found = tokens.meta.or(packed[0].passed.token_meta());
    assert_eq!((tokens.codes, found), (Some(codes(1, 2, 3)), meta()));
}

#[test]
fn a_member_that_would_be_overwritten_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = put(folder.path(), "in.tar", &tar_bytes(&[("a.wav", b"A"), ("a.npy", b"mine")]));
    let rows = rows(&path, &options());
    let kind = PackKind::Tar(Format::Npy, WriteOptions::default());
    let mut writer =
        PackWriter::new(folder.path(), kind, PackNaming::default(), PackLimits::default()).unwrap();
    let tokens = TokenFile::of_codes(codes(1, 2, 3), meta());
    let key = SampleKey::of(Path::new("a")).unwrap();
    let error = writer.add_row(&key, "in", tokens, &rows[0].passed).unwrap_err();
    assert!(error.to_string().contains("member .npy"), "{error}");
}

/// Writes the next column of a group.
fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: &[T::T],
    defined: &[i16],
    repeated: Option<&[i16]>,
) {
    let mut writer = group.next_column().unwrap().unwrap();
    writer
        .typed::<T>()
        .write_batch(values, Some(defined).filter(|levels| !levels.is_empty()), repeated)
        .unwrap();
    writer.close().unwrap();
}

/// A file as the Hugging Face library writes it: audio, text, lists of numbers, a label.
fn audio_parquet(path: &Path, groups: usize) {
    let schema = "message schema {
        optional group audio { optional binary bytes; optional binary path (STRING); }
        optional binary text (STRING);
        optional group scores (LIST) { repeated group list { optional double element; } }
        required int32 label;
        optional binary key (STRING);
    }";
    let features = concat!(
        r#"{"info":{"features":{"audio":{"_type":"Audio"},"#,
        r#""label":{"names":["x","y"],"_type":"ClassLabel"}}}}"#
    );
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(Some(vec![KeyValue::new("huggingface".to_owned(), features.to_owned())]))
        .build();
    let file = File::create(path).unwrap();
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap();
    for _ in 0..groups {
        let mut group = writer.next_row_group().unwrap();
        // Two rows with bytes, one with a path only.
        column::<ByteArrayType>(&mut group, &["AA".into(), "BBB".into()], &[2, 2, 1], None);
        column::<ByteArrayType>(&mut group, &["a.flac".into(), "c.wav".into()], &[2, 1, 2], None);
        column::<ByteArrayType>(&mut group, &["hello".into(), "Grüße".into()], &[1, 0, 1], None);
        column::<DoubleType>(&mut group, &[0.5, 1.5, 2.5], &[3, 3, 1, 3], Some(&[0, 1, 0, 0]));
        column::<Int32Type>(&mut group, &[1, 0, 1], &[], None);
        column::<ByteArrayType>(&mut group, &["k".into(), "k".into(), "k".into()], &[1, 1, 1], None);
        group.close().unwrap();
    }
    writer.close().unwrap();
}

#[test]
fn columns_of_parquet_pass_through_with_their_types() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.parquet");
    audio_parquet(&path, 2);
    let rows = rows(&path, &options());
    assert_eq!(rows.len(), 6);
    assert_eq!(rows[3].key, "000000003");
    let Content::Bytes { name, .. } = &rows[0].content else { panic!() };
    assert_eq!((name.as_str(), bytes_of(&rows[0])), ("000000000.flac", b"AA".to_vec()));
    let Content::File { path: file, segment: None } = &rows[2].content else { panic!() };
    assert_eq!(*file, folder.path().join("c.wav"));

    let shards = pack(&rows, PackKind::Parquet(IntegerType::I32), folder.path());
    let file = SerializedFileReader::new(File::open(&shards[0]).unwrap()).unwrap();
    let texts: Vec<_> = file.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
    assert_eq!(texts.len(), 6);
    for (text, expected) in texts.iter().zip([
        r#"text: "hello", scores: [0.5, 1.5], label: 1, source_key: "k"}"#,
        r#"text: null, scores: [], label: 0, source_key: "k"}"#,
        r#"text: "Grüße", scores: [2.5], label: 1, source_key: "k"}"#,
    ]) {
        assert!(text.ends_with(expected), "{expected} in {text}");
    }
    let metadata = &file.metadata().file_metadata().key_value_metadata().unwrap()[0];
    let metadata: serde_json::Value = serde_json::from_str(metadata.value.as_ref().unwrap()).unwrap();
    assert_eq!(metadata["info"]["features"]["label"]["names"][1], "y");
    assert!(metadata["info"]["features"]["audio"].is_null());
}

#[test]
fn columns_become_a_json_member_in_tar_shards() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.parquet");
    audio_parquet(&path, 1);
    let rows = rows(&path, &SourceOptions { columns_as_json: true, ..options() });
    let shards = pack(&rows, PackKind::Tar(Format::Npy, WriteOptions::default()), folder.path());
    let members = tar_members(&shards[0]);
    assert_eq!(members[0].0, "000000000.json");
    let json: serde_json::Value = serde_json::from_slice(&members[0].1).unwrap();
    assert_eq!(json, serde_json::json!({"text": "hello", "scores": [0.5, 1.5], "label": 1, "key": "k"}));
}

#[test]
fn a_missing_column_is_named_with_those_that_exist() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.parquet");
    audio_parquet(&path, 1);
    let error = |column: &str| {
        let options = SourceOptions { column: Some(column.to_owned()), ..options() };
        Source::open(&path, SourceKind::Parquet, &options).err().unwrap().to_string()
    };
    assert!(
        error("sound")
            .contains("has no column with audio; found audio, text, scores, label, key; expected sound")
    );
    assert!(error("label").contains("found INT32, expected bytes"), "{}", error("label"));
    let text = Source::open(&path, SourceKind::Parquet, &SourceOptions { reads_codes: true, ..options() });
    assert!(text.err().unwrap().to_string().contains("has no column codes"));
    for length in (0..std::fs::metadata(&path).unwrap().len()).step_by(23) {
        let whole = std::fs::read(&path).unwrap();
        let cut = put(folder.path(), "cut.parquet", &whole[..length as usize]);
        assert!(Source::open(&cut, SourceKind::Parquet, &options()).is_err());
    }
}

#[test]
fn manifests_give_paths_segments_and_fields() {
    let folder = tempfile::tempdir().unwrap();
    let lines = concat!(
        "\u{feff}{\"audio_filepath\": \"a/x.flac\", \"duration\": 3.5, \"text\": \"one\"}\r\n\n",
        "{\"audio_filepath\": \"/abs/y.wav\", \"offset\": 1.25, \"duration\": 2, \"speaker\": 7}\n",
        "{\"audio\": 3}\n",
        "not json\n",
        "{\"audio_filepath\": \"z.wav\", \"offset\": -1}\n",
        "{\"id\": \"cut-1\", \"type\": \"MonoCut\", \"start\": 0.5, \"duration\": 1.0,",
        " \"recording\": {\"id\": \"r\",",
        " \"duration\": 9.0, \"sources\": [{\"type\": \"file\", \"channels\": [0], \"source\": \"r.wav\"}]}}",
    );
    let path = put(folder.path(), "m.jsonl", lines.as_bytes());
    let read = read(&path, &options());
    let row = |index: usize| {
        let row: &Row = read[index].as_ref().unwrap();
        let Content::File { path, segment } = &row.content else { panic!() };
        (row.key.as_str(), path.clone(), *segment)
    };
    let segment = |start_seconds, duration| Some(Segment { start_seconds, duration_seconds: Some(duration) });
    assert_eq!(row(0), ("a/x", folder.path().join("a/x.flac"), None));
    assert_eq!(row(1), ("abs/y-000001250-000002000", PathBuf::from("/abs/y.wav"), segment(1.25, 2.0)));
    assert_eq!(row(5), ("cut-1", folder.path().join("r.wav"), segment(0.5, 1.0)));
    let error = |index: usize| read[index].as_ref().unwrap_err().to_string();
    assert!(
        error(2).contains("line 4: has no path of an audio file; found audio; expected")
            || error(2).contains("found audio, expected"),
        "{}",
        error(2)
    );
    assert!(error(3).contains("line 5: is not a JSON object"), "{}", error(3));
    assert!(error(4).contains("starts at -1 s"), "{}", error(4));
}

#[test]
fn pages_that_declare_more_than_they_contain_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let schema = "message schema { required binary audio; }";
    let path = folder.path().join("p.parquet");
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer =
        SerializedFileWriter::new(File::create(&path).unwrap(), schema, Arc::new(properties)).unwrap();
    for audio in ["first", "second"] {
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&[audio.into()], None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    let metadata = writer.close().unwrap();
    let whole = std::fs::read(&path).unwrap();
    assert_eq!(rows(&path, &options()).len(), 2);
    // Type, size, compressed size: fields 1 to 3 of the header of the dictionary of the second group.
    let column = metadata.row_group(1).column(0);
    let at = usize::try_from(column.dictionary_page_offset().unwrap()).unwrap();
    let header = [0x15, 0x04, 0x15];
    assert_eq!(whole[at..at + 3], header);
    let size_end = at + 3 + whole[at + 3..].iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let compressed_end =
        size_end + 1 + whole[size_end + 1..].iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let two_gib = [0xfe, 0xff, 0xff, 0xff, 0x0f];
    for (from, to, text) in
        [(at + 3, size_end, "is to expand from"), (size_end + 1, compressed_end, "which are not in the file")]
    {
        let mut hostile = whole.clone();
        hostile.splice(from..to, two_gib);
        std::fs::write(&path, &hostile).unwrap();
        // The footer has other places now, but the header comes first.
        let (kind, _) = SourceKind::of_name(&path).unwrap();
        let read: Vec<_> = Source::open(&path, kind, &options()).unwrap().collect();
        assert_eq!(bytes_of(read[0].as_ref().unwrap()), b"first");
        let error = read[1].as_ref().unwrap_err();
        assert!(error.ends_source() && error.to_string().contains(text), "{error}");
        assert!(error.to_string().contains("column audio of row group 1: page 0"), "{error}");
    }
}

#[test]
fn tables_give_paths_segments_and_fields() {
    let folder = tempfile::tempdir().unwrap();
    let table =
        "id,clip,offset,duration,text\n1,a.wav,,2.0,\"one, \"\"two\"\"\nthree\"\n2,b.wav,0.5,1,x\n3,b.wav\n";
    let path = put(folder.path(), "t.csv", table.as_bytes());
    let error = Source::open(&path, SourceKind::Table(b','), &options()).err().unwrap().to_string();
    assert!(
        error.contains("found id, clip, offset, duration, text") && error.contains("--path-column"),
        "{error}"
    );
    let read = read(&path, &SourceOptions { column: Some("clip".to_owned()), ..options() });
    let first = read[0].as_ref().unwrap();
    let Passed::Fields(fields) = &first.passed else { panic!() };
    assert_eq!((first.key.as_str(), fields["text"].as_str()), ("a", Some("one, \"two\"\nthree")));
    assert_eq!(read[1].as_ref().unwrap().key, "b-000000500-000001000");
    assert!(read[2].as_ref().unwrap_err().to_string().contains("has 2 columns, expected 5"));
}

#[test]
fn shar_directories_join_cuts_and_recordings() {
    let folder = tempfile::tempdir().unwrap();
    let cut = |id: &str| {
        format!("{{\"id\": \"{id}\", \"type\": \"MonoCut\", \"supervisions\": [{{\"text\": \"t\"}}]}}\n")
    };
    let lines = cut("r.1-0") + &cut("r.2-0") + &cut("r3");
    let cuts = put(folder.path(), "cuts.000000.jsonl", lines.as_bytes());
    let recordings =
        [("r.1-0.wav", b"A" as &[u8]), ("r.1-0.json", b"{}"), ("r.2-0.wav", b"B"), ("r.2-0.json", b"{}")];
    put(folder.path(), "recording.000000.tar", &tar_bytes(&recordings));
    assert_eq!(SourceKind::of_name(&cuts), Some((SourceKind::Shar, "cuts.000000".to_owned())));
    let read = read(&cuts, &options());
    assert_eq!(read[0].as_ref().unwrap().key, "r.1-0");
    assert_eq!(bytes_of(read[1].as_ref().unwrap()), b"B");
    assert!(read[2].as_ref().unwrap_err().to_string().contains("archive ends before the cut r3"));
    assert_eq!(read.len(), 3);
}
