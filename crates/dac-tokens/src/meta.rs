//! What is known about tokens besides their values.

/// Facts about the signal and the model that made the tokens; each may be unknown.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct TokenMeta {
    /// The model's name, as `44khz`.
    pub model: Option<String>,
    /// SHA-256 of the weights' file, 64 hexadecimal digits.
    pub weights_sha256: Option<String>,
    /// The model's sampling rate, in Hz.
    pub model_rate_hz: Option<u32>,
    /// The input's sampling rate before resampling, in Hz.
    pub input_rate_hz: Option<u32>,
    /// The input's length, in samples at its own rate.
    pub input_samples: Option<u64>,
    /// How many samples of the input, over all channels, were NaN or infinite and were coded as 0. Kept by safetensors alone;
    /// not known where none was.
    pub replaced_samples: Option<u64>,
    /// That the input's file ended before what it promised, and what there was of it was coded. Kept by safetensors alone; not
    /// known where it was whole.
    pub input_truncated: Option<bool>,
    /// How many entries a codebook has.
    pub codebook_size: Option<usize>,
    /// Samples at the model's rate that a frame stands for.
    pub hop_samples: Option<usize>,
    /// The input's measured loudness, in dB (LUFS), to which the decoded signal is brought.
    pub input_db: Option<f32>,
    /// Frames that each chunk was encoded to, in the reference's way of chunking.
    pub chunk_frames: Option<u64>,
    /// Whether the convolutions padded (one window over everything), in the reference's way of chunking.
    pub padding: Option<bool>,
}

impl TokenMeta {
    /// The metadata as named text, unknown facts left out, in a fixed order.
    pub(crate) fn to_pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        let mut put = |name, value: Option<String>| pairs.extend(value.map(|value| (name, value)));
        put("model", self.model.clone());
        put("weights_sha256", self.weights_sha256.clone());
        put("model_rate_hz", self.model_rate_hz.map(|v| v.to_string()));
        put("input_rate_hz", self.input_rate_hz.map(|v| v.to_string()));
        put("input_samples", self.input_samples.map(|v| v.to_string()));
        put("replaced_samples", self.replaced_samples.map(|v| v.to_string()));
        put("input_truncated", self.input_truncated.map(|v| v.to_string()));
        put("codebook_size", self.codebook_size.map(|v| v.to_string()));
        put("hop_samples", self.hop_samples.map(|v| v.to_string()));
        // The shortest text that reads back as the same float.
        put("input_db", self.input_db.map(|v| v.to_string()));
        put("chunk_frames", self.chunk_frames.map(|v| v.to_string()));
        put("padding", self.padding.map(|v| v.to_string()));
        pairs
    }

    /// Takes a fact from its text; unknown names are left alone. `Err` holds the name of a fact that does not parse.
    pub(crate) fn set(&mut self, name: &str, text: &str) -> Result<(), &'static str> {
        fn parse<T: std::str::FromStr>(name: &'static str, text: &str) -> Result<Option<T>, &'static str> {
            text.parse().map(Some).map_err(|_| name)
        }
        match name {
            "model" => self.model = Some(text.to_owned()),
            "weights_sha256" => self.weights_sha256 = Some(text.to_owned()),
            "model_rate_hz" => self.model_rate_hz = parse("model_rate_hz", text)?,
            "input_rate_hz" => self.input_rate_hz = parse("input_rate_hz", text)?,
            "input_samples" => self.input_samples = parse("input_samples", text)?,
            "replaced_samples" => self.replaced_samples = parse("replaced_samples", text)?,
            "input_truncated" => self.input_truncated = parse("input_truncated", text)?,
            "codebook_size" => self.codebook_size = parse("codebook_size", text)?,
            "hop_samples" => self.hop_samples = parse("hop_samples", text)?,
            "input_db" => self.input_db = parse("input_db", text)?,
            "chunk_frames" => self.chunk_frames = parse("chunk_frames", text)?,
            "padding" => self.padding = parse("padding", text)?,
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_survive_as_text() {
        let meta = TokenMeta {
            model: Some("44khz".into()),
            weights_sha256: Some("ab".repeat(32)),
            model_rate_hz: Some(44100),
            input_rate_hz: Some(48000),
            input_samples: Some(1 << 50),
            replaced_samples: Some(3),
            input_truncated: Some(true),
            codebook_size: Some(1024),
            hop_samples: Some(512),
            input_db: Some(-23.456_789),
            chunk_frames: Some(87),
            padding: Some(false),
        };
        let mut again = TokenMeta::default();
        for (name, text) in meta.to_pairs() {
            again.set(name, &text).unwrap();
        }
        assert_eq!(again, meta);
        assert_eq!(again.set("hop_samples", "-1"), Err("hop_samples"));
        assert_eq!(again.set("anything", "else"), Ok(()));
    }
}
