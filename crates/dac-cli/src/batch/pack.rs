//! Results that go into packs: a shard's records and its name come at once, when it is full or the batch ends.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Mutex;

use anyhow::{Context, Error, anyhow};
use dac::tokens::TokenFile;
use dac_dataset::{ClosedShard, PackError, PackKind, PackLimits, PackNaming, PackWriter, SampleKey};
use dac_manifest::Record;

use super::Done;
use super::ledger::Ledger;
use super::stop::Halt;
use super::workroom::{Workroom, publish_new};
use crate::args::FileArgs;
use crate::exit::Usage;
use crate::report::error_text;

/// What packs a batch makes.
#[derive(Debug, Clone)]
pub(crate) struct Packing {
    pub(crate) kind: PackKind,
    pub(crate) limits: PackLimits,
}

/// Collects entries from all workers.
pub(super) struct Packer<'a> {
    open: Mutex<Open>,
    folder: &'a Path,
    ledger: &'a Ledger,
}

struct Open {
    writer: PackWriter,
    /// What is in the open shard.
    entries: Vec<Waiting>,
}

/// An entry whose shard is not there yet.
pub(super) struct Waiting {
    /// Of the job in the plan.
    pub(super) index: usize,
    pub(super) record: Record,
    /// What to say of it then.
    pub(super) what: String,
}

/// An entry whose shard is there, or lost.
pub(super) struct Settled {
    pub(super) index: usize,
    pub(super) record: Record,
    pub(super) result: Result<Done, Error>,
}

/// What the next shard is called.
pub(super) struct Numbering {
    naming: PackNaming,
    next: u64,
}

impl Numbering {
    /// Goes on after the shards of the output folder.
    ///
    /// # Errors
    /// When the folder cannot be read, or holds a shard that no manifest knows: its entries would be made twice.
    pub(super) fn after_those_of(args: &FileArgs, kind: &PackKind, ledger: &Ledger) -> Result<Self, Error> {
        let folder = args.folder()?;
        let naming = match args.batch.shard {
            Some(shard) => PackNaming::tagged(&format!("{}-of-{}", shard.index(), shard.count()))?,
            None => PackNaming::default(),
        };
        let mut next = 0;
        let found = match std::fs::read_dir(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self { naming, next }),
            found => found.with_context(|| folder.display().to_string())?,
        };
        for entry in found {
            let name = entry?.file_name();
            let name = name.to_string_lossy();
            let Some(number) = naming.number(&name, kind.extension()) else { continue };
            if !ledger.has_pack(&name) {
                let path = folder.join(name.as_ref());
                let why = "is there and no manifest knows it: its entries would be made a second time; take another --output, \
                           name its --manifest, or remove it";
                return Err(Usage(format!("{} {why}", path.display())).into());
            }
            next = next.max(number.saturating_add(1));
        }
        Ok(Self { naming, next })
    }
}

impl<'a> Packer<'a> {
    /// Makes shards in `room`.
    ///
    /// # Errors
    /// When the output folder is none.
    pub(super) fn open(
        packing: &Packing,
        Numbering { naming, next }: Numbering,
        args: &'a FileArgs,
        room: &Workroom,
        ledger: &'a Ledger,
    ) -> Result<Self, Error> {
        let writer = PackWriter::new(room.folder(), packing.kind.clone(), naming, packing.limits)?;
        let open = Open { writer: writer.starting_at(next), entries: Vec::new() };
        Ok(Self { open: Mutex::new(open), folder: args.folder()?, ledger })
    }

    /// Adds an entry. Gives those that are settled by it: all of the shard, this one among them, if that became full or was lost.
    ///
    /// # Errors
    /// When the pack cannot hold these tokens; that concerns no other entry.
    pub(super) fn add(
        &self,
        key: &SampleKey,
        waiting: Waiting,
        tokens: TokenFile,
    ) -> Result<Vec<Settled>, Error> {
        let mut open = self.open.lock().map_err(|_| anyhow!("the open shard is lost"))?;
        let added = open.writer.add(key, &waiting.record.input, tokens);
        match added {
            Ok(shard) => {
                open.entries.push(waiting);
                let settled = shard.map(|shard| self.settle(&shard, std::mem::take(&mut open.entries)));
                Ok(settled.unwrap_or_default())
            }
            Err(error @ PackError::Shard { .. }) => {
                let mut entries = std::mem::take(&mut open.entries);
                entries.push(waiting);
                Ok(lose(entries, &error.into()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Closes the open shard, however little is in it, and gives its entries.
    pub(super) fn finish(&self) -> Vec<Settled> {
        let Ok(mut open) = self.open.lock() else { return Vec::new() };
        let entries = std::mem::take(&mut open.entries);
        match open.writer.finish() {
            Ok(Some(shard)) => self.settle(&shard, entries),
            Ok(None) => Vec::new(),
            Err(error) => lose(entries, &error.into()),
        }
    }

    /// The records first, then the name.
    fn settle(&self, shard: &ClosedShard, mut entries: Vec<Waiting>) -> Vec<Settled> {
        let name = shard.path.file_name().unwrap_or_default();
        let target = self.folder.join(name);
        for Waiting { record, .. } in &mut entries {
            record.pack = Some(name.to_string_lossy().into_owned());
            record.output = Some(target.display().to_string());
            (record.output_bytes, record.output_sha256) = (Some(shard.bytes), Some(shard.sha256.clone()));
        }
        if let Err(error) = self.publish(shard, &target, &entries) {
            return lose(entries, &error);
        }
        let done =
            |Waiting { index, record, what }| Settled { index, record, result: Ok(Done::Written(what)) };
        entries.into_iter().map(done).collect()
    }

    fn publish(&self, shard: &ClosedShard, target: &Path, entries: &[Waiting]) -> Result<(), Error> {
        self.ledger.append(entries.iter().map(|entry| &entry.record))?;
        publish_new(&shard.path, target).with_context(|| format!("{}: cannot be written", target.display()))
    }
}

/// One error for all that was in a shard.
fn lose(entries: Vec<Waiting>, error: &Error) -> Vec<Settled> {
    let text = error_text(error);
    let again = || if Halt::is(error) { Halt::of(error).into() } else { anyhow!("{text}") };
    let lost = |Waiting { index, record, .. }| Settled { index, record, result: Err(again()) };
    entries.into_iter().map(lost).collect()
}
