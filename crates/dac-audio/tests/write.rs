//! Properties of the writers: atomicity, rounding, clipping, rejected samples, sizes, exact bytes.

use std::fs;
use std::io::Cursor;

use dac_atomic::AtomicFile;
use dac_audio::{
    AudioError, AudioReader, FlacWriter, Planar, SampleFormat, StreamFormat, StreamWriter, WavWriter,
};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn ramp(samples: usize) -> Planar {
    let left: Vec<f32> = (0..samples).map(|n| n as f32 / samples as f32 * 1.8 - 0.9).collect();
    let right = left.iter().map(|v| -v * 0.5).collect();
    vec![left, right]
}

fn read_all(mut reader: AudioReader) -> Result<Planar, AudioError> {
    let mut all = vec![Vec::new(); reader.spec().channels];
    while let Some(block) = reader.next_block(100)? {
        for (to, from) in all.iter_mut().zip(block) {
            to.extend(from);
        }
    }
    assert!(!reader.is_truncated());
    Ok(all)
}

fn largest_difference(a: &Planar, b: &Planar) -> f32 {
    assert_eq!(a.iter().map(Vec::len).collect::<Vec<_>>(), b.iter().map(Vec::len).collect::<Vec<_>>());
    a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn written_samples_are_read_back_within_half_a_step() -> Outcome {
    let folder = tempfile::tempdir()?;
    for (format, bound) in [
        (SampleFormat::I16, 0.5 / 32_768.0),
        (SampleFormat::I24, 0.5 / 8_388_608.0),
        (SampleFormat::F32, 0.0),
    ] {
        for channels in [1, 2] {
            let block = ramp(333)[..channels].to_vec();
            let path = folder.path().join(format!("{format}-{channels}.wav"));
            let mut writer = WavWriter::create(&path, 22_050, channels, format)?;
            writer.write(&block)?;
            assert!(!path.exists(), "the file must not appear before it is finished");
            let report = writer.finish()?;
            assert_eq!((report.samples, report.clipped), (333, 0));
            let reader = AudioReader::open(&path)?;
            assert_eq!(reader.spec().samples, Some(333));
            assert_eq!(reader.spec().sample_rate_hz, 22_050);
            assert!(largest_difference(&read_all(reader)?, &block) <= bound * 1.000_1);
            let bytes = fs::read(&path)?;
            assert_eq!(bytes.len() % 2, 0, "RIFF chunks are padded");
            let riff = bytes.get(4..8).and_then(|b| b.first_chunk()).map(|b| u32::from_le_bytes(*b));
            assert_eq!(riff, Some(bytes.len() as u32 - 8));
        }
    }
    assert_eq!(fs::read_dir(folder.path())?.count(), 6, "no temporary file is left");
    Ok(())
}

#[test]
fn dropped_writer_leaves_the_old_file_only() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.wav");
    fs::write(&path, b"old")?;
    let mut writer = WavWriter::create(&path, 8_000, 2, SampleFormat::I16)?;
    writer.write(&ramp(50_000))?;
    drop(writer);
    assert_eq!(fs::read(&path)?, b"old");
    assert_eq!(fs::read_dir(folder.path())?.count(), 1);
    Ok(())
}

#[test]
fn clipping_is_counted_and_non_finite_samples_are_rejected() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.wav");
    let mut writer = WavWriter::create(&path, 8_000, 2, SampleFormat::I16)?;
    writer.write(&[vec![1.0, -1.0, 1.2], vec![-3.0, 0.0, 0.0]])?;
    let error = writer.write(&[vec![0.0, 0.0], vec![0.0, f32::NAN]]).err();
    assert!(matches!(error, Some(AudioError::NonFinite { sample: 4, channel: 1, .. })), "{error:?}");
    assert!(matches!(writer.write(&[vec![0.0]]), Err(AudioError::ChannelCount { expected: 2, found: 1 })));
    let report = writer.finish()?;
    assert_eq!((report.samples, report.clipped), (3, 2));
    assert_eq!(read_all(AudioReader::open(&path)?)?[0], vec![32_767.0 / 32_768.0, -1.0, 32_767.0 / 32_768.0]);
    Ok(())
}

#[test]
fn lengths_past_four_gibibytes_turn_the_file_into_rf64() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.wav");
    let mut writer = WavWriter::create(&path, 44_100, 1, SampleFormat::I24)?;
    writer.reserve(1_431_655_000)?;
    writer.reserve(1_431_655_766)?;
    writer.write(&[[0.5_f32, -0.25, 0.125]])?;
    writer.finish()?;
    let bytes = std::fs::read(&path)?;
    assert!(bytes.starts_with(b"RF64\xff\xff\xff\xffWAVEds64"));
    let size = |at: usize| bytes[at..].first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    assert_eq!((size(20), size(28), size(36)), (Some(bytes.len() as u64 - 8), Some(9), Some(3)));
    let mut reader = AudioReader::open(&path)?;
    assert_eq!(reader.next_block(10)?, Some(vec![vec![0.5, -0.25, 0.125]]));
    let mut writer = WavWriter::create(&path, 44_100, 1, SampleFormat::I16)?;
    writer.write(&[[0.5_f32]])?;
    assert!(matches!(writer.reserve(2_147_483_648), Err(AudioError::TooLong { .. })));
    assert!(WavWriter::create(folder.path().join("b.wav"), 0, 1, SampleFormat::I16).is_err());
    assert!(WavWriter::create(folder.path().join("b.wav"), 8_000, 0, SampleFormat::I16).is_err());
    let missing = folder.path().join("no/such/folder/b.wav");
    assert!(matches!(WavWriter::create(missing, 8_000, 1, SampleFormat::I16), Err(AudioError::Write { .. })));
    Ok(())
}

#[test]
fn sizes_are_unknown_in_pipes_and_exact_in_files() -> Outcome {
    for format in [SampleFormat::I16, SampleFormat::I24, SampleFormat::F32] {
        let block = ramp(101)[..1].to_vec();
        let pipe = StreamWriter::new(Vec::new(), "pipe", 16_000, 1, StreamFormat::Wav(format))?;
        let mut file =
            StreamWriter::new(Cursor::new(Vec::new()), "file", 16_000, 1, StreamFormat::Wav(format))?;
        let mut pipe = pipe;
        for piece in block[0].chunks(10) {
            pipe.write(&[piece])?;
            file.write(&[piece])?;
        }
        let (pipe, report) = pipe.finish()?;
        assert_eq!(report.samples, 101);
        assert_eq!(pipe[40..44], [0xff; 4]);
        let reader = AudioReader::from_stream(Cursor::new(pipe), "pipe")?;
        assert_eq!(reader.spec().samples, None);
        let from_pipe = read_all(reader)?;
        let reader = AudioReader::from_seekable(Cursor::new(file.finish_seekable()?.0.into_inner()), "file")?;
        assert_eq!(reader.spec().samples, Some(101));
        assert_eq!(from_pipe, read_all(reader)?);
        assert!(largest_difference(&from_pipe, &block) <= 0.5 / 32_767.0);
    }
    let mut raw = StreamWriter::new(Vec::new(), "raw", 16_000, 2, StreamFormat::RawF32)?;
    raw.write(&ramp(77))?;
    let reader = AudioReader::from_raw_f32(Cursor::new(raw.finish()?.0), "raw", 16_000, 2)?;
    assert_eq!(read_all(reader)?, ramp(77));
    Ok(())
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_devices_written() {
    let folder = tempfile::tempdir().unwrap();
    let (target, link) = (folder.path().join("target.wav"), folder.path().join("link.wav"));
    std::fs::write(&target, b"old").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    for path in [link.as_path(), std::path::Path::new("/dev/null")] {
        let mut writer = WavWriter::create(path, 8_000, 1, SampleFormat::I24).unwrap();
        writer.write(&[[0.25_f32, -0.25, 0.5]]).unwrap();
        writer.finish().unwrap();
    }
    assert!(link.is_symlink());
    assert_eq!(AudioReader::open(&target).unwrap().spec().samples, Some(3));
    assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
}

/// Compares with bytes recorded in `tests/data/written.tsv`: format, channels, writer, bytes in hexadecimal.
#[test]
fn written_bytes_are_unchanged() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.wav");
    let planes = [vec![0.5, -1.5, 0.123], vec![0.25, 0.0, 1.0], vec![-0.75, 1e-6, -1.0]];
    for line in include_str!("data/written.tsv").lines() {
        let [format, channels, writer, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
            return Err(line.into());
        };
        let (format, channels) = (format.parse()?, channels.parse()?);
        let block = &planes[..channels];
        let found = match writer {
            "wav" => {
                let mut writer = WavWriter::create(&path, 16_000, channels, format)?;
                writer.write(block)?;
                writer.finish()?;
                fs::read(&path)?
            }
            "pipe" => {
                let format = StreamFormat::Wav(format);
                let mut writer = StreamWriter::new(Vec::new(), "pipe", 16_000, channels, format)?;
                writer.write(block)?;
                writer.finish()?.0
            }
            _ => {
                let (file, format) = (Cursor::new(Vec::new()), StreamFormat::Wav(format));
                let mut writer = StreamWriter::new(file, "file", 16_000, channels, format)?;
                writer.write(block)?;
                writer.finish_seekable()?.0.into_inner()
            }
        };
        let found: String = found.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, expected, "{format}, {channels} channels, {writer}");
    }
    Ok(())
}

#[test]
fn finish_unnamed_leaves_the_rename_to_the_caller() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("out/a.wav");
    let file = AtomicFile::create_in(folder.path(), &path)?;
    let mut writer = WavWriter::new(file, &path, 16_000, 2, SampleFormat::I16)?;
    writer.write(&ramp(10))?;
    let (file, report) = writer.finish_unnamed()?;
    assert_eq!((report.samples, file.bytes()?), (10, 84));
    assert!(!path.exists());
    file.persist()?;
    assert_eq!(AudioReader::open(&path)?.spec().samples, Some(10));
    Ok(())
}

#[test]
fn long_blocks_are_written_completely() -> Outcome {
    let block = ramp(50_001);
    let mut writer = StreamWriter::new(Vec::new(), "pipe", 16_000, 2, StreamFormat::RawF32)?;
    writer.write(&block)?;
    let reader = AudioReader::from_raw_f32(Cursor::new(writer.finish()?.0), "pipe", 16_000, 2)?;
    assert_eq!(read_all(reader)?, block);
    Ok(())
}

#[test]
fn flac_files_hold_the_quantized_samples() -> Outcome {
    let folder = tempfile::tempdir()?;
    for (format, scale) in [(SampleFormat::I16, 32_768.0), (SampleFormat::I24, 8_388_608.0)] {
        for samples in [0, 1, 4_096, 10_000] {
            let path = folder.path().join(format!("{format}-{samples}.flac"));
            let block: Planar = (1..=2)
                .map(|step| (0..samples).map(|n| ((n * step) as f32 * 0.01).sin()).collect())
                .collect();
            let mut writer = FlacWriter::create(&path, 44_100, 2, format)?;
            for start in (0..samples).step_by(1_000) {
                let end = (start + 1_000).min(samples);
                writer.write(&[&block[0][start..end], &block[1][start..end]])?;
            }
            assert_eq!(writer.finish()?.samples, samples as u64);
            let quantize = |value: f32| ((f64::from(value) * scale).round().min(scale - 1.0) / scale) as f32;
            let wanted: Planar =
                block.iter().map(|plane| plane.iter().map(|&value| quantize(value)).collect()).collect();
            let mut reader = AudioReader::open(&path)?;
            let mut found = vec![Vec::new(); 2];
            while let Some(block) = reader.next_block(5_000)? {
                found.iter_mut().zip(block).for_each(|(plane, more)| plane.extend(more));
            }
            assert_eq!(found, wanted, "{format}, {samples}");
            assert!(!reader.is_truncated());
        }
    }
    assert!(FlacWriter::create(folder.path().join("a.flac"), 44_100, 2, SampleFormat::F32).is_err());
    assert!(FlacWriter::create(folder.path().join("a.flac"), 44_100, 9, SampleFormat::I16).is_err());
    Ok(())
}

#[test]
fn loud_noise_in_flac_is_not_larger_than_its_samples() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("noise.flac");
    let mut random = fastrand::Rng::with_seed(1);
    // Multiples of 2⁻²³, which 24 bits represent.
    let mut noise = || random.i32(-(1 << 23)..1 << 23) as f32 / (1 << 23) as f32;
    let block: Planar = (0..2).map(|_| (0..20_000).map(|_| noise()).collect()).collect();
    let mut writer = FlacWriter::create(&path, 22_050, 2, SampleFormat::I24)?;
    writer.write(&block)?;
    writer.finish()?;
    assert!(path.metadata()?.len() < 2 * 20_000 * 3 + 6_000);
    let mut reader = AudioReader::open(&path)?;
    assert_eq!(reader.next_block(20_000)?, Some(block));
    Ok(())
}
