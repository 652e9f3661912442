//! The journal of finished segments: what lets a killed run go on where it was.
//!
//! A line is appended only after the segment's bytes were synced, so every line is true after a crash of the process
//! and of the machine. A torn last line is ignored.

use crate::Error;
use crate::writer::Writer;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How much work a kill may cost.
const INTERVAL: Duration = Duration::from_millis(250);
const INTERVAL_BYTES: u64 = 256 << 20;

/// The first line: what the other lines are about.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
struct Head {
    digest: String,
    segment: usize,
}

/// A part of a payload that goes on in another segment, with its CRC.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct SliceRecord {
    pub item: usize,
    pub from: u64,
    pub bytes: u64,
    pub crc: u32,
}

/// A finished segment.
#[derive(Serialize, Deserialize)]
pub struct SegmentRecord {
    pub file: usize,
    pub begin: u64,
    pub payload: u64,
    pub slices: Vec<SliceRecord>,
}

/// What an earlier run of the same plan has left.
#[derive(Default)]
pub struct Resumed {
    pub segments: HashSet<(usize, u64)>,
    pub records: Vec<SegmentRecord>,
}

pub struct Journal {
    path: PathBuf,
    head: Head,
    state: Mutex<State>,
}

struct State {
    file: File,
    pending: Vec<SegmentRecord>,
    pending_bytes: u64,
    flushed: Instant,
}

impl Journal {
    /// Opens the journal of a plan, or begins it. Errors when it belongs to another plan: the caller decides before.
    pub fn open(path: &Path, digest: &str, segment: usize) -> Result<(Self, Resumed), Error> {
        let io = |source| Error::write(path, source);
        let head = Head { digest: digest.to_string(), segment };
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(io)?;
        let (resumed, length) = read(&file, &head, path)?;
        if length == 0 {
            file.set_len(0).map_err(io)?;
            // Not synced: a journal that a crash of the machine leaves without its first line is an empty one.
            file.write_all(line(&head)?.as_bytes()).map_err(io)?;
        } else {
            // Whatever follows the last whole line was being written when the run ended.
            file.set_len(length).map_err(io)?;
        }
        let state = State { file, pending: Vec::new(), pending_bytes: 0, flushed: Instant::now() };
        Ok((Journal { path: path.to_path_buf(), head, state: Mutex::new(state) }, resumed))
    }

    /// Forgets all but these records, for good: what a later run finds must be true of the files that are there then.
    pub fn rewrite(&self, records: &[SegmentRecord]) -> Result<(), Error> {
        let io = |source| Error::write(&self.path, source);
        let aside = self.path.with_extension("new");
        let mut file = File::create(&aside).map_err(io)?;
        let text = line(&self.head)? + &lines(records)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
        fs::rename(&aside, &self.path).map_err(io)?;
        self.state.lock().unwrap_or_else(PoisonError::into_inner).file = file;
        Ok(())
    }

    /// Notes a segment that was written; it counts once it is flushed.
    pub fn note(&self, record: SegmentRecord) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.pending_bytes += record.payload;
        state.pending.push(record);
    }

    /// Appends what was noted when enough of it has gathered, or at once with `now`.
    pub fn flush<'w>(&self, writers: impl Iterator<Item = &'w Writer>, now: bool) -> Result<(), Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let due = now || state.flushed.elapsed() >= INTERVAL || state.pending_bytes >= INTERVAL_BYTES;
        if state.pending.is_empty() || !due {
            return Ok(());
        }
        let records = std::mem::take(&mut state.pending);
        state.pending_bytes = 0;
        drop(state);
        for writer in writers {
            writer.sync_data()?;
        }
        self.append(&records)
    }

    /// Appends what was noted of files that were synced since.
    pub fn finish(&self) -> Result<(), Error> {
        let records = std::mem::take(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner).pending);
        self.append(&records)
    }

    fn append(&self, records: &[SegmentRecord]) -> Result<(), Error> {
        let text = lines(records)?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.flushed = Instant::now();
        state.file.write_all(text.as_bytes()).map_err(|source| Error::write(&self.path, source))
    }
}

fn line(value: &impl Serialize) -> Result<String, Error> {
    let json = serde_json::to_string(value).map_err(|error| Error::Plan(error.to_string()))?;
    Ok(json + "\n")
}

fn lines(records: &[SegmentRecord]) -> Result<String, Error> {
    records.iter().map(line).collect()
}

/// The records of a journal and the length of its whole lines; nothing when it is empty or torn in its first line.
fn read(file: &File, head: &Head, path: &Path) -> Result<(Resumed, u64), Error> {
    let io = |source| Error::write(path, source);
    let mut reader = BufReader::new(file);
    reader.seek(SeekFrom::Start(0)).map_err(io)?;
    let mut resumed = Resumed::default();
    let mut length = 0;
    let mut line = String::new();
    loop {
        line.clear();
        let bytes = match reader.read_line(&mut line) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => break,
            Err(source) => return Err(io(source)),
        };
        if bytes == 0 || !line.ends_with('\n') {
            break;
        }
        if length == 0 {
            match serde_json::from_str::<Head>(&line) {
                Ok(found) if found == *head => {}
                Ok(found) => {
                    let expected = head.digest.clone();
                    return Err(Error::Resume { path: path.to_path_buf(), expected, found: found.digest });
                }
                Err(_) => break,
            }
        } else {
            let Ok(record) = serde_json::from_str::<SegmentRecord>(&line) else { break };
            if resumed.segments.insert((record.file, record.begin)) {
                resumed.records.push(record);
            }
        }
        length += bytes as u64;
    }
    Ok((resumed, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(begin: u64) -> SegmentRecord {
        let slice = SliceRecord { item: 3, from: 8, bytes: 16, crc: 7 };
        SegmentRecord { file: 0, begin, payload: 100, slices: vec![slice] }
    }

    #[test]
    fn lines_survive_and_torn_ones_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let (journal, resumed) = Journal::open(&path, "abc", 8).unwrap();
        assert!(resumed.records.is_empty());
        journal.note(record(0));
        journal.note(record(8));
        journal.flush(std::iter::empty(), true).unwrap();
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let (_, resumed) = Journal::open(&path, "abc", 8).unwrap();
            let lines = whole[..cut].iter().filter(|&&byte| byte == b'\n').count();
            assert_eq!(resumed.records.len(), lines.saturating_sub(1), "cut at {cut}");
        }
    }

    #[test]
    fn another_plan_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        drop(Journal::open(&path, "abc", 8).unwrap());
        assert!(matches!(Journal::open(&path, "def", 8), Err(Error::Resume { .. })));
        assert!(matches!(Journal::open(&path, "abc", 16), Err(Error::Resume { .. })));
    }
}
