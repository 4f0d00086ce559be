//! Data sets as inputs: tar, parquet, manifests, tables; cutting; packs that are decoded.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::record::RowAccessor;
use parquet::schema::parser::parse_message_type;
use serde_json::Value;

use crate::support::{Lab, Run, wav_file};

/// Writes a tar archive of these members.
pub(crate) fn tar(lab: &Lab, name: &str, members: &[(&str, Vec<u8>)]) {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, content.as_slice()).unwrap();
    }
    lab.put(name, &builder.into_inner().unwrap());
}

/// Bytes of a WAV file of this many samples.
pub(crate) fn wav(lab: &Lab, samples: usize) -> Vec<u8> {
    lab.wav("wave.wav", 44100, samples, &[0.5]);
    lab.read("wave.wav")
}

/// Members of a tar archive by name.
pub(crate) fn members(lab: &Lab, name: &str) -> BTreeMap<String, Vec<u8>> {
    let bytes = lab.read(name);
    let mut archive = tar::Archive::new(bytes.as_slice());
    let member = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
        (entry.path().unwrap().to_str().unwrap().to_owned(), bytes)
    };
    archive.entries().unwrap().map(member).collect()
}

/// Records by key.
fn records(run: &Run) -> BTreeMap<String, Value> {
    let keyed = |record: Value| (record["key"].as_str().unwrap().to_owned(), record);
    run.records().into_iter().map(keyed).collect()
}

pub(crate) fn statuses(run: &Run) -> BTreeMap<String, String> {
    let status = |(key, record): (String, Value)| (key, record["status"].as_str().unwrap().to_owned());
    records(run).into_iter().map(status).collect()
}

/// Two shards, the second with a member that is not audio.
fn shards(lab: &Lab) {
    let json = br#"{"text": "hello"}"#.to_vec();
    let audio = |samples| wav(lab, samples);
    tar(
        lab,
        "in/s-000.tar",
        &[("a.json", json.clone()), ("a.wav", audio(4000)), ("b.wav", audio(2000)), ("b.json", json.clone())],
    );
    tar(
        lab,
        "in/s-001.tar",
        &[
            ("a.wav", audio(3000)),
            ("a.json", json.clone()),
            ("bad.wav", b"no audio".to_vec()),
            ("bad.json", json),
        ],
    );
}

#[test]
fn tar_shards_give_shards_of_the_same_names_that_decode_again() {
    let lab = Lab::new();
    shards(&lab);
    let encode =
        "encode in/s-{000..001}.tar --output out --model tiny --pack tar --keep-shards --jobs 2 --json";
    let run = lab.dac(encode).expect(1);
    run.says("3 done, 0 skipped, 1 failed");
    let records = records(&run);
    assert_eq!(records["s-000/a"]["input_bytes"].as_u64().unwrap() % 2, 0);
    let bad = &records["s-001/bad"];
    assert!(bad["error"].as_str().unwrap().contains("s-001.tar/bad.wav"), "{bad}");
    assert_eq!((&bad["pack"], &records["s-001/a"]["pack"]), (&"s-001.tar".into(), &"s-001.tar".into()));
    assert_eq!(lab.names("out"), ["s-000.tar", "s-001.tar"]);
    let packed = members(&lab, "out/s-000.tar");
    let names: Vec<_> = packed.keys().map(String::as_str).collect();
    assert_eq!(names, ["a.dac.json", "a.json", "a.npy", "b.dac.json", "b.json", "b.npy"]);
    assert_eq!(packed["a.json"], br#"{"text": "hello"}"#);

    // A rerun skips complete shards without reading them.
    let again = lab.dac(encode).expect(0);
    assert_eq!(statuses(&again).into_values().collect::<Vec<_>>(), ["skipped", "skipped"]);
    let other = lab.dac(&format!("{encode} --quantizers 1")).expect(1);
    assert!(other.records()[0]["error"].as_str().unwrap().contains("differs in codebooks"));

    let decoded =
        lab.dac("decode out/s-000.tar out/s-001.tar --output wavs --output-rate input --json").expect(0);
    decoded.says("3 done");
    let samples = |name: &str| lab.read(name).len() - 44;
    assert_eq!(
        [samples("wavs/s-000/a.wav"), samples("wavs/s-000/b.wav"), samples("wavs/s-001/a.wav")],
        [8000, 4000, 6000]
    );
    let info = lab.dac("info out/s-000.tar --json").expect(0);
    assert_eq!((&info.records()[0]["kind"], &info.records()[0]["entries"]), (&"pack".into(), &2.into()));
}

#[test]
fn rows_that_failed_are_retried_into_other_shards() {
    let lab = Lab::new();
    shards(&lab);
    let encode = "encode in/s-{000..001}.tar --output out --model tiny --pack tar --keep-shards --json";
    lab.dac(encode).expect(1);
    let first = lab.read("out/s-001.tar");
    lab.dac(encode).expect(0).says("out/s-001.tar lacks rows that failed: 1; --retry-failed");
    let retry = format!("{encode} --retry-failed");
    let run = lab.dac(&retry).expect(1);
    assert_eq!(
        Vec::from_iter(statuses(&run)),
        [("s-000.tar", "skipped"), ("s-001/a", "skipped"), ("s-001/bad", "error")]
            .map(|(key, status)| (key.to_owned(), status.to_owned()))
    );
    // The repaired archive has the same first row and another second one.
    let json = br#"{"text": "hello"}"#.to_vec();
    let a = wav(&lab, 3000);
    let repaired = wav(&lab, 1000);
    tar(
        &lab,
        "in/s-001.tar",
        &[("a.wav", a), ("a.json", json.clone()), ("bad.wav", repaired), ("bad.json", json)],
    );
    lab.dac(&retry).expect(0).says("1 done, 2 skipped");
    assert_eq!(lab.names("out"), ["s-000.tar", "s-001.tar", "tokens-000000.tar"]);
    assert_eq!(lab.read("out/s-001.tar"), first);
    assert_eq!(members(&lab, "out/tokens-000000.tar").len(), 3);
    // Nothing is left to do.
    let again = lab.dac(&retry).expect(0);
    assert_eq!(statuses(&again).into_values().collect::<Vec<_>>(), ["skipped"; 2]);
    assert!(!again.stderr.contains("lacks rows"), "{}", again.stderr);
}

#[test]
fn rows_of_kept_shards_may_have_the_same_keys() {
    let lab = Lab::new();
    shards(&lab);
    let encode = "encode --output out --model tiny --pack tar --keep-shards";
    lab.dac(&format!("{encode} in/s-000.tar")).expect(0);
    // Row a of the first shard is another one than row a of the second.
    let both = format!("{encode} in/s-000.tar in/s-001.tar --partition 0/1");
    lab.dac(&both).expect(1).says("1 done, 1 skipped, 1 failed");
    assert_eq!(members(&lab, "out/s-001.tar").len(), 3);
    // A merge keeps the records of both.
    lab.dac("manifest merge out").expect(1).says("s-001.tar/bad.wav");
    lab.dac(&both).expect(0).says("0 done, 2 skipped");
}

#[test]
fn tar_to_parquet_keeps_texts_and_resumes() {
    let lab = Lab::new();
    shards(&lab);
    let encode = "encode in --output out --model tiny --pack parquet --jobs 1 --json";
    let run = lab.dac(encode).expect(1);
    assert_eq!(
        statuses(&run).into_keys().collect::<Vec<_>>(),
        ["s-000/a", "s-000/b", "s-001/a", "s-001/bad"]
    );
    let path = lab.path("out/tokens-000000.parquet");
    let file = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let rows: Vec<_> = file.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row.to_string().contains(r#"text: "hello""#)), "{}", rows[0]);
    assert_eq!(rows[0].get_string(0).unwrap(), "s-000/a");
    let again = lab.dac(encode).expect(1);
    again.says("0 done, 3 skipped, 1 failed");
    lab.dac("decode out/tokens-000000.parquet --output wavs --output-rate input").expect(0);
    assert_eq!(lab.read("wavs/tokens-000000/s-000/a.wav").len() - 44, 8000);
}

#[test]
fn rows_without_a_pack_become_files() {
    let lab = Lab::new();
    shards(&lab);
    lab.dac("encode in/s-000.tar --output out --model tiny --format npy").expect(0);
    assert_eq!(lab.names("out/s-000"), ["a.npy", "b.npy"]);
    lab.dac("encode in/s-000.tar --output out --model tiny --format npy").expect(0).says("0 done, 2 skipped");
    lab.dac("roundtrip in/s-000.tar --output trip --model tiny").expect(2).says("is a data set");
}

#[test]
fn truncated_archives_lose_only_what_is_missing() {
    let lab = Lab::new();
    shards(&lab);
    let whole = lab.read("in/s-000.tar");
    lab.put("in/s-000.tar", &whole[..512 * 3 + 8044 + 1000]);
    let run =
        lab.dac("encode in/s-000.tar in/s-001.tar --output out --model tiny --pack tar --json").expect(1);
    let statuses = statuses(&run);
    assert_eq!((statuses["s-000/a"].as_str(), statuses["s-001/a"].as_str()), ("ok", "ok"));
    assert_eq!(statuses["s-000.tar"], "error");
    assert!(records(&run)["s-000.tar"]["error"].as_str().unwrap().contains("truncated after row 1"));
}

#[test]
fn partitions_divide_data_sets() {
    let lab = Lab::new();
    for index in 0..8 {
        tar(&lab, &format!("in/s-{index}.tar"), &[(&format!("{index}.wav"), wav(&lab, 900))]);
    }
    let mut done = 0;
    for part in 0..3 {
        let run = lab.dac(&format!(
            "encode in --output out --model tiny --pack tar --keep-shards --partition {part}/3 --json"
        ));
        done += run.expect(0).records().len();
    }
    assert_eq!(done, 8);
    let shards: Vec<_> = lab.names("out").into_iter().filter(|name| name.ends_with(".tar")).collect();
    assert_eq!(shards.len(), 8);
}

/// A parquet file with a struct of audio and a column of text.
fn audio_parquet(lab: &Lab, name: &str, rows: &[(Vec<u8>, &str)]) {
    let schema = "message schema {
        optional group audio { optional binary bytes; optional binary path (STRING); }
        optional binary text (STRING);
    }";
    let file = File::create(lab.put(name, b"")).unwrap();
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(WriterProperties::default())).unwrap();
    for chunk in rows.chunks(2) {
        let mut group = writer.next_row_group().unwrap();
        let audio: Vec<_> = chunk.iter().map(|(audio, _)| ByteArray::from(audio.clone())).collect();
        let text: Vec<_> = chunk.iter().map(|(_, text)| ByteArray::from(*text)).collect();
        for (values, level) in [(&audio, 2), (&Vec::new(), 1), (&text, 1)] {
            let mut column = group.next_column().unwrap().unwrap();
            let levels = vec![level; chunk.len()];
            column.typed::<ByteArrayType>().write_batch(values, Some(&levels), None).unwrap();
            column.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
}

#[test]
fn parquet_columns_pass_to_parquet_and_tar() {
    let lab = Lab::new();
    let rows = [
        (wav(&lab, 2000), "one"),
        (wav(&lab, 1000), "two"),
        (b"bad".to_vec(), "three"),
        (wav(&lab, 3000), "four"),
    ];
    audio_parquet(&lab, "in.parquet", &rows);
    let run = lab.dac("encode in.parquet --output out --model tiny --pack parquet --jobs 1 --json").expect(1);
    assert_eq!(statuses(&run)["in/000000002"], "error");
    let file = SerializedFileReader::new(File::open(lab.path("out/tokens-000000.parquet")).unwrap()).unwrap();
    let texts: Vec<_> = file.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
    assert!(
        texts
            .iter()
            .zip(["one", "two", "four"])
            .all(|(row, text)| row.contains(&format!("text: \"{text}\"")))
    );
    lab.dac("encode in.parquet --output tars --model tiny --pack tar --keep-shards").expect(1);
    let packed = members(&lab, "tars/in.tar");
    assert_eq!(packed["000000003.json"], br#"{"text":"four"}"#);
    let missing = lab
        .dac("encode in.parquet --output other --model tiny --pack tar --audio-column sound --json")
        .expect(1);
    assert!(missing.records()[0]["error"].as_str().unwrap().contains("found audio, text; expected sound"));
}

#[test]
fn manifests_cut_segments_and_keep_fields() {
    let lab = Lab::new();
    lab.wav("data/x/long.wav", 44100, 44100, &[0.5]);
    lab.wav("data/y.wav", 44100, 2000, &[0.5]);
    let lines = r#"{"audio_filepath": "x/long.wav", "offset": 0.5, "duration": 0.25, "text": "later"}
{"audio_filepath": "x/long.wav", "offset": 0.1, "duration": 0.2, "text": "first"}
{"audio_filepath": "x/long.wav", "offset": 3, "duration": 0.2, "text": "beyond"}
{"audio_filepath": "y.wav", "duration": 0.045, "text": "whole"}
{"audio_filepath": "none.wav", "text": "missing"}
"#;
    lab.put("data/m.jsonl", lines.as_bytes());
    let run = lab.dac("encode data/m.jsonl --output out --model tiny --pack tar --jobs 1 --json").expect(1);
    run.says("3 done, 0 skipped, 2 failed");
    let records = records(&run);
    assert_eq!(records["x/long-000000100-000000200"]["input_samples"], 8820);
    assert_eq!(records["x/long-000000500-000000250"]["input_samples"], 11025);
    assert_eq!(records["y"]["input_samples"], 2000);
    let error = records["x/long-000003000-000000200"]["error"].as_str().unwrap();
    assert!(error.contains("after the end of the recording"), "{error}");
    let packed = members(&lab, "out/tokens-000000.tar");
    let json: Value = serde_json::from_slice(&packed["x/long-000000100-000000200.json"]).unwrap();
    assert_eq!((&json["text"], &json["offset"]), (&"first".into(), &0.1.into()));
    lab.dac("encode data/m.jsonl --output out --model tiny --pack tar")
        .expect(1)
        .says("0 done, 3 skipped, 2 failed");

    lab.put("data/t.csv", b"id,clip,text\n1,y.wav,\"a, b\"\n");
    lab.dac("encode data/t.csv --path-column clip --output csv --model tiny --pack tar").expect(0);
    assert!(members(&lab, "csv/tokens-000000.tar")["y.json"].ends_with(br#""text":"a, b"}"#));
}

#[test]
fn a_segment_has_the_tokens_of_its_samples() {
    let lab = Lab::new();
    lab.wav("long.wav", 44100, 20000, &[0.5]);
    lab.put("m.jsonl", br#"{"audio_filepath": "long.wav", "offset": 0.1, "duration": 0.2}"#);
    lab.dac("encode m.jsonl --output out --model tiny --format npy").expect(0);
    let bytes = lab.read("long.wav");
    let mut part = bytes[..44].to_vec();
    part.extend(&bytes[44 + 4410 * 2..44 + (4410 + 8820) * 2]);
    part[40..44].copy_from_slice(&(8820u32 * 2).to_le_bytes());
    part[4..8].copy_from_slice(&(36 + 8820u32 * 2).to_le_bytes());
    lab.put("part.wav", &part);
    lab.dac("encode part.wav --output out --model tiny --format npy").expect(0);
    assert_eq!(lab.read("out/long-000000100-000000200.npy"), lab.read("out/part.npy"));
}

#[test]
fn inputs_are_cut_and_short_ones_dropped() {
    let lab = Lab::new();
    lab.wav("in/long.wav", 44100, 100_000, &[0.5]);
    lab.wav("in/short.wav", 44100, 2000, &[0.5]);
    let run = lab
        .dac("encode in --output out --model tiny --segment 1 --min-seconds 0.2 --format npy --json")
        .expect(0);
    run.says("3 done, 0 skipped, 1 dropped, 0 failed");
    assert_eq!(lab.names("out"), ["long-s00000.npy", "long-s00001.npy", "long-s00002.npy"]);
    assert_eq!(records(&run)["long-s00002.npy"]["input_samples"], 100_000 - 88_200);
    let again = "encode in --output out --model tiny --segment 1 --min-seconds 0.2 --format npy";
    lab.dac(again).expect(0).says("0 done, 3 skipped, 1 dropped");
    // Without cutting, limits apply to whole inputs.
    let whole = lab.dac("encode in --output whole --model tiny --max-seconds 1 --pack tar --json").expect(0);
    assert_eq!(statuses(&whole)["long"], "dropped");
    assert_eq!(statuses(&whole)["short"], "ok");
    tar(&lab, "t.tar", &[("a.wav", lab.read("in/long.wav")), ("a.txt", b"hello".to_vec())]);
    lab.dac("encode t.tar --output cut --model tiny --segment 1 --pack tar --keep-shards").expect(0);
    let packed = members(&lab, "cut/t.tar");
    assert_eq!(packed.len(), 9);
    assert_eq!(packed["a-s00002.txt"], b"hello");
}

#[test]
fn a_value_that_is_not_finite_fails_only_its_piece() {
    let lab = Lab::new();
    let mut samples = vec![0.25_f32; 3 * 44100];
    samples[50_000] = f32::NAN;
    let data: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    lab.put("long.wav", &wav_file(3, 44100, 1, 32, &data));
    let encode = "encode long.wav --model tiny --segment 1 --format npy --json";
    let run = lab.dac(&format!("{encode} --output out")).expect(1);
    assert_eq!(statuses(&run).into_values().collect::<Vec<_>>(), ["ok", "error", "ok"]);
    let error = records(&run)["long-s00001.npy"]["error"].as_str().unwrap().to_owned();
    assert!(error.contains("long.wav") && error.contains("50000"), "{error}");
    let run = lab.dac(&format!("{encode} --output zero --nan zero")).expect(0);
    run.says("long.wav: NaN and infinite samples replaced by 0: 1");
    assert_eq!(lab.names("zero"), ["long-s00000.npy", "long-s00001.npy", "long-s00002.npy"]);
}

#[test]
fn layouts_are_written_and_decoded_again() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 3000, &[0.5]);
    lab.dac("encode a.wav --output plain --model tiny --format npy").expect(0);
    lab.dac("decode plain/a.npy --output plain --model tiny").expect(0);
    let expected = lab.read("plain/a.wav");
    let codebooks = 4;
    for (index, layout) in [
        "frames --bos 60000 --eos 60001",
        "flat --codebook-offset 1024",
        "interleaved --codebook-offset 1024 --eos 60001",
        "delay --pad 60000",
        "delay --bos 60001 --eos 60000 --dtype i64",
    ]
    .iter()
    .enumerate()
    {
        let (out, decode_layout) = (format!("out{index}"), layout.replace(" --dtype i64", ""));
        let decode = format!("--layout {decode_layout} --model tiny --quantizers {codebooks}");
        lab.dac(&format!(
            "encode a.wav --output {out} --model tiny -q {codebooks} --format npy --layout {layout}"
        ))
        .expect(0);
        assert_ne!(lab.read(&format!("{out}/a.npy")), lab.read("plain/a.npy"));
        lab.dac(&format!("decode {out}/a.npy --output {out}/npy {decode}")).expect(0);
        for pack in ["tar", "parquet"] {
            lab.dac(&format!(
                "encode a.wav --output {out}-{pack} --model tiny -q {codebooks} --pack {pack} \
                 --layout {layout}"
            ))
            .expect(0);
            lab.dac(&format!("decode {out}-{pack}/tokens-000000.{pack} --output {out}/{pack} {decode}"))
                .expect(0);
            assert_eq!(
                lab.read(&format!("{out}/{pack}/tokens-000000/a.wav")),
                lab.read(&format!("{out}/npy/a.wav")),
                "{layout}"
            );
        }
        assert_eq!(lab.read(&format!("{out}/npy/a.wav")).len(), expected.len());
    }
    // Special tokens that are not declared are errors that name the place.
    let wrong = lab.dac("decode out0/a.npy --output wrong --model tiny --layout frames --json").expect(1);
    assert!(wrong.records()[0]["error"].as_str().unwrap().contains("60000"), "{}", wrong.records()[0]);
    for (arguments, text) in [
        ("--layout delay --format npy", "give pad, or both bos and eos"),
        ("--layout flat", "requires --format npy"),
        ("--layout flat --format npy --adopt", "--adopt"),
        ("--layout wide --format npy", "unknown layout"),
        ("--bos 3 --format npy", "--layout"),
    ] {
        lab.dac(&format!("encode a.wav --output other --model tiny {arguments}")).expect(2).says(text);
    }
    lab.dac("encode a.wav --output other --model tiny --format npy --layout flat --eos 3")
        .expect(1)
        .says("is also a code");
}

#[test]
fn the_codes_of_silence_are_those_of_an_encode() {
    let lab = Lab::new();
    lab.wav("silence.wav", 44100, 88200, &[0.0]);
    lab.dac("encode silence.wav --output out --model tiny --format npy").expect(0);
    let printed = lab.dac("tokens silence --model tiny --json").expect(0);
    let codes = printed.records()[0]["codes"].as_array().unwrap().clone();
    let text: Vec<_> = codes.iter().map(Value::to_string).collect();
    assert_eq!(lab.dac("tokens silence --model tiny").expect(0).stdout.trim(), text.join(" "));
    let bytes = lab.read("out/silence.npy");
    let data = &bytes[10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]))..];
    let frames = data.len() / 2 / codes.len();
    for (codebook, code) in codes.iter().enumerate() {
        let at = 2 * (codebook * frames + frames / 2);
        assert_eq!(u64::from(u16::from_le_bytes([data[at], data[at + 1]])), code.as_u64().unwrap());
    }
}

#[test]
fn killed_runs_end_with_each_row_once() {
    let lab = Lab::new();
    for shard in 0..4 {
        let names: Vec<_> = (0..6).map(|index| format!("{shard}-{index}.wav")).collect();
        let rows: Vec<_> = names.iter().map(|name| (name.as_str(), wav(&lab, 4000))).collect();
        tar(&lab, &format!("in/s-{shard}.tar"), &rows);
    }
    for (out, options) in [("kept", "--keep-shards"), ("free", "--pack-entries 5")] {
        let command = format!("encode in --output {out} --model tiny --pack tar --jobs 2 {options}");
        for round in 0..10 {
            let mut child = lab.command(&command).stderr(std::process::Stdio::null()).spawn().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(60 + 45 * round));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        lab.dac(&command).expect(0);
        let shards: Vec<_> = lab.names(out).into_iter().filter(|name| name.ends_with(".tar")).collect();
        let rows: Vec<_> =
            shards.iter().flat_map(|name| members(&lab, &format!("{out}/{name}")).into_keys()).collect();
        let tokens: Vec<_> = rows.iter().filter(|name| name.ends_with(".npy")).collect();
        let distinct: std::collections::BTreeSet<_> = tokens.iter().collect();
        assert_eq!((tokens.len(), distinct.len()), (24, 24), "{out}: {rows:?}");
        lab.dac(&command).expect(0).says(if out == "kept" {
            "0 done, 4 skipped"
        } else {
            "0 done, 24 skipped"
        });
    }
}
