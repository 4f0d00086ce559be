//! What manifests say is done.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use crate::lines::each_line;
use crate::{ManifestError, Record, Status};

/// The last that is known of a file: what of its [`Record`] a later run needs. A hundred thousand take some 50 MB.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// Whether the result was made; what follows is known then.
    pub done: bool,
    /// [`Record::pack`].
    pub pack: Option<Arc<str>>,
    /// [`Record::model`].
    pub model: Option<Arc<str>>,
    /// [`Record::weights_sha256`].
    pub weights_sha256: Option<Arc<str>>,
    /// [`Record::settings`].
    pub settings: Option<Arc<str>>,
    /// [`Record::input_bytes`].
    pub input_bytes: Option<u64>,
    /// [`Record::input_modified_s`].
    pub input_modified_s: Option<f64>,
    /// [`Record::input_sha256`].
    pub input_sha256: Option<Box<str>>,
    /// [`Record::input_samples`].
    pub input_samples: Option<u64>,
    /// [`Record::input_rate_hz`].
    pub input_rate_hz: Option<u32>,
    /// [`Record::channels`].
    pub channels: Option<usize>,
    /// [`Record::frames`].
    pub frames: Option<usize>,
    /// [`Record::codebooks`].
    pub codebooks: Option<usize>,
    /// [`Record::audio_seconds`].
    pub audio_seconds: Option<f64>,
    /// [`Record::output_bytes`].
    pub output_bytes: Option<u64>,
    /// [`Record::output_sha256`].
    pub output_sha256: Option<Box<str>>,
}

impl Entry {
    /// Puts what is known into a record of the same file.
    pub fn fill(&self, record: &mut Record) {
        let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        record.pack = text(&self.pack);
        record.model = text(&self.model);
        record.weights_sha256 = text(&self.weights_sha256);
        record.settings = text(&self.settings);
        record.input_bytes = self.input_bytes;
        record.input_modified_s = self.input_modified_s;
        record.input_sha256 = self.input_sha256.as_deref().map(str::to_owned);
        record.input_samples = self.input_samples;
        record.input_rate_hz = self.input_rate_hz;
        record.channels = self.channels;
        record.frames = self.frames;
        record.codebooks = self.codebooks;
        record.audio_seconds = self.audio_seconds;
        record.output_bytes = self.output_bytes;
        record.output_sha256 = self.output_sha256.as_deref().map(str::to_owned);
    }
}

/// The entries of one or more manifests, by key. A later record of a key replaces an earlier one, but a failure does not undo a
/// result: that still lies there as its record says, or else proves nothing.
#[derive(Debug, Default)]
pub struct Entries {
    by_key: HashMap<Box<str>, Entry>,
    texts: HashSet<Arc<str>>,
    unreadable_lines: usize,
}

impl Entries {
    /// Adds the manifest at `path`; lines that are no records are counted and passed over.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&mut self, path: &Path) -> Result<(), ManifestError> {
        let file = File::open(path).map_err(|error| ManifestError::read(path, error))?;
        self.read_from(BufReader::new(file)).map_err(|error| ManifestError::read(path, error))
    }

    /// Adds a manifest that is read from `reader`.
    ///
    /// # Errors
    /// When reading fails.
    pub fn read_from(&mut self, reader: impl BufRead) -> std::io::Result<()> {
        each_line(reader, |line| match line.map(serde_json::from_slice::<Record>) {
            Some(Ok(record)) => self.insert(record),
            _ if line.is_some_and(<[u8]>::is_empty) => {}
            _ => self.unreadable_lines += 1,
        })
    }

    /// Adds a record; one without a key is of no file.
    pub fn insert(&mut self, record: Record) {
        let Some(key) = record.key else { return };
        let entry = Entry {
            done: matches!(record.status, Status::Ok | Status::Skipped) && record.output_sha256.is_some(),
            pack: self.text(record.pack),
            model: self.text(record.model),
            weights_sha256: self.text(record.weights_sha256),
            settings: self.text(record.settings),
            input_bytes: record.input_bytes,
            input_modified_s: record.input_modified_s,
            input_sha256: record.input_sha256.map(String::into_boxed_str),
            input_samples: record.input_samples,
            input_rate_hz: record.input_rate_hz,
            channels: record.channels,
            frames: record.frames,
            codebooks: record.codebooks,
            audio_seconds: record.audio_seconds,
            output_bytes: record.output_bytes,
            output_sha256: record.output_sha256.map(String::into_boxed_str),
        };
        if entry.done || !self.get(&key).is_some_and(|known| known.done) {
            self.by_key.insert(key.into_boxed_str(), entry);
        }
    }

    /// The same text for all entries that have it.
    fn text(&mut self, text: Option<String>) -> Option<Arc<str>> {
        let text = text?;
        if let Some(known) = self.texts.get(text.as_str()) {
            return Some(Arc::clone(known));
        }
        let text: Arc<str> = text.into();
        self.texts.insert(Arc::clone(&text));
        Some(text)
    }

    /// What is known of the file of this key.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.by_key.get(key)
    }

    /// Every pack that results are in, with the hashes that it is said to have: one, unless a run that ended before the pack had
    /// its name left records of one that never was.
    pub fn packs(&self) -> HashMap<Arc<str>, HashSet<Box<str>>> {
        let mut packs: HashMap<Arc<str>, HashSet<Box<str>>> = HashMap::new();
        for entry in self.by_key.values().filter(|entry| entry.done) {
            if let (Some(pack), Some(sha256)) = (&entry.pack, &entry.output_sha256) {
                let said = packs.entry(Arc::clone(pack)).or_default();
                if !said.contains(sha256) {
                    said.insert(sha256.clone());
                }
            }
        }
        packs
    }

    /// How many files are known.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Lines that were no records, or were cut.
    pub fn unreadable_lines(&self) -> usize {
        self.unreadable_lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_result_of_a_key_counts() {
        let mut entries = Entries::default();
        let text = br#"{"key":"a","status":"error"}
{"key":"a","status":"ok","output_sha256":"12","settings":"s","frames":7}
{"key":"a","status":"error","error":"gone"}
not json
{"key":"b","status":"error","error":"gone"}

{"status":"ok"}
{"key":"c","status":"ok"}
"#;
        entries.read_from(text.as_slice()).unwrap();
        assert_eq!((entries.len(), entries.unreadable_lines()), (3, 1));
        // A failure afterwards does not undo a result.
        let a = entries.get("a").unwrap();
        assert!(a.done && a.frames == Some(7) && a.settings.as_deref() == Some("s"));
        assert!(!entries.get("b").unwrap().done);
        // Without a hash nothing can be proved.
        assert!(!entries.get("c").unwrap().done);
        assert!(entries.packs().is_empty());
        let mut record = Record::default();
        a.fill(&mut record);
        assert_eq!((record.frames, record.output_sha256.as_deref()), (Some(7), Some("12")));
    }

    #[test]
    fn packs_are_known_with_every_hash_that_was_said_of_them() {
        let mut entries = Entries::default();
        let text = br#"{"key":"a","status":"ok","output_sha256":"1","pack":"p"}
{"key":"b","status":"ok","output_sha256":"1","pack":"p"}
{"key":"c","status":"ok","output_sha256":"2","pack":"p"}
{"key":"d","status":"ok","output_sha256":"3","pack":"q"}
{"key":"e","status":"error","pack":"r"}
"#;
        entries.read_from(text.as_slice()).unwrap();
        let expected = [
            ("p".into(), HashSet::from(["1".into(), "2".into()])),
            ("q".into(), HashSet::from(["3".into()])),
        ];
        assert_eq!(entries.packs(), HashMap::from(expected));
    }

    #[test]
    fn no_bytes_are_too_hostile() {
        let mut deep = vec![b'['; 100_000];
        deep.push(b'\n');
        for bytes in
            [deep.as_slice(), b"\xff\xfe\n", b"{\"key\":1}\n", b"{\"frames\":-1,\"key\":\"a\"}\n", b"null\n"]
        {
            let mut entries = Entries::default();
            entries.read_from(bytes).unwrap();
            assert_eq!((entries.len(), entries.unreadable_lines()), (0, 1), "{:?}", bytes.get(..9));
        }
    }
}
