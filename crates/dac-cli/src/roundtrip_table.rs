//! Formats the result of a round trip: distances of the two signals and sizes of the three files.

use dac_batch::Record;

/// Formats a record; returns `None` unless it belongs to a round trip.
pub(crate) fn roundtrip_table(record: &Record) -> Option<String> {
    let result = record.roundtrip.as_ref()?;
    let text_of = |value: Option<f64>, digits: usize| match value {
        Some(value) => format!("{value:.digits$}"),
        None => "-".to_owned(),
    };
    let mut text = format!(
        "{}: SI-SDR {} dB, mel distance {}, STFT distance {}",
        record.input,
        text_of(result.si_sdr_db, 2),
        text_of(result.mel_distance, 3),
        text_of(result.stft_distance, 3)
    );
    if let (Some(codebooks), Some(frames)) = (record.codebooks, record.frames) {
        let kbps = result.nominal_kbps;
        text += &format!(" with {codebooks} codebooks, {frames} frames, nominally {kbps:.2} kbit/s");
    }
    let rate = |kbps: Option<f64>| kbps.map_or_else(|| "-".to_owned(), |kbps| format!("{kbps:.2} kbit/s"));
    let kbps = |bytes: u64| record.audio_seconds.map(|seconds| bytes as f64 * 0.008 / seconds);
    let mut row = |name: &str, path: &str, bytes: u64, kbps: Option<f64>| {
        text += &format!("\n  {name:<9}{bytes:>12} bytes{:>18}  {path}", rate(kbps));
    };
    let input_bytes = record.input_bytes.unwrap_or(0);
    row("original", &record.input, input_bytes, kbps(input_bytes));
    row("tokens", record.output.as_deref().unwrap_or("-"), result.token_bytes, result.file_kbps);
    row("decoded", &result.decoded, result.decoded_bytes, kbps(result.decoded_bytes));
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use dac_batch::Roundtrip;

    use super::*;

    #[test]
    fn unknown_values_are_dashes() {
        let mut record = Record::new(Path::new("a.wav"));
        assert_eq!(roundtrip_table(&record), None);
        record.audio_seconds = Some(1.0);
        record.input_bytes = Some(88244);
        record.output = Some("out/a.npy".into());
        record.roundtrip = Some(Box::new(Roundtrip {
            decoded: "out/a.wav".to_owned(),
            si_sdr_db: None,
            mel_distance: Some(0.5),
            stft_distance: Some(1.0),
            token_bytes: 1000,
            decoded_bytes: 88244,
            decoded_sha256: None,
            nominal_kbps: 7.75,
            file_kbps: None,
        }));
        let lines = [
            "a.wav: SI-SDR - dB, mel distance 0.500, STFT distance 1.000",
            "  original        88244 bytes     705.95 kbit/s  a.wav",
            "  tokens           1000 bytes                 -  out/a.npy",
            "  decoded         88244 bytes     705.95 kbit/s  out/a.wav",
        ];
        assert_eq!(roundtrip_table(&record).unwrap(), lines.join("\n"));
    }
}
