//! Compares [`ModelRateReader`] with mixing and resampling of the whole signal.

use std::io::Cursor;
use std::path::Path;

use dac_audio::{
    AudioError, AudioReader, AudioSlice, ChannelMix, ModelRateReader, NonFinitePolicy, Planar, Resampler,
    SampleFormat, StreamFormat, StreamWriter, resampled_samples,
};

const RATE_HZ: u32 = 48_000;
const MODEL_HZ: u32 = 44_100;

/// A bit more than two blocks of stereo.
fn signal() -> Planar {
    let tone = |step: f32| (0..150_001).map(|n| (n as f32 * step).sin() * 0.5).collect();
    vec![tone(0.01), tone(0.03)]
}

fn wav(signal: &Planar) -> Vec<u8> {
    let format = StreamFormat::Wav(SampleFormat::F32);
    let mut writer = StreamWriter::new(Cursor::new(Vec::new()), "a.wav", RATE_HZ, 2, format).unwrap();
    writer.write(signal).unwrap();
    writer.finish_seekable().unwrap().0.into_inner()
}

fn read_all(mut reader: ModelRateReader<'_>) -> (Planar, ModelRateReader<'_>) {
    let mut all = vec![Vec::new(); reader.channels()];
    while let Some(block) = reader.next_block().unwrap() {
        assert!(!block[0].is_empty());
        all.iter_mut().zip(block).for_each(|(plane, more)| plane.extend(more));
        assert_eq!(reader.position(), all[0].len() as u64);
    }
    assert!(reader.next_block().unwrap().is_none());
    (all, reader)
}

#[test]
fn file_and_memory_give_the_mixed_and_resampled_signal() {
    let signal = signal();
    let bytes = wav(&signal);
    for mix in [ChannelMix::Mono, ChannelMix::Keep] {
        let mixed = mix.apply(signal.clone());
        let mut resampler = Resampler::new(RATE_HZ, MODEL_HZ, mixed.len()).unwrap();
        let mut expected = resampler.push(&mixed).unwrap();
        resampler.flush_into(&mut expected).unwrap();

        let reader = AudioReader::from_seekable(Cursor::new(bytes.clone()), "a.wav").unwrap();
        let (found, reader) = read_all(ModelRateReader::new(reader, mix, MODEL_HZ).unwrap());
        assert_eq!(found, expected);
        assert_eq!((reader.name(), reader.input_samples()), (Path::new("a.wav"), 150_001));
        assert_eq!((reader.replaced_samples(), reader.is_truncated()), (0, false));

        let slices: Vec<_> = signal.iter().map(Vec::as_slice).collect();
        let non_finite = NonFinitePolicy::Error;
        let memory = AudioSlice { name: "memory", channels: &slices, rate_hz: RATE_HZ, non_finite };
        let mut reader = ModelRateReader::from_memory(memory, mix, MODEL_HZ).unwrap();
        assert_eq!(reader.read_all().unwrap(), expected);
        assert_eq!((reader.name(), reader.input_samples()), (Path::new("memory"), 150_001));
    }
}

#[test]
fn non_finite_samples_are_replaced_or_rejected() {
    let mut signal = signal();
    (signal[0][3], signal[1][100_000]) = (f32::NAN, f32::INFINITY);
    let slices: Vec<_> = signal.iter().map(Vec::as_slice).collect();
    let memory = |non_finite| {
        let memory = AudioSlice { name: "memory", channels: &slices, rate_hz: RATE_HZ, non_finite };
        ModelRateReader::from_memory(memory, ChannelMix::Mono, MODEL_HZ).unwrap()
    };
    assert_eq!(read_all(memory(NonFinitePolicy::Zero)).1.replaced_samples(), 2);
    let error = memory(NonFinitePolicy::Error).next_block().unwrap_err();
    assert!(matches!(error, AudioError::NonFinite { sample: 3, channel: 0, .. }), "{error}");
}

#[test]
fn truncated_input_is_reported_at_its_end() {
    let mut bytes = wav(&signal());
    bytes.truncate(bytes.len() - 8_000);
    let reader = AudioReader::from_seekable(Cursor::new(bytes), "a.wav").unwrap();
    let reader = ModelRateReader::new(reader, ChannelMix::Mono, MODEL_HZ).unwrap();
    assert!(!reader.is_truncated());
    let (found, reader) = read_all(reader);
    assert!(reader.is_truncated());
    assert_eq!(reader.input_samples(), 149_001);
    assert_eq!(found[0].len() as u64, resampled_samples(149_001, RATE_HZ, MODEL_HZ));
}

#[test]
fn empty_signal_gives_no_block() {
    let channels = [&[][..]];
    let non_finite = NonFinitePolicy::Error;
    let memory = AudioSlice { name: "memory", channels: &channels, rate_hz: RATE_HZ, non_finite };
    let mut reader = ModelRateReader::from_memory(memory, ChannelMix::Mono, MODEL_HZ).unwrap();
    assert!(reader.next_block().unwrap().is_none());
    assert_eq!((reader.input_samples(), reader.position()), (0, 0));
}

#[test]
fn lengths_around_342_000_samples_are_exact() {
    let tone: Vec<f32> = (0..342_200).map(|n| (n as f32 * 0.01).sin() * 0.5).collect();
    for samples in (341_600..=342_200).step_by(7) {
        let channels = [&tone[..samples]];
        let non_finite = NonFinitePolicy::Error;
        let slice = AudioSlice { name: "memory", channels: &channels, rate_hz: RATE_HZ, non_finite };
        let mut reader = ModelRateReader::from_memory(slice, ChannelMix::Mono, MODEL_HZ).unwrap();
        let found = reader.read_all().unwrap().remove(0);
        assert_eq!(found.len(), (samples * 147).div_ceil(160), "{samples}");
        assert_eq!(reader.input_samples(), samples as u64);
        // The tone goes on to the end, up to half of the filter's length.
        for n in (found.len() - 3_000..found.len() - 200).step_by(50) {
            let wanted = (n as f32 * (160.0 / 147.0) * 0.01).sin() * 0.5;
            assert!((found[n] - wanted).abs() < 2e-3, "{samples}, {n}: {} {wanted}", found[n]);
        }
    }
}
