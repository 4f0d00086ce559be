//! Inputs named in unusual ways: twice, in lists with a byte-order mark, with control characters.

use crate::batch::{MANIFEST, manifest, statuses};
use crate::support::Lab;

#[test]
fn an_input_named_twice_is_one_job() {
    let lab = Lab::new();
    lab.wav("in/a.wav", 44100, 1000, &[0.5]);
    lab.wav("in/b.wav", 44100, 1000, &[0.4]);
    lab.put("list", b"./in/a.wav\nin/a.wav\n");
    let run =
        lab.dac("encode in/a.wav in ./in/../in/a.wav in/*.wav --output out --model tiny --json").expect(0);
    assert_eq!(statuses(&run).keys().collect::<Vec<_>>(), ["a.safetensors", "b.safetensors"]);
    assert_eq!(run.records().len(), 2);
    run.says("ignored inputs that are named more than once: 4");
    let run = lab.dac("encode --files-from list --output list-out --model tiny --json").expect(0);
    assert_eq!(run.records().len(), 1);
    // Packs and round trips, and inputs that are missing.
    lab.dac("encode in in --output packs --model tiny --pack tar").expect(0).says("2 done");
    lab.dac("roundtrip in/a.wav in/a.wav --output trips --model tiny --json").expect(0);
    lab.put("list", b"gone.wav\ngone.wav\n");
    let run = lab.dac("encode --files-from list --output gone --model tiny --json").expect(1);
    assert_eq!(run.records().len(), 1);
    // Different files with one result stay an error.
    lab.wav("other/a.wav", 44100, 1000, &[0.5]);
    lab.dac("encode in/a.wav other/a.wav --output out --model tiny").expect(2).says("written by 2 inputs");
}

#[cfg(unix)]
#[test]
fn links_to_one_file_are_one_job_per_result() {
    let lab = Lab::new();
    lab.wav("in/a.wav", 44100, 1000, &[0.5]);
    std::os::unix::fs::symlink("a.wav", lab.path("in/b.wav")).unwrap();
    std::fs::create_dir(lab.path("links")).unwrap();
    std::os::unix::fs::symlink("../in/a.wav", lab.path("links/a.wav")).unwrap();
    let run = lab.dac("encode in links/a.wav --output out --model tiny --json").expect(0);
    assert_eq!(statuses(&run).keys().collect::<Vec<_>>(), ["a.safetensors", "b.safetensors"]);
}

#[test]
fn lists_may_begin_with_a_byte_order_mark() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 1000, &[0.5]);
    lab.wav("b.wav", 44100, 1000, &[0.5]);
    for list in [&b"\xef\xbb\xbfa.wav\r\nb.wav\r\n"[..], b"\xef\xbb\xbfa.wav\0b.wav"] {
        lab.put("list", list);
        let run = lab.dac("encode --files-from list --output out --model tiny --json --overwrite").expect(0);
        assert_eq!(statuses(&run).keys().collect::<Vec<_>>(), ["a.safetensors", "b.safetensors"]);
    }
    lab.put("list", b"\xff\xfea\0.\0w\0a\0v\0\n\0");
    lab.dac("encode --files-from list --output out --model tiny").expect(2).says("list: is a UTF-16 text");
}

#[test]
fn an_empty_list_gives_a_warning() {
    let lab = Lab::new();
    for list in [&b""[..], b"\n\n", b"\xef\xbb\xbf"] {
        lab.put("list", list);
        let run = lab.dac("encode --files-from list --output out --model tiny").expect(0);
        run.says("warning: the list list contains no paths");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn control_characters_in_names_are_escaped() {
    let lab = Lab::new();
    let names = ["a\u{1b}[2J.wav", "b\r.wav", "c\n.wav"];
    for name in names {
        lab.wav(&format!("in/{name}"), 44100, 1000, &[0.5]);
        lab.put(&format!("in/bad-{name}"), b"no audio");
    }
    let plan = lab.dac("encode in --output out --model tiny --dry-run").expect(0);
    assert_eq!(plan.stdout.lines().count(), 6, "{}", plan.stdout);
    let run = lab.dac("encode in --output out --model tiny").expect(1);
    run.says("in/a\\u{1b}[2J.wav: 0.02 s").says("error: in/bad-b\\r.wav").says("in/c\\n.wav");
    let info = lab.command("info").arg(lab.path(&format!("in/{}", names[0]))).output().unwrap();
    let info = String::from_utf8(info.stdout).unwrap();
    for text in [&plan.stdout, &run.stdout, &run.stderr, &info] {
        assert!(!text.contains(['\u{1b}', '\r']), "{text:?}");
    }
    // Records contain the names themselves.
    let records = manifest(&lab, &format!("out/{MANIFEST}"));
    assert!(names.iter().all(|name| records.contains_key(&name.replace("wav", "safetensors"))));
}

#[cfg(unix)]
#[test]
fn overwriting_replaces_a_link_and_not_its_target() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 1000, &[0.5]);
    lab.dac("encode a.wav --output out --model tiny --format npy").expect(0);
    std::fs::rename(lab.path("out/a.npy"), lab.path("kept.npy")).unwrap();
    std::os::unix::fs::symlink("../kept.npy", lab.path("out/a.npy")).unwrap();
    let kept = lab.read("kept.npy");
    lab.dac("encode a.wav --output out --model tiny --format npy --quantizers 2 --overwrite").expect(0);
    assert!(lab.read("kept.npy") == kept && !lab.path("out/a.npy").is_symlink());
    assert_ne!(lab.read("out/a.npy"), kept);
}
