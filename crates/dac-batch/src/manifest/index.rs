//! Index of the results that manifests list.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use super::error::ManifestError;
use super::lines::each_line;
use super::record::Record;

/// Results kept per key. Results that were never renamed into place are few, but a manifest may contain
/// anything.
const MAX_RESULTS_PER_KEY: usize = 32;

/// Successful results of one or more manifests, by key.
///
/// All results of a key are kept, not only the newest: a record is appended before its output is renamed into
/// place, so the existing file may belong to an older one. A later failure does not remove a result. 100,000
/// results take about 50 MB.
#[derive(Debug, Default)]
pub struct ManifestIndex {
    /// Results of each key, oldest first, without the fields that later runs do not need.
    by_key: HashMap<Box<str>, Vec<Record>>,
    shared_texts: HashSet<Arc<str>>,
    malformed_lines: usize,
}

impl ManifestIndex {
    /// Adds the manifest at `path` and returns its number of records with a key, failures included. Malformed
    /// lines are counted and ignored.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&mut self, path: &Path) -> Result<usize, ManifestError> {
        let file = File::open(path).map_err(|error| ManifestError::read(path, error))?;
        self.read_from(BufReader::new(file)).map_err(|error| ManifestError::read(path, error))
    }

    /// Adds a manifest from a reader; otherwise like [`ManifestIndex::read`].
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
            _ => self.malformed_lines += 1,
        })?;
        Ok(records)
    }

    /// Adds a record if it has a key and its output exists.
    pub fn insert(&mut self, mut record: Record) {
        if !record.is_done() {
            return;
        }
        let Some(key) = record.key.take() else { return };
        (record.input, record.output, record.error) = (Box::default(), None, None);
        record.input_truncated = None;
        for text in [&mut record.pack, &mut record.model, &mut record.weights_sha256, &mut record.settings] {
            self.share(text);
        }
        let results = self.by_key.entry(key).or_default();
        let has_same_output = |known: &Record| {
            (&known.pack, &known.output_sha256) == (&record.pack, &record.output_sha256)
                && known.decoded_sha256() == record.decoded_sha256()
        };
        if let Some(index) = results.iter().position(has_same_output) {
            if results.get(index).is_some_and(|known| known.finished_s > record.finished_s) {
                return;
            }
            results.remove(index);
        }
        // Records without a time were written by early versions and count as older than all others.
        let position = results.partition_point(|known| known.finished_s <= record.finished_s);
        // Most keys have one result.
        results.reserve_exact(1);
        results.insert(position, record);
        if results.len() > MAX_RESULTS_PER_KEY {
            results.remove(0);
        }
    }

    /// Replaces a text by the copy that equal texts share.
    fn share(&mut self, text: &mut Option<Arc<str>>) {
        let Some(text) = text else { return };
        match self.shared_texts.get(text) {
            Some(shared) => *text = Arc::clone(shared),
            None => drop(self.shared_texts.insert(Arc::clone(text))),
        }
    }

    /// Results of a key, newest first; results with equal output bytes are one.
    pub fn results(&self, key: &str) -> impl Iterator<Item = &Record> {
        self.by_key.get(key).into_iter().flatten().rev()
    }

    /// Newest result of a key that the file at `path` belongs to, by size and SHA-256.
    pub fn result_of_file(&self, key: &str, path: &Path) -> Option<&Record> {
        // The size is compared first because hashing is expensive.
        let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        let has_size = |record: &&Record| record.output_bytes.is_none_or(|bytes| bytes == metadata.len());
        let mut results = self.results(key).filter(has_size).peekable();
        results.peek()?;
        let sha256 = dac::weights::sha256_of_file(path).ok()?;
        results.find(|record| record.output_sha256.as_deref() == Some(sha256.as_str()))
    }

    /// Reports whether the key has a result.
    pub fn contains_key(&self, key: &str) -> bool {
        self.by_key.contains_key(key)
    }

    /// Shards of packs that contain results, each with its recorded SHA-256 hashes: more than one if an
    /// interrupted run recorded a shard that was never renamed into place.
    pub fn packs(&self) -> HashMap<Arc<str>, HashSet<Box<str>>> {
        let mut packs: HashMap<Arc<str>, HashSet<Box<str>>> = HashMap::new();
        for record in self.by_key.values().flatten() {
            if let (Some(pack), Some(sha256)) = (&record.pack, &record.output_sha256) {
                let hashes = packs.entry(Arc::clone(pack)).or_default();
                if !hashes.contains(sha256) {
                    hashes.insert(sha256.clone());
                }
            }
        }
        packs
    }

    /// Number of keys that have results.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Reports whether no key has a result.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Number of lines that were truncated or not records.
    pub fn malformed_lines(&self) -> usize {
        self.malformed_lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> ManifestIndex {
        let mut index = ManifestIndex::default();
        index.read_from(text.as_bytes()).unwrap();
        index
    }

    /// Settings and SHA-256 of each result of a key.
    fn results<'a>(index: &'a ManifestIndex, key: &str) -> Vec<(&'a str, &'a str)> {
        let pair = |record: &'a Record| {
            (record.settings.as_deref().unwrap(), record.output_sha256.as_deref().unwrap())
        };
        index.results(key).map(pair).collect()
    }

    #[test]
    fn all_results_of_a_key_are_kept_and_failures_ignored() {
        let mut index = ManifestIndex::default();
        let text = br#"{"key":"a","status":"error"}
{"key":"a","status":"ok","output_sha256":"12","settings":"s","frames":7}
{"key":"a","status":"ok","output_sha256":"34","settings":"t"}
{"key":"a","status":"error","error":"gone"}
not json
{"key":"b","status":"error","error":"gone"}

{"status":"ok"}
{"key":"c","status":"ok"}
"#;
        // Records with a key, failures included.
        assert_eq!(index.read_from(text.as_slice()).unwrap(), 6);
        assert_eq!((index.len(), index.malformed_lines()), (1, 1));
        assert_eq!(results(&index, "a"), [("t", "34"), ("s", "12")]);
        // A record without SHA-256 does not identify an output.
        assert!(index.contains_key("a") && !index.contains_key("b") && !index.contains_key("c"));
        assert!(index.packs().is_empty());
        let oldest = index.results("a").last().unwrap();
        assert_eq!((oldest.frames, oldest.output_sha256.as_deref()), (Some(7), Some("12")));
    }

    #[test]
    fn results_are_sorted_by_time_regardless_of_line_order() {
        let line = |settings: &str, sha256: &str, finished_s: &str| {
            format!(r#"{{"key":"a","status":"ok","settings":"{settings}","output_sha256":"{sha256}","#)
                + &format!("\"finished_s\":{finished_s}}}\n")
        };
        // Two different outputs, and two records of the same output.
        for [one, other] in [["1", "2"], ["1", "1"]] {
            let (old, new) = (line("old", one, "100.5"), line("new", other, "200"));
            let untimed = line("older", one, "null");
            let expected: &[_] = if one == other { &[("new", "1")] } else { &[("new", "2"), ("old", "1")] };
            for text in [[&untimed, &old, &new], [&new, &old, &untimed], [&old, &untimed, &new]] {
                assert_eq!(results(&read(&text.map(String::as_str).concat()), "a"), expected);
            }
        }
        // Without times, the last line is the newest.
        let untimed = line("old", "1", "null") + &line("new", "2", "null");
        assert_eq!(results(&read(&untimed), "a"), [("new", "2"), ("old", "1")]);
    }

    #[test]
    fn round_trips_of_equal_tokens_differ_by_decoded_sha256() {
        let line = |decoded: &str| {
            r#"{"key":"a","status":"ok","output_sha256":"1","decoded":"a.wav","token_bytes":1,"#.to_owned()
                + &format!(r#""decoded_bytes":2,"decoded_sha256":"{decoded}","nominal_kbps":7.75}}"#)
                + "\n"
        };
        let index = read(&(line("i16") + &line("f32") + &line("i16")));
        let decoded: Vec<_> = index.results("a").map(Record::decoded_sha256).collect();
        assert_eq!(decoded, [Some("i16"), Some("f32")]);
    }

    #[test]
    fn only_the_newest_results_of_a_key_are_kept() {
        let line = |n: u32| {
            format!("{{\"key\":\"a\",\"status\":\"ok\",\"settings\":\"\",\"output_sha256\":\"{n}\"}}\n")
        };
        let index = read(&(0..100).map(line).collect::<String>());
        let kept = results(&index, "a");
        assert_eq!((kept.len(), kept[0].1, kept[31].1), (MAX_RESULTS_PER_KEY, "99", "68"));
    }

    #[test]
    fn packs_have_every_recorded_hash() {
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
    fn arbitrary_bytes_are_malformed_lines() {
        let mut deep = vec![b'['; 100_000];
        deep.push(b'\n');
        for bytes in
            [deep.as_slice(), b"\xff\xfe\n", b"{\"key\":1}\n", b"{\"frames\":-1,\"key\":\"a\"}\n", b"null\n"]
        {
            let mut index = ManifestIndex::default();
            index.read_from(bytes).unwrap();
            assert_eq!((index.len(), index.malformed_lines()), (0, 1), "{:?}", bytes.get(..9));
        }
    }
}
