//! `dac report`: content of the page, figures, and replaced files.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::support::{Lab, Wave};

/// A recording of speech, 5.3 s.
const SPEECH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/audio/librivox_austen.wav");

/// Values of an attribute of all elements of a kind, in the page's order.
fn attributes<'a>(page: &'a str, element: &str, name: &str) -> Vec<&'a str> {
    let start = format!("<{element} ");
    let elements = page.split(start.as_str()).skip(1).filter_map(|rest| rest.split('>').next());
    let value = |element: &'a str| {
        element.split_once(&format!(" {name}=\"")).or(element.split_once(&format!("{name}=\"")))
    };
    elements.filter_map(|element| value(element)?.1.split('"').next()).collect()
}

fn decoded(uri: &str, kind: &str) -> Vec<u8> {
    let data = uri.strip_prefix(&format!("data:{kind};base64,")).unwrap_or_else(|| panic!("{}", &uri[..40]));
    STANDARD.decode(data).unwrap()
}

/// The players' WAV files.
fn waves(page: &str) -> Vec<Wave> {
    attributes(page, "audio", "src").into_iter().map(|uri| Wave::parse(&decoded(uri, "audio/wav"))).collect()
}

/// Widths and heights of the pictures.
fn pictures(page: &str) -> Vec<(u32, u32)> {
    let size = |uri| {
        let bytes = decoded(uri, "image/png");
        assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        (number(16), number(20))
    };
    attributes(page, "img", "src").into_iter().map(size).collect()
}

/// Cells of the table below a heading by row, without headers.
fn table(page: &str, heading: &str) -> Vec<Vec<String>> {
    let body = page.split(&format!("id=\"{heading}\"")).nth(1).unwrap();
    let body = body.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap();
    let cells = |row: &str| {
        let cells = row.split("<td").skip(1);
        cells
            .map(|cell| cell.split('>').nth(1).unwrap().split('<').next().unwrap().replace('−', "-"))
            .collect()
    };
    body.split("<tr>").skip(1).map(cells).collect()
}

fn page(lab: &Lab, name: &str) -> String {
    String::from_utf8(lab.read(name)).unwrap()
}

#[test]
fn each_variant_has_audio_a_spectrogram_and_the_figures_of_a_round_trip() {
    let lab = Lab::new();
    fs::copy(SPEECH, lab.path("a.wav")).unwrap();
    let run = lab.dac("report a.wav --output a.html --model tiny --json").expect(0);
    let page = page(&lab, "a.html");
    let record = run.records().remove(0);
    assert_eq!(record["output_bytes"], page.len());
    let versions = record["versions"].as_array().unwrap();
    assert_eq!(versions.len(), 9);

    let original = lab.wave_of("a.wav");
    let waves = waves(&page);
    assert_eq!(waves.len(), 10);
    for wave in &waves {
        assert_eq!((wave.rate_hz, wave.channels, wave.bits, wave.float), (44100, 1, 16, false));
        assert!(wave.samples().abs_diff(original.samples() * 44100 / original.rate_hz as usize) <= 1);
    }
    let frames = record["frames"].as_u64().unwrap() as u32;
    let pictures = pictures(&page);
    assert_eq!(pictures.len(), 11);
    assert!(
        pictures[..10].iter().all(|size| *size == pictures[0] && size.0 > 300 && size.1 > 100),
        "{pictures:?}"
    );
    assert_eq!(pictures[10], (frames, 9));

    let rows = table(&page, "figures");
    for (index, codebooks) in [(0, 1), (2, 3), (8, 9)] {
        let line = format!(
            "roundtrip a.wav --output r{codebooks} --model tiny --format dacp --quantizers {codebooks} --json"
        );
        let trip = lab.dac(&line).expect(0).records().remove(0);
        let version = &versions[index];
        for (ours, theirs) in [
            ("codebooks", "codebooks"),
            ("nominal_kbps", "nominal_kbps"),
            ("dacp_bytes", "token_bytes"),
            ("dacp_kbps", "file_kbps"),
            ("si_sdr_db", "si_sdr_db"),
            ("mel_distance", "mel_distance"),
            ("stft_distance", "stft_distance"),
        ] {
            assert_eq!(version[ours], trip[theirs], "{codebooks}: {ours}");
        }
        let value = |key: &str| trip[key].as_f64().unwrap();
        let expected = [
            format!("{:.2}", value("nominal_kbps")),
            trip["token_bytes"].to_string(),
            format!("{:.2}", value("file_kbps")),
            format!("{:.2}", value("si_sdr_db")),
            format!("{:.3}", value("mel_distance")),
            format!("{:.3}", value("stft_distance")),
        ];
        assert_eq!(rows[index], expected, "{codebooks}");
        // The player contains the decoded file.
        assert_eq!(waves[index + 1], lab.wave_of(&format!("r{codebooks}/a.wav")));
    }
    for (index, version) in versions.iter().enumerate() {
        let bands = version["bands"].as_array().unwrap();
        for (heading, key) in [("bands", "error_db"), ("levels", "level_db")] {
            let cells: Vec<f64> =
                table(&page, heading)[index].iter().map(|cell| cell.parse().unwrap()).collect();
            let expected: Vec<f64> = bands.iter().map(|band| band[key].as_f64().unwrap()).collect();
            assert_eq!(cells.len(), 9);
            assert!(
                cells.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= 0.051),
                "{cells:?} {expected:?}"
            );
        }
    }
    // More codebooks give smaller distances.
    let of = |index: usize, key: &str| versions[index][key].as_f64().unwrap();
    assert!(of(8, "si_sdr_db") > of(0, "si_sdr_db") && of(8, "mel_distance") < of(0, "mel_distance"));

    let weights = record["weights_sha256"].as_str().unwrap();
    for fact in ["a.wav", "WAV", "The whole recording, 0:05.30", "tiny", weights, "44100 Hz", "cpu"] {
        assert!(page.contains(fact), "{fact}");
    }
}

#[test]
fn the_page_refers_to_no_other_file() {
    let lab = Lab::new();
    lab.wav("a.wav", 16000, 8000, &[0.5, 0.3]);
    lab.dac("report a.wav --output a.html --model tiny --quantizers 3,1,3 --channels keep").expect(0);
    let page = page(&lab, "a.html");
    for element in ["audio", "img", "link", "a", "iframe", "script"] {
        let sources = attributes(&page, element, "src").into_iter().chain(attributes(&page, element, "href"));
        assert!(sources.into_iter().all(|source| source.starts_with("data:")), "{element}");
    }
    for outside in ["http:", "https:", "//cdn", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("default-src 'none'"));
    // Two variants and the original, with two channels each.
    let waves = waves(&page);
    assert_eq!(waves.iter().map(|wave| wave.channels).collect::<Vec<_>>(), [2, 2, 2]);
    assert_eq!(pictures(&page).len(), 3 * 2 + 2);
    // Equal inputs and settings give equal pages.
    lab.dac("report a.wav --output b.html --model tiny --quantizers 1,3 --channels keep").expect(0);
    assert_eq!(lab.read("a.html"), lab.read("b.html"));
}

#[test]
fn file_names_are_escaped() {
    let lab = Lab::new();
    let name = "<img src=x onerror=alert(1)>&\"'.wav";
    lab.wav(name, 44100, 3000, &[0.5]);
    let mut command = lab.command("report --output a.html --model tiny --quantizers 2");
    assert!(command.arg(name).output().unwrap().status.success());
    let page = page(&lab, "a.html");
    assert!(!page.contains("<img src=x") && page.contains("&lt;img src=x onerror=alert(1)&gt;&amp;&quot;"));
}

#[test]
fn an_excerpt_of_a_long_recording_is_marked_as_such() {
    let lab = Lab::new();
    lab.wav("long.wav", 8000, 8000 * 31, &[0.5]);
    let report = |more: &str| {
        let line = format!("report long.wav --output a.html --model tiny --quantizers 1 --json {more}");
        let run = lab.dac(&line).expect(0);
        let lengths: Vec<_> = waves(&page(&lab, "a.html")).iter().map(Wave::samples).collect();
        (page(&lab, "a.html"), run.records().remove(0), lengths)
    };
    let (page, record, lengths) = report("");
    assert!(page.contains("An excerpt: 0:00.00 to 0:30.00"));
    assert_eq!((&record["audio_seconds"], lengths), (&30.0.into(), vec![30 * 44100; 2]));
    let (page, record, lengths) = report("--start 30.5 --duration 5");
    assert!(page.contains("An excerpt: 0:30.50 to 0:31.00"));
    assert_eq!((&record["start_seconds"], &record["audio_seconds"]), (&30.5.into(), &0.5.into()));
    assert_eq!(lengths, [22050; 2]);

    // An excerpt is encoded like a recording of its own.
    let cut = lab.read("long.wav")[44 + 2 * 8000..44 + 2 * 12000].to_vec();
    lab.put("cut.wav", &crate::support::wav_file(1, 8000, 1, 16, &cut));
    let (_, part, _) = report("--start 1 --duration 0.5");
    let line = "report cut.wav --output b.html --model tiny --quantizers 1 --json";
    let separate = lab.dac(line).expect(0).records().remove(0);
    assert_eq!(part["versions"], separate["versions"]);

    lab.dac("report long.wav --output c.html --model tiny --start 31")
        .expect(2)
        .says("cannot start at 31 s: long.wav has 31.00 s");
    assert!(!lab.path("c.html").exists());
}

#[test]
fn a_page_too_large_for_browsers_is_refused_before_encoding() {
    let lab = Lab::new();
    // With 10 players of 6 channels at 44.1 kHz, 48 s take 256 MB.
    lab.wav("wide.wav", 8000, 8000 * 49, &[0.1; 6]);
    let line = "report wide.wav --output a.html --model tiny --channels keep --duration 100";
    lab.dac(line)
        .expect(2)
        .says("10 players of 49 s would hold 259 MB")
        .says("--duration")
        .says("--quantizers");
    assert!(lab.names(".").iter().all(|name| name == "wide.wav"), "{:?}", lab.names("."));
}

#[test]
fn invalid_inputs_and_outputs_are_errors() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 3000, &[0.5]);
    lab.put("empty.wav", &crate::support::wav_file(1, 44100, 1, 16, &[]));
    lab.put("nan.wav", &crate::support::wav_file(3, 44100, 1, 32, &f32::NAN.to_le_bytes().repeat(3000)));
    lab.put("notes.txt", b"dear reader");
    fs::create_dir(lab.path("folder")).unwrap();
    for (arguments, code, message) in [
        ("report - --output a.html", 2, "-: dac report reads a file and writes a file"),
        ("report a.wav --output -", 2, "-: dac report reads a file and writes a file"),
        ("report folder --output a.html", 2, "folder: is a directory; a report shows one recording"),
        ("report a.wav --output folder", 2, "folder: is a directory; name the page itself"),
        ("report missing.wav --output a.html", 2, "missing.wav: no such file"),
        ("report a.wav --output nowhere/a.html", 2, "nowhere: no such directory"),
        ("report a.wav --output a.wav --overwrite", 2, "would replace the recording"),
        ("report a.wav --output ./folder/../a.wav", 2, "would replace the recording"),
        (
            "report a.wav --output notes.txt",
            1,
            "refusing to replace notes.txt: not an earlier report; use --overwrite",
        ),
        ("report notes.txt --output a.html", 1, "notes.txt"),
        ("report empty.wav --output a.html", 1, "empty.wav"),
        ("report nan.wav --output a.html", 1, "sample 0"),
        ("report a.wav --output a.html --quantizers 2,10", 2, "--quantizers 10: the model has 9 codebooks"),
        ("report a.wav --output a.html --quantizers 0", 2, "--quantizers"),
        ("report a.wav a.wav --output a.html", 2, "unexpected argument"),
    ] {
        lab.dac(&format!("{arguments} --model tiny")).expect(code).says(message);
    }
    assert_eq!(lab.names("."), ["a.wav", "empty.wav", "folder", "nan.wav", "notes.txt"]);
    assert_eq!(lab.read("notes.txt"), b"dear reader");

    // Silence has no SI-SDR.
    let run =
        lab.dac("report nan.wav --output nan.html --model tiny --nan zero --quantizers 1 --json").expect(0);
    run.says("NaN and infinite samples replaced by 0: 3000");
    assert_eq!(run.records()[0]["versions"][0]["si_sdr_db"], Value::Null);
    assert!(page(&lab, "nan.html").contains("3000 samples that were not finite became 0"));
}

#[test]
fn other_files_than_reports_are_replaced_only_with_overwrite() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 3000, &[0.5]);
    let report = |name: &str, more: &str| {
        lab.dac(&format!("report a.wav --output {name} --model tiny --quantizers {more}"))
    };
    report("a.html", "1").expect(0);
    let first = lab.read("a.html");
    report("a.html", "1,2").expect(0);
    assert_ne!(lab.read("a.html"), first);
    lab.put("other.html", b"<!DOCTYPE html><title>dac report</title>");
    report("other.html", "1").expect(1).says("use --overwrite");
    report("other.html", "1 --overwrite").expect(0);
    assert_eq!(lab.read("other.html"), first);
    assert_eq!(lab.names("."), ["a.html", "a.wav", "other.html"]);
    if cfg!(unix) && Path::new("/dev/null").exists() {
        report("/dev/null", "1").expect(0);
    }
}
