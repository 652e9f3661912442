//! Disks that are full, broken, slow to answer or changing: every failure is reported once, and nothing hangs.

mod support;

use ckpt_engine::{Control, Error, JournalOptions, Options, ReadMode, WriteMode, execute_on};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use support::faulty::{Call, FaultyDisk, Verdict};
use support::{Case, naive, noise};

const EIO: i32 = 5;
const EACCES: i32 = 13;
const ENOTDIR: i32 = 20;
const EINVAL: i32 = 22;
const EINTR: i32 = 4;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;
const EOPNOTSUPP: i32 = 95;
const EDQUOT: i32 = 122;

/// One file of 4 MB in segments of 256 KiB: payloads and their descriptors span many of them.
fn case() -> (Case, Options) {
    sized(1000)
}

fn sized(rows: u64) -> (Case, Options) {
    let mut case = Case::new();
    let tensor = case.tensor("F32", &[rows, 1000], noise(rows as usize * 4000, 9));
    for dtype in ["bfloat16", "float16"] {
        let copy = json!({"tensor": tensor, "start": [0, 0], "size": [rows, 1000], "offset": 0, "strides": [1000, 1]});
        case.whole(dtype, &[rows, 1000], json!([copy]));
    }
    let options = Options { memory: 2 << 20, threads: Some(4), ..case.options() };
    (case, options)
}

fn fails(rule: impl Fn(Call, usize) -> Verdict + Send + Sync + 'static) -> (Case, Error) {
    let (case, options) = case();
    let error = case.execute_on(&FaultyDisk::new(rule), &options).expect_err("the fault is not noticed");
    assert!(!case.root().join("iter_0000000/.metadata").exists(), "a failed run has no .metadata");
    (case, error)
}

fn survives(
    options: Options,
    case: Case,
    rule: impl Fn(Call, usize) -> Verdict + Send + Sync + 'static,
) -> WriteMode {
    let report = case.execute_on(&FaultyDisk::new(rule), &options).unwrap();
    assert!(case.file("iter_0000000/__0_0.distcp") == naive::file(&case, 0, &[]));
    report.write_mode
}

#[test]
fn faults_have_their_codes() {
    type Matches = fn(Call) -> bool;
    #[rustfmt::skip]
    let table: &[(Matches, i32, &str)] = &[
        (|call| matches!(call, Call::Reserve(_)), ENOSPC, "DISK_FULL"),
        (|call| matches!(call, Call::Reserve(_)), EDQUOT, "DISK_FULL"),
        (|call| matches!(call, Call::Write(_, at) if at > 2_000_000), ENOSPC, "DISK_FULL"),
        (|call| matches!(call, Call::Write(_, at) if at > 2_000_000), EIO, "WRITE_FAILED"),
        (|call| matches!(call, Call::Finish), EIO, "WRITE_FAILED"),
        (|call| matches!(call, Call::Create(_)), EACCES, "TARGET_PERMISSION"),
        (|call| matches!(call, Call::Create(_)), EROFS, "TARGET_PERMISSION"),
        (|call| matches!(call, Call::Create(_)), ENOTDIR, "TARGET_NOT_DIRECTORY"),
        (|call| matches!(call, Call::Open), EACCES, "SOURCE_PERMISSION"),
        (|call| matches!(call, Call::Open), 2, "SOURCE_MISSING"),
        (|call| matches!(call, Call::Read(_, at) if at > 3_000_000), EIO, "READ_FAILED"),
    ];
    for &(matches, errno, code) in table {
        let (_case, error) =
            fails(move |call, _| if matches(call) { Verdict::Fail(errno) } else { Verdict::Pass });
        assert_eq!(error.code(), code, "{errno}: {error}");
        assert!(error.facts()["path"].is_string(), "{error}");
    }
}

#[test]
fn a_full_disk_shows_before_a_byte_is_written() {
    let (case, _) = fails(|call, _| match call {
        Call::Reserve(_) => Verdict::Fail(ENOSPC),
        Call::Write(..) => panic!("written to a full disk"),
        _ => Verdict::Pass,
    });
    assert!(case.file("iter_0000000/__0_0.distcp").is_empty());
}

#[test]
fn short_and_interrupted_calls_are_continued() {
    for write_mode in [None, Some(WriteMode::Buffered)] {
        let (case, options) = case();
        let mode = survives(Options { write_mode, ..options }, case, move |call, count| match call {
            Call::Write(length, _) if count % 3 == 0 && length > 4096 => Verdict::Short(length / 2),
            Call::Read(length, _) if count % 3 == 1 => Verdict::Short(length.div_ceil(2)),
            Call::Write(..) | Call::Read(..) if count % 7 == 5 => Verdict::Fail(EINTR),
            _ => Verdict::Pass,
        });
        assert_eq!(mode, write_mode.unwrap_or(WriteMode::Direct));
    }
}

#[test]
fn refused_write_modes_fall_back() {
    let (plain, options) = case();
    let no_direct = |call, _| match call {
        Call::Create(WriteMode::Direct) => Verdict::Fail(EINVAL),
        _ => Verdict::Pass,
    };
    assert_ne!(survives(options, plain, no_direct), WriteMode::Direct);
    let (plain, options) = case();
    let only_buffered = |call, count| match call {
        Call::Create(WriteMode::Direct) => Verdict::Fail(EINVAL),
        // The probe of the second mode.
        Call::Write(4096, 0) if count < 6 => Verdict::Fail(EOPNOTSUPP),
        _ => Verdict::Pass,
    };
    assert_eq!(survives(options, plain, only_buffered), WriteMode::Buffered);
    let (plain, options) = case();
    let disk = FaultyDisk::new(no_direct);
    let error =
        plain.execute_on(&disk, &Options { write_mode: Some(WriteMode::Direct), ..options }).unwrap_err();
    assert_eq!(error.code(), "WRITE_FAILED");
}

#[test]
fn refused_direct_reads_become_cached_ones() {
    // Segments large enough for direct reads to be tried at all.
    let (case, options) = sized(4000);
    let disk = FaultyDisk::new(|call, _| match call {
        Call::ReadDirect(..) => Verdict::Fail(EINVAL),
        _ => Verdict::Pass,
    });
    let options = Options { read_mode: ReadMode::Direct, memory: 64 << 20, threads: Some(1), ..options };
    let report = case.execute_on(&disk, &options).unwrap();
    assert_eq!(report.read_mode, "pread");
    assert!(case.file("iter_0000000/__0_0.distcp") == naive::file(&case, 0, &[]));
}

#[test]
fn sources_that_change_are_noticed() {
    let (case, options) = case();
    let path = case.folder.path().join("source-0");
    let whole = std::fs::read(&path).unwrap();
    let resize = |bytes: &[u8]| std::fs::write(&path, bytes).unwrap();

    resize(&whole[..whole.len() - 1]);
    assert_eq!(case.execute(&options).unwrap_err().code(), "SOURCE_TRUNCATED");
    resize(&[&whole[..], &[0]].concat());
    assert_eq!(case.execute(&options).unwrap_err().code(), "SOURCE_CHANGED");

    for (shorter, code) in [(true, "SOURCE_TRUNCATED"), (false, "SOURCE_CHANGED")] {
        resize(&whole);
        let (path, whole) = (path.clone(), whole.clone());
        let once = AtomicBool::new(false);
        let disk = FaultyDisk::new(move |call, _| {
            if matches!(call, Call::Read(_, at) if at > 1_000_000) && !once.swap(true, Ordering::SeqCst) {
                let length = if shorter { whole.len() / 4 } else { whole.len() + 1 };
                std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length as u64).unwrap();
            }
            Verdict::Pass
        });
        assert_eq!(case.execute_on(&disk, &options).unwrap_err().code(), code);
    }
}

#[test]
fn a_stop_ends_the_run_at_any_moment() {
    for moment in [0, 5, 20, 60] {
        let (case, options) = case();
        let stop = Arc::new(AtomicBool::new(moment == 0));
        let trigger = Arc::clone(&stop);
        let disk = FaultyDisk::new(move |_, count| {
            if count == moment {
                trigger.store(true, Ordering::SeqCst);
            }
            Verdict::Pass
        });
        let mut control = Control { stop: &stop, on_progress: &mut |_| {} };
        let error = execute_on(&disk, &case.prepare().unwrap(), &options, &mut control).unwrap_err();
        assert_eq!(error.code(), "INTERRUPTED");
        assert!(error.facts()["done"].as_u64() < error.facts()["total"].as_u64());
        assert!(!case.root().join("iter_0000000/.metadata").exists());
    }
}

/// A worker that dies holds slices that others wait for.
#[test]
fn a_panicking_worker_ends_the_run() {
    let (case, options) = case();
    let disk = FaultyDisk::new(|call, _| match call {
        Call::Read(_, at) if at > 1_000_000 => panic!("a bug, as far as the engine can tell"),
        _ => Verdict::Pass,
    });
    let run = std::panic::AssertUnwindSafe(|| case.execute_on(&disk, &options));
    assert!(std::panic::catch_unwind(run).is_err());
}

/// Whatever call a run dies at, another run with its journal completes the files.
#[test]
fn a_run_that_died_is_continued() {
    let mut resumed_bytes = 0;
    for moment in (5..155).step_by(10) {
        let (case, mut options) = case();
        options.journal = Some(JournalOptions { path: "journal".into(), digest: "plan".into() });
        let disk = FaultyDisk::new(move |call, count| match call {
            // What was written before can still be synced.
            Call::SyncData => Verdict::Pass,
            _ if count >= moment => Verdict::Fail(EIO),
            _ => Verdict::Pass,
        });
        case.execute_on(&disk, &options).unwrap_err();
        let report = case.execute(&options).unwrap();
        resumed_bytes += report.bytes_resumed;
        assert!(report.bytes_read <= report.payload_bytes * 2 - report.bytes_resumed * 2);
        assert!(
            case.file("iter_0000000/__0_0.distcp") == naive::file(&case, 0, &[]),
            "died at call {moment}"
        );
        // A third run has nothing left to do and changes nothing.
        assert_eq!(case.execute(&options).unwrap().bytes_read, 0);
        assert!(case.file("iter_0000000/__0_0.distcp") == naive::file(&case, 0, &[]));
    }
    assert!(resumed_bytes > 0, "no run had anything to go on from");
}

#[test]
fn a_journal_without_its_file_starts_over() {
    let (case, mut options) = case();
    options.journal = Some(JournalOptions { path: "journal".into(), digest: "plan".into() });
    case.execute(&options).unwrap();
    std::fs::remove_file(case.root().join("iter_0000000/__0_0.distcp")).unwrap();
    assert_eq!(case.execute(&options).unwrap().bytes_resumed, 0);
    assert!(case.file("iter_0000000/__0_0.distcp") == naive::file(&case, 0, &[]));
    options.journal = Some(JournalOptions { path: "journal".into(), digest: "another".into() });
    assert_eq!(case.execute(&options).unwrap_err().code(), "RESUME_MISMATCH");
}

/// The lines of a lost file are forgotten before it is made anew, or a run killed over it would leave them to lie.
#[test]
fn a_lost_file_stays_forgotten() {
    for moment in (5..155).step_by(10) {
        let (case, mut options) = case();
        options.journal = Some(JournalOptions { path: "journal".into(), digest: "plan".into() });
        case.execute(&options).unwrap();
        std::fs::remove_file(case.root().join("iter_0000000/__0_0.distcp")).unwrap();
        let disk =
            FaultyDisk::new(move |_, count| if count >= moment { Verdict::Fail(EIO) } else { Verdict::Pass });
        case.execute_on(&disk, &options).unwrap_err();
        case.execute(&options).unwrap();
        let whole = case.file("iter_0000000/__0_0.distcp") == naive::file(&case, 0, &[]);
        assert!(whole, "died again at call {moment}");
    }
}
