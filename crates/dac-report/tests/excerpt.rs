//! Reading a part of a recording.

use dac::audio::{NonFinitePolicy, ReadOptions, StreamFormat, StreamWriter};
use dac::{Audio, SampleFormat};
use dac_report::Excerpt;

#[test]
fn an_excerpt_holds_the_samples_from_start_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    let samples: Vec<f32> = (0..200_000).map(|n| n as f32 / 200_000.0).collect();
    let audio = Audio { channels: vec![samples.clone(), vec![0.25; 200_000]], rate_hz: 1000 };
    audio.write(&path, SampleFormat::F32).unwrap();
    let read = |start_s, duration_s| Excerpt::read(&path, start_s, duration_s, ReadOptions::default());
    for (start_s, duration_s, range, continues) in [
        (0.0, 30.0, 0..30_000, true),
        (0.0, 200.0, 0..200_000, false),
        (0.0, 199.999, 0..199_999, true),
        (150.5, 0.001, 150_500..150_501, true),
        (199.0, 1e9, 199_000..200_000, false),
        (66.0, 70.0, 66_000..136_000, true),
    ] {
        let excerpt = read(start_s, duration_s).unwrap();
        assert_eq!(excerpt.audio.channels[0], samples[range], "{start_s} {duration_s}");
        let recording = excerpt.recording;
        assert_eq!(
            (recording.continues, recording.start_seconds),
            (continues, start_s),
            "{start_s} {duration_s}"
        );
    }
    let error = read(200.0, 1.0).err().unwrap().to_string();
    assert!(error.contains("200.00 s"), "{error}");
}

#[test]
fn only_values_within_the_excerpt_count_as_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    let mut bytes = Vec::new();
    let header = StreamFormat::Wav(SampleFormat::F32);
    let mut writer = StreamWriter::new(std::io::Cursor::new(&mut bytes), "a", 1000, 1, header).unwrap();
    writer.write(&[vec![0.5; 3000]]).unwrap();
    writer.finish_seekable().unwrap();
    for index in [10, 1500, 1600, 2900] {
        bytes[44 + 4 * index..48 + 4 * index].copy_from_slice(&f32::NAN.to_le_bytes());
    }
    std::fs::write(&path, bytes).unwrap();
    let zero = ReadOptions { non_finite: NonFinitePolicy::Zero, ..ReadOptions::default() };
    let excerpt = Excerpt::read(&path, 1.0, 1.0, zero).unwrap();
    assert_eq!((excerpt.recording.replaced_samples, excerpt.audio.samples()), (2, 1000));
    assert!(Excerpt::read(&path, 1.0, 1.0, ReadOptions::default()).is_err());
}
