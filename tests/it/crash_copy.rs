//! A copy killed at any moment: what stands is the beginning of the source, and a later run completes it.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use order_ledger::audit::compare::{Verdict, Which};
use order_ledger::limits;
use order_ledger::store::sqlite::CopyFile;
use order_ledger::store::{CopyTarget, Position, RecordedEvent, StreamName};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rusqlite::{Connection, OpenFlags};
use uuid::Uuid;

use super::copying::{Follower, are_equal, compared, copied, copying, until_copied};
use super::crash::Load;
use super::faulty_disk::FaultyDisk;
use super::log_file::LogFile;
use super::server::{Home, busy, until};

const KILLS: u64 = 16;
/// Some transactions of a copy.
const EVENTS: usize = 2 * limits::COPY_TRANSACTION_EVENTS + 50_000;

/// Orders in no order of their numbers, each with two events.
fn event(position: usize) -> RecordedEvent {
    let (order, version) = (position.div_ceil(2), (position - 1) % 2);
    let number = Uuid::from_u128((order as u128 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835));
    RecordedEvent {
        position: Position::from_number(position as u64),
        stream: StreamName(format!("order-{}", number.simple())),
        version: version as u64,
        id: Uuid::from_u128(position as u128),
        event_type: "Tested".into(),
        data: format!("{{\"position\":{position},\"text\":\"中文\"}}"),
        metadata: "{}".into(),
    }
}

async fn fill(path: &Path, events: usize) {
    let mut log = CopyFile::open(path).unwrap();
    for from in (1..=events).step_by(10_000) {
        log.append_recorded((from..from + 10_000).map(event).collect()).await.unwrap();
    }
    Box::new(log).close().await;
}

/// Where a copy that is being written ends; 0 while it is none yet.
fn end_of(path: &Path) -> u64 {
    // Not to read only: who opens it first takes back what the killed process had not committed.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let end = Connection::open_with_flags(path, flags).and_then(|log| {
        log.query_row("SELECT coalesce(max(position), 0) FROM events", [], |row| row.get::<_, i64>(0))
    });
    end.map_or(0, i64::unsigned_abs)
}

/// Starts a copy and kills it: after a time, or once it has gone on so far.
fn killed(from: &Path, to: &Path, after: Duration, at: u64) {
    let begun = Instant::now();
    let mut child = copying(from, to).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while begun.elapsed() < after || (end_of(to) < at && child.try_wait().unwrap().is_none()) {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn killed_at_any_moment_a_copy_is_the_beginning_of_its_source_and_is_completed_by_the_next_run() {
    let _turn = busy().await;
    let seed = rand::random::<u32>();
    eprintln!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(u64::from(seed));
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("source.db"), folder.path().join("copy.db"));
    fill(&from, EVENTS).await;
    let (mut stood, mut partly) = (0, 0);
    for kill in 0..KILLS {
        // Before, while and after a transaction is written; now and then so early that the file is only begun.
        let after = Duration::from_millis(rng.random_range(0..if kill % 4 == 0 { 40 } else { 400 }));
        let further = if kill % 2 == 0 { 0 } else { 1 };
        killed(&from, &to, after, stood + further);
        let end = end_of(&to);
        assert!(end >= stood, "seed {seed}, kill {kill}: {stood} events stood, and now {end}");
        let has_gone_on = end > stood;
        partly += u32::from(has_gone_on && end < EVENTS as u64);
        stood = end;
        if stood == EVENTS as u64 {
            // From the beginning once more.
            are_equal(&from, &to).await;
            for name in ["copy.db", "copy.db-wal", "copy.db-shm"] {
                let _gone = std::fs::remove_file(folder.path().join(name));
            }
            stood = 0;
        } else if has_gone_on {
            let compared = compared(&from, &to).await;
            let lacks = matches!(compared.verdict, Verdict::Shorter { which: Which::Second, .. });
            assert!(lacks && compared.same == stood, "seed {seed}, kill {kill}: {compared:?}");
        }
    }
    assert!(partly > 3, "seed {seed}: the kills came too early or too late to tell anything");
    let done = copied(&copying(&from, &to).output().unwrap());
    assert_eq!(done["events"].as_u64(), Some(EVENTS as u64 - stood), "seed {seed}: {done}");
    are_equal(&from, &to).await;
    assert_eq!(end_of(&to), EVENTS as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_follows_a_server_under_load_through_its_checkpoints_and_its_being_killed() {
    let _turn = busy().await;
    let home = Home::new();
    let server = home.serve();
    let load = Load::start(server.push);
    let to = home.folder().join("replica.db");
    let follower = Follower::start(&home.store(), &to);
    load.until_answered(1000).await;
    server.kill();
    let server = home.serve();
    load.place.send_replace(Some(server.push));
    // Of a short log all is in the write-ahead log until a checkpoint.
    let folded = || std::fs::metadata(home.store()).unwrap().len();
    let at_first = folded();
    until("a checkpoint was made", || folded() > at_first).await;
    load.until_answered(load.answered() + 1000).await;
    let (_, _) = load.stop().await;
    until_copied(&to, LogFile::open(&home.store()).events_by_order().len()).await;
    assert!(server.terminate().success());
    copied(&follower.stop("TERM"));
    are_equal(&home.store(), &to).await;
}

#[tokio::test]
async fn of_a_damaged_source_all_that_stands_before_the_damage_is_copied_and_the_place_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("source.db"), folder.path().join("copy.db"));
    fill(&from, 10_000).await;
    let file = std::fs::OpenOptions::new().write(true).open(&from).unwrap();
    let length = file.metadata().unwrap().len();
    file.write_all_at(&vec![0xA5; usize::try_from(length / 10).unwrap()], length * 7 / 10).unwrap();
    let output = copying(&from, &to).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    let end = end_of(&to);
    assert!((1000..10_000).contains(&end), "{end}: {said}");
    let told = format!("the source cannot be read behind position {end}: the log's file is damaged");
    assert!(said.contains(&told), "{said}");
}

#[tokio::test]
async fn a_disk_that_fails_while_many_events_are_copied_leaves_a_beginning_and_the_next_run_completes_it() {
    let _turn = busy().await;
    let disk = FaultyDisk::new();
    let (from, to) = (disk.home().folder().join("source.db"), disk.home().store().with_file_name("copy.db"));
    fill(&from, EVENTS).await;
    for (fault, told) in [
        ("write ENOSPC copy.db", "the disk is full"),
        ("write ENOSPC copy.db-journal", "the disk is full"),
        ("sync EIO copy.db", "the disk failed to sync the log"),
    ] {
        let mut command = disk.faulting(copying(&from, &to));
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let has_begun = || std::fs::metadata(&to).is_ok_and(|file| file.len() > 1024 * 1024);
        until("the first of many transactions stands", || has_begun() && end_of(&to) > 0).await;
        disk.fail(&[fault]);
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains(told), "{fault}: {said}");
        disk.recover();
        let compared = compared(&from, &to).await;
        let lacks = matches!(compared.verdict, Verdict::Shorter { which: Which::Second, .. });
        assert!(lacks && compared.same > 0, "{fault}: {compared:?}");
        if !fault.starts_with("sync") {
            // From the beginning once more.
            for name in ["copy.db", "copy.db-wal", "copy.db-shm", "copy.db-journal"] {
                let _gone = std::fs::remove_file(to.with_file_name(name));
            }
        }
    }
    copied(&copying(&from, &to).output().unwrap());
    are_equal(&from, &to).await;
}
