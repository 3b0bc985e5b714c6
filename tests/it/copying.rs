//! `order-ledger copy` as an operator uses it: beside a server, again and again, and refused.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use order_ledger::audit::compare::{Compared, Verdict, compare};
use order_ledger::store::sqlite::Readers;
use serde_json::Value;

use super::expecting::accepted;
use super::faulty_disk::FaultyDisk;
use super::log_file::{LogFile, wal_is_empty};
use super::server::{BINARY, Home, until};

/// `copy --json` from one file to another.
pub fn copying(from: &Path, to: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command.args(["copy", "--json", "--from"]).arg(from).arg("--to").arg(to);
    command
}

pub fn copied(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn copy(from: &Path, to: &Path) -> Value {
    copied(&copying(from, to).output().unwrap())
}

/// What a copy that must fail says.
fn refused(mut command: Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

pub async fn compared(from: &Path, to: &Path) -> Compared {
    compare(&Readers::open(from).unwrap(), &Readers::open(to).unwrap(), &|_| {}).await.unwrap()
}

pub async fn are_equal(from: &Path, to: &Path) {
    let compared = compared(from, to).await;
    assert_eq!(compared.verdict, Verdict::Equal, "{compared:?}");
    let [of_source, of_copy] = compared.log_ids;
    assert_ne!(of_source, of_copy, "the copy has a log id of its own");
    LogFile::open(to).is_gapless();
}

#[tokio::test]
async fn a_log_that_a_server_writes_is_copied_and_the_next_copy_takes_what_is_new() {
    let home = Home::new();
    let server = home.serve();
    let to = home.folder().join("backup/events.db");
    // Beside the orders: the registration of the app.
    let mut stood = Value::Null;
    for (pushed, new, position) in [(&["A", "B"][..], 3, "3"), (&[], 0, "3"), (&["C"], 1, "4")] {
        accepted(&home, &server, pushed).await;
        let done = copy(&home.store(), &to);
        assert_eq!((done["events"].as_i64(), &done["position_before"]), (Some(new), &stood), "{done}");
        assert_eq!(done["position"], position);
        assert_ne!(done["from_log_id"], done["to_log_id"]);
        stood = done["position"].clone();
        are_equal(&home.store(), &to).await;
        assert!(wal_is_empty(&to), "it is one file");
    }
    assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(server.complaints().is_empty());
    assert!(server.terminate().success());
    let output = copying(&home.store(), &to).output().unwrap();
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[tokio::test]
async fn a_log_is_no_copy_of_itself_whatever_it_is_called() {
    let home = Home::new();
    let server = home.serve();
    accepted(&home, &server, &["A"]).await;
    assert!(server.terminate().success());
    let (own, link, hard) = (home.store(), home.folder().join("link.db"), home.folder().join("hard.db"));
    std::os::unix::fs::symlink(&own, &link).unwrap();
    std::fs::hard_link(&own, &hard).unwrap();
    for name in [&own, &link, &hard] {
        let against = home.run(&["verify", "--against", name.to_str().unwrap()]);
        let said = String::from_utf8(against.stderr).unwrap();
        assert_eq!((against.status.code(), against.stdout.as_slice()), (Some(2), &b""[..]), "{said}");
        assert!(said.contains("--against names the log itself") && said.contains("name the copy"), "{said}");
    }
    let file = home.folder().join("file.db");
    std::fs::copy(&own, &file).unwrap();
    let against = home.run(&["verify", "--against", file.to_str().unwrap()]);
    let said = String::from_utf8(against.stdout).unwrap();
    assert!(against.status.success() && said.contains("one was made by copying the files"), "{said}");
}

#[tokio::test]
async fn what_cannot_be_copied_is_refused_with_its_reason_and_nothing_is_changed() {
    let home = Home::new();
    let server = home.serve();
    accepted(&home, &server, &["A"]).await;
    let (from, in_home) = (home.store(), |name: &str| home.folder().join(name));
    let (other, used) = (Home::new(), Home::new());
    let (used_server, other_server) = (used.serve(), other.serve());
    accepted(&other, &other_server, &["X", "Y"]).await;
    assert!(other_server.terminate().success());
    std::os::unix::fs::symlink(&from, in_home("link.db")).unwrap();
    std::fs::hard_link(&from, in_home("hard.db")).unwrap();
    std::fs::write(in_home("text.db"), "not a log").unwrap();
    let holder = used_server.id().to_string();
    let not_there = in_home("missing.db");
    let kurrent = Path::new("kurrentdb+discover://admin:changeit@host:2113?tls=false");
    let with_password = Path::new("kurrentdb://admin:changeit@localhost:1");
    std::fs::write(in_home("clear.url"), format!("{}\n", kurrent.display())).unwrap();
    let by_file = |name: &str| PathBuf::from(format!("@{}", in_home(name).display()));
    for (from, to, told) in [
        (from.as_path(), from.as_path(), &["--from and --to are the same file"][..]),
        (&from, &in_home("link.db"), &["are the same file"]),
        (&from, &in_home("hard.db"), &["are the same file"]),
        (&from, kurrent, &["--to", "kurrentdb+discover://", "tls=false sends orders"]),
        (kurrent, &from, &["--from", "tls=false sends orders"]),
        (&from, with_password, &["--to: the URL holds a password", "--to @FILE"]),
        (with_password, &from, &["--from: the URL holds a password", "--from @FILE"]),
        (&from, &by_file("missing.url"), &["--to @", "missing.url", "No such file"]),
        (&by_file("text.db"), &from, &["--from @", "text.db: the file must hold a URL"]),
        (&by_file("clear.url"), &from, &["--from @", "clear.url", "tls=false sends orders"]),
        (&from, Path::new("https://u:changeit@host/x"), &["--to", "https://", "no kind of store"]),
        (&not_there, &in_home("new.db"), &["--from", "missing.db", "there is no log yet"]),
        (&in_home("text.db"), &in_home("new.db"), &["--from", "text.db is not a log of order-ledger"]),
        (&from, &in_home("text.db"), &["--to", "text.db is not a log of order-ledger"]),
        (
            &from,
            &used.store(),
            &["--to", "is in use by process", &holder, "a server with its admin listener"],
        ),
        (
            &from,
            &other.store(),
            &["the target is no copy of the source: one of its events, ", " in the source"],
        ),
        // The wrong way round: the log has what its backup has not.
        (&other.store(), &from, &["is in use by process"]),
    ] {
        let said = refused(copying(from, to));
        for told in told {
            assert!(said.contains(told), "{told:?} is told: {said}");
        }
        assert!(!said.contains("changeit"), "{said}");
    }
    assert!(!in_home("new.db").exists(), "nothing is created before the source is known to be one");
    assert_eq!(std::fs::read_to_string(in_home("text.db")).unwrap(), "not a log");
    assert_eq!(LogFile::open(&other.store()).events_by_order().len(), 2);
    accepted(&home, &server, &["B"]).await;
}

#[tokio::test]
async fn a_backup_that_is_older_takes_nothing_back_to_the_log() {
    let home = Home::new();
    let server = home.serve();
    accepted(&home, &server, &["A"]).await;
    let backup = home.folder().join("backup.db");
    copy(&home.store(), &backup);
    accepted(&home, &server, &["B"]).await;
    assert!(server.terminate().success());
    let said = refused(copying(&backup, &home.store()));
    assert!(said.contains("order-demo.B version 0 at position 3, is not in the source"), "{said}");
    // Told as missing, by the name of the first.
    let compared = compared(&home.store(), &backup).await;
    let Verdict::Shorter { missing: 1, first, .. } = compared.verdict else { panic!("{compared:?}") };
    assert_eq!((first.stream.as_str(), first.position.number()), ("order-demo.B", 3));
}

#[tokio::test]
async fn a_full_disk_ends_the_copy_with_its_reason_and_with_room_it_goes_on() {
    let disk = FaultyDisk::new();
    let home = disk.home();
    let server = home.serve();
    accepted(home, &server, &["A", "B"]).await;
    let to = home.store().with_file_name("copy.db");
    copy(&home.store(), &to);
    accepted(home, &server, &["C", "D"]).await;
    for faults in ["write ENOSPC copy.db-wal", "write ENOSPC copy.db.lock"] {
        disk.fail(&[faults]);
        let said = refused(disk.faulting(copying(&home.store(), &to)));
        assert!(said.contains("the disk is full") || said.contains("No space left"), "{faults}: {said}");
        assert!(said.contains("copy.db"), "{faults}: {said}");
        let stood = compared(&home.store(), &to).await;
        assert!(matches!(stood.verdict, Verdict::Shorter { missing: 2, .. }), "{faults}: {stood:?}");
    }
    disk.fail(&["sync EIO copy.db-wal"]);
    let said = refused(disk.faulting(copying(&home.store(), &to)));
    assert!(said.contains("the disk failed to sync the log"), "{said}");
    disk.recover();
    copied(&disk.faulting(copying(&home.store(), &to)).output().unwrap());
    are_equal(&home.store(), &to).await;
}

/// A copy that follows; killed when dropped.
pub struct Follower(Option<Child>);

impl Follower {
    pub fn start(from: &Path, to: &Path) -> Self {
        Self::spawn(copying(from, to))
    }

    /// One that tells into a file.
    pub fn telling(from: &Path, to: &Path, told: &Path) -> Self {
        Self::spawn_telling(copying(from, to), File::create(told).unwrap().into())
    }

    fn spawn(copying: Command) -> Self {
        Self::spawn_telling(copying, Stdio::piped())
    }

    fn spawn_telling(mut copying: Command, told: Stdio) -> Self {
        copying.arg("--follow").stdout(Stdio::piped()).stderr(told);
        Self(Some(copying.spawn().unwrap()))
    }

    fn id(&self) -> u32 {
        self.0.as_ref().unwrap().id()
    }

    fn tell(&self, signal: &str) {
        let told = Command::new("kill").args([&format!("-{signal}"), &self.id().to_string()]).status();
        assert!(told.unwrap().success());
    }

    /// Told to stop by a signal, and how it ended.
    pub fn stop(mut self, signal: &str) -> Output {
        self.tell(signal);
        self.0.take().unwrap().wait_with_output().unwrap()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // Where it has ended already there is nothing to kill.
            let _ended = child.kill();
            let _reaped = child.wait();
        }
    }
}

/// Waits until so many orders stand in the copy.
pub async fn until_copied(to: &Path, orders: usize) {
    until(&format!("{orders} orders are copied"), || {
        to.exists() && {
            let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'events'";
            let log = LogFile::open(to);
            log.count(sql) == 1 && log.events_by_order().len() == orders
        }
    })
    .await;
}

#[tokio::test]
async fn a_copy_that_follows_takes_what_comes_through_restarts_of_the_server_and_ends_when_told() {
    for signal in ["TERM", "INT", "HUP"] {
        let home = Home::new();
        let server = home.serve();
        accepted(&home, &server, &["A"]).await;
        let to = home.folder().join("replica.db");
        let follower = Follower::start(&home.store(), &to);
        until_copied(&to, 1).await;
        accepted(&home, &server, &["B"]).await;
        until_copied(&to, 2).await;
        assert!(server.terminate().success());
        let server = home.serve();
        accepted(&home, &server, &["C", "D"]).await;
        until_copied(&to, 4).await;
        // Nobody else writes the copy meanwhile.
        let said = refused(copying(&home.store(), &to));
        assert!(said.contains("replica.db is in use by process"), "{said}");
        let done = copied(&follower.stop(signal));
        assert_eq!((done["events"].as_i64(), &done["position"]), (Some(5), &Value::from("5")), "{done}");
        assert!(wal_is_empty(&to), "it is one file");
        are_equal(&home.store(), &to).await;
    }
}

#[tokio::test]
async fn while_nothing_comes_the_file_of_a_copy_that_follows_is_the_whole_copy() {
    let home = Home::new();
    let server = home.serve();
    let (to, taken) = (home.folder().join("replica.db"), home.folder().join("taken.db"));
    let follower = Follower::start(&home.store(), &to);
    for (order, orders) in [("A", 1), ("B", 2)] {
        accepted(&home, &server, &[order]).await;
        until_copied(&to, orders).await;
        until("it is one file", || wal_is_empty(&to)).await;
        std::fs::copy(&to, &taken).unwrap();
        are_equal(&home.store(), &taken).await;
    }
    copied(&follower.stop("TERM"));
}

#[tokio::test]
async fn a_copy_goes_second_to_a_server_and_under_nohup_it_outlives_its_terminal() {
    let home = Home::new();
    let server = home.serve();
    let to = home.folder().join("replica.db");
    let copying = copying(&home.store(), &to);
    let mut deaf = Command::new("sh");
    deaf.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", BINARY]).args(copying.get_args());
    let follower = Follower::spawn(deaf);
    accepted(&home, &server, &["A"]).await;
    until_copied(&to, 1).await;
    let threads = std::fs::read_dir(format!("/proc/{}/task", follower.id())).unwrap();
    let stats =
        threads.filter_map(|thread| std::fs::read_to_string(thread.unwrap().path().join("stat")).ok());
    let nice: Vec<i32> = stats.map(|stat| niceness(&stat)).collect();
    assert!(nice.len() > 1 && nice.iter().all(|nice| *nice >= 10), "{nice:?}");
    follower.tell("HUP");
    accepted(&home, &server, &["B"]).await;
    until_copied(&to, 2).await;
    copied(&follower.stop("TERM"));
}

/// Field 19 of `/proc/PID/stat`; the second is a name in brackets.
pub fn niceness(stat: &str) -> i32 {
    let behind_the_name = stat.rsplit_once(") ").unwrap().1;
    behind_the_name.split(' ').nth(16).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_copy_that_follows_ends_where_an_older_log_takes_the_place_of_its_source() {
    let home = Home::new();
    let server = home.serve();
    accepted(&home, &server, &["A"]).await;
    let (to, older) = (home.folder().join("replica.db"), home.folder().join("older.db"));
    copy(&home.store(), &older);
    accepted(&home, &server, &["B"]).await;
    assert!(server.terminate().success());
    let mut follower = Follower::start(&home.store(), &to);
    until_copied(&to, 2).await;
    std::fs::rename(older, home.store()).unwrap();
    let ended = follower.0.take().unwrap().wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.contains("the target is no copy of the source") && said.contains("order-demo.B"), "{said}");
    assert_eq!(LogFile::open(&to).events_by_order().len(), 2, "it keeps what it has");
}
