//! What manifests say is done.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use crate::lines::each_line;
use crate::{ManifestError, Record, Roundtrip};

/// Results that are kept of a key: those that never got their name are few, and a manifest may be anything.
const MOST_RESULTS: usize = 32;

/// What is known of a result: what of its [`Record`] a later run needs. A hundred thousand take some 50 MB.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Entry {
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
    /// [`Record::finished_s`].
    pub finished_s: Option<f64>,
    /// [`Record::output_bytes`].
    pub output_bytes: Option<u64>,
    /// [`Record::output_sha256`].
    pub output_sha256: Option<Box<str>>,
    /// [`Record::roundtrip`].
    pub roundtrip: Option<Box<Roundtrip>>,
}

impl Entry {
    /// Puts what is known into a record of the same file; when the work ended, and what it took, stays that record's own.
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
        record.roundtrip = self.roundtrip.as_deref().cloned();
    }

    /// The hash of the second result, of a round trip.
    pub fn decoded_sha256(&self) -> Option<&str> {
        self.roundtrip.as_ref()?.decoded_sha256.as_deref()
    }
}

/// The results that one or more manifests tell of, by key. All of a key are kept, not the last alone: a record is written before
/// its result gets its name, so what lies there may be of an earlier one. A failure undoes no result.
#[derive(Debug, Default)]
pub struct Entries {
    /// Of each key, the results by the time at which they were finished.
    by_key: HashMap<Box<str>, Vec<Entry>>,
    texts: HashSet<Arc<str>>,
    unreadable_lines: usize,
}

impl Entries {
    /// Adds the manifest at `path`; lines that are no records are counted and passed over. Gives the number of records of files,
    /// done or not.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&mut self, path: &Path) -> Result<usize, ManifestError> {
        let file = File::open(path).map_err(|error| ManifestError::read(path, error))?;
        self.read_from(BufReader::new(file)).map_err(|error| ManifestError::read(path, error))
    }

    /// Adds a manifest that is read from `reader`.
    ///
    /// # Errors
    /// When reading fails.
    pub fn read_from(&mut self, reader: impl BufRead) -> std::io::Result<usize> {
        let mut records = 0;
        each_line(reader, |line| match line.map(serde_json::from_slice::<Record>) {
            Some(Ok(record)) => {
                records += usize::from(record.key.is_some());
                self.insert(record);
            }
            _ if line.is_some_and(<[u8]>::is_empty) => {}
            _ => self.unreadable_lines += 1,
        })?;
        Ok(records)
    }

    /// Adds a record, if it is of a file and its result was made.
    pub fn insert(&mut self, record: Record) {
        if !record.is_done() {
            return;
        }
        let Some(key) = record.key else { return };
        let entry = Entry {
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
            finished_s: record.finished_s,
            output_bytes: record.output_bytes,
            output_sha256: record.output_sha256.map(String::into_boxed_str),
            roundtrip: record.roundtrip.map(Box::new),
        };
        let results = self.by_key.entry(key.into_boxed_str()).or_default();
        let is_same = |known: &Entry| {
            (&known.pack, &known.output_sha256) == (&entry.pack, &entry.output_sha256)
                && known.decoded_sha256() == entry.decoded_sha256()
        };
        if let Some(same) = results.iter().position(is_same) {
            if results.get(same).is_some_and(|known| known.finished_s > entry.finished_s) {
                return;
            }
            results.remove(same);
        }
        // Without a time it is of an earlier version, and older than all that have one.
        let place = results.partition_point(|known| known.finished_s <= entry.finished_s);
        // Most files have one result.
        results.reserve_exact(1);
        results.insert(place, entry);
        if results.len() > MOST_RESULTS {
            results.remove(0);
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

    /// The results of the file of this key, the last first; those of the same bytes are one.
    pub fn results(&self, key: &str) -> impl Iterator<Item = &Entry> {
        self.by_key.get(key).into_iter().flatten().rev()
    }

    /// Whether a result of the file of this key is known.
    pub fn knows(&self, key: &str) -> bool {
        self.by_key.contains_key(key)
    }

    /// Every pack that results are in, with the hashes that it is said to have: one, unless a run that ended before the pack had
    /// its name left records of one that never was.
    pub fn packs(&self) -> HashMap<Arc<str>, HashSet<Box<str>>> {
        let mut packs: HashMap<Arc<str>, HashSet<Box<str>>> = HashMap::new();
        for entry in self.by_key.values().flatten() {
            if let (Some(pack), Some(sha256)) = (&entry.pack, &entry.output_sha256) {
                let said = packs.entry(Arc::clone(pack)).or_default();
                if !said.contains(sha256) {
                    said.insert(sha256.clone());
                }
            }
        }
        packs
    }

    /// Of how many files results are known.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether of none.
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

    fn read(text: &str) -> Entries {
        let mut entries = Entries::default();
        entries.read_from(text.as_bytes()).unwrap();
        entries
    }

    /// Settings and hash of each result of a key.
    fn results<'a>(entries: &'a Entries, key: &str) -> Vec<(&'a str, &'a str)> {
        let of =
            |entry: &'a Entry| (entry.settings.as_deref().unwrap(), entry.output_sha256.as_deref().unwrap());
        entries.results(key).map(of).collect()
    }

    #[test]
    fn all_results_of_a_key_are_known_and_no_failures() {
        let mut entries = Entries::default();
        let text = br#"{"key":"a","status":"error"}
{"key":"a","status":"ok","output_sha256":"12","settings":"s","frames":7}
{"key":"a","status":"ok","output_sha256":"34","settings":"t"}
{"key":"a","status":"error","error":"gone"}
not json
{"key":"b","status":"error","error":"gone"}

{"status":"ok"}
{"key":"c","status":"ok"}
"#;
        // Of files, done or not.
        assert_eq!(entries.read_from(text.as_slice()).unwrap(), 6);
        assert_eq!((entries.len(), entries.unreadable_lines()), (1, 1));
        assert_eq!(results(&entries, "a"), [("t", "34"), ("s", "12")]);
        // Without a hash nothing can be proved.
        assert!(entries.knows("a") && !entries.knows("b") && !entries.knows("c"));
        assert!(entries.packs().is_empty());
        let mut record = Record::default();
        entries.results("a").last().unwrap().fill(&mut record);
        assert_eq!((record.frames, record.output_sha256.as_deref()), (Some(7), Some("12")));
    }

    #[test]
    fn the_later_of_two_records_counts_in_whichever_order_they_are_read() {
        let line = |settings: &str, sha256: &str, finished_s: &str| {
            format!(
                "{{\"key\":\"a\",\"status\":\"ok\",\"settings\":\"{settings}\",\"output_sha256\":\"{sha256}\",\"finished_s\":{finished_s}}}\n"
            )
        };
        // Another result, and two records of the same bytes.
        for [one, other] in [["1", "2"], ["1", "1"]] {
            let (old, new) = (line("old", one, "100.5"), line("new", other, "200"));
            let untimed = line("older", one, "null");
            let expected: &[_] = if one == other { &[("new", "1")] } else { &[("new", "2"), ("old", "1")] };
            for text in [[&untimed, &old, &new], [&new, &old, &untimed], [&old, &untimed, &new]] {
                assert_eq!(results(&read(&text.map(String::as_str).concat()), "a"), expected);
            }
        }
        // Without a time, the one that is read later.
        let untimed = line("old", "1", "null") + &line("new", "2", "null");
        assert_eq!(results(&read(&untimed), "a"), [("new", "2"), ("old", "1")]);
    }

    #[test]
    fn round_trips_of_the_same_tokens_are_told_apart_by_what_was_decoded() {
        let line = |decoded: &str| {
            format!(
                r#"{{"key":"a","status":"ok","output_sha256":"1","decoded":"a.wav","token_bytes":1,"decoded_bytes":2,"decoded_sha256":"{decoded}","nominal_kbps":7.75}}
"#
            )
        };
        let entries = read(&(line("i16") + &line("f32") + &line("i16")));
        let decoded: Vec<_> = entries.results("a").map(Entry::decoded_sha256).collect();
        assert_eq!(decoded, [Some("i16"), Some("f32")]);
        let mut record = Record::default();
        entries.results("a").last().unwrap().fill(&mut record);
        assert_eq!(record.roundtrip.unwrap().decoded_sha256.as_deref(), Some("f32"));
    }

    #[test]
    fn a_key_of_very_many_results_keeps_the_last() {
        let line = |n: u32| {
            format!("{{\"key\":\"a\",\"status\":\"ok\",\"settings\":\"\",\"output_sha256\":\"{n}\"}}\n")
        };
        let entries = read(&(0..100).map(line).collect::<String>());
        let kept = results(&entries, "a");
        assert_eq!((kept.len(), kept[0].1, kept[31].1), (MOST_RESULTS, "99", "68"));
    }

    #[test]
    fn packs_are_known_with_every_hash_that_was_said_of_them() {
        let text = r#"{"key":"a","status":"ok","output_sha256":"1","pack":"p"}
{"key":"a","status":"ok","output_sha256":"2","pack":"p"}
{"key":"b","status":"ok","output_sha256":"1","pack":"p"}
{"key":"d","status":"ok","output_sha256":"3","pack":"q"}
{"key":"e","status":"error","pack":"r"}
"#;
        let expected = [
            ("p".into(), HashSet::from(["1".into(), "2".into()])),
            ("q".into(), HashSet::from(["3".into()])),
        ];
        assert_eq!(read(text).packs(), HashMap::from(expected));
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
