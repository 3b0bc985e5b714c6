//! A store that is damaged, read-only from the start, held by somebody else, or on a disk that is really full.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::expecting::{accepted, holds_exactly, order, refused};
use super::faulty_disk::FaultyDisk;
use super::line::Line;
use super::log_file::LogFile;
use super::pushes::{goods, goods_push};
use super::server::{Ended, Home, Server, busy};

/// The end of a `serve` that must not start: within a moment, with status 2.
fn does_not_start(command: Command, home: &Home) -> String {
    let begun = Instant::now();
    let started = Server::try_start(command, home.folder());
    let Err(Ended { status, log }) = started else { panic!("it started") };
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(!log.contains("panicked"), "{log}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{log}");
    log
}

#[tokio::test]
async fn a_log_that_cannot_be_opened_for_writing_stops_the_start_and_says_so() {
    let disk = FaultyDisk::new();
    let home = disk.home();
    let server = disk.serve();
    accepted(home, &server, &["BEFORE"]).await;
    assert!(server.terminate().success());
    for faults in [["open EACCES events.db"], ["open EROFS events.db"], ["open EROFS *"], ["open EACCES *"]] {
        disk.fail(&faults);
        let log = does_not_start(disk.command(), home);
        assert!(log.contains(&home.store().display().to_string()), "{faults:?} names the file: {log}");
        let denied = ["can be read but not written", "Permission denied", "Read-only file system"];
        assert!(denied.iter().any(|words| log.contains(words)), "{faults:?}: {log}");
    }
    disk.recover();
    let server = disk.serve();
    accepted(home, &server, &["BEFORE", "AFTER"]).await;
    assert!(server.terminate().success());
    holds_exactly(home, &["BEFORE", "AFTER"]);
}

#[tokio::test]
async fn a_full_disk_at_the_start_stops_it_and_says_so() {
    let disk = FaultyDisk::new();
    disk.fail(&["write ENOSPC *"]);
    let log = does_not_start(disk.command(), disk.home());
    assert!(log.contains(".lock") || log.contains("events.db"), "{log}");
    assert!(log.contains("full") || log.contains("No space left"), "{log}");
    disk.recover();
    let server = disk.serve();
    accepted(disk.home(), &server, &["AFTER"]).await;
}

#[tokio::test]
async fn a_second_server_on_the_same_log_is_refused_and_told_who_holds_it() {
    let home = Home::new();
    let server = home.serve();
    let log = does_not_start(home.command(&["serve"]), &home);
    for named in [server.id().to_string(), server.admin.to_string(), home.store().display().to_string()] {
        assert!(log.contains(&named), "names {named}: {log}");
    }
    accepted(&home, &server, &["STILL"]).await;
    assert!(server.terminate().success());
    let server = home.serve();
    accepted(&home, &server, &["STILL", "AFTER"]).await;
    assert!(server.terminate().success());
    holds_exactly(&home, &["STILL", "AFTER"]);
}

/// A log of some size, all of it in the one file.
async fn filled() -> Home {
    let home = Home::new();
    let server = home.serve();
    let mut line = Line::new(server.push);
    for number in 0..600 {
        line.push(&goods_push(&home.app(), goods(&format!("FILL-{number}"), 600))).await.unwrap();
    }
    assert!(server.terminate().success());
    home
}

/// Writes garbage over a part of a file, given in hundredths of its length.
fn scribble(path: &Path, from_percent: u64, to_percent: u64) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    let length = file.metadata().unwrap().len();
    let at = |percent: u64| length * percent / 100;
    let garbage: Vec<u8> = (at(from_percent)..at(to_percent)).map(|n| (n * 31 % 251) as u8).collect();
    file.write_all_at(&garbage, at(from_percent)).unwrap();
    file.sync_all().unwrap();
}

#[tokio::test]
async fn damage_under_a_running_server_gives_failures_and_one_line_and_no_false_success() {
    let mut noisy = Vec::new();
    // The header; pages in the middle; all but the header and the end.
    for (from, to) in [(0, 1), (40, 60), (1, 95)] {
        let home = filled().await;
        let sound = std::fs::read(home.store()).unwrap();
        let server = home.serve();
        scribble(&home.store(), from, to);
        let mut stands = Vec::new();
        let mut failed = 0;
        for number in (0..600).step_by(20) {
            for name in [format!("NEW-{number}"), format!("FILL-{number}")] {
                let answer = server.push(&order(&home, &name)).await;
                match answer.code() {
                    0 => stands.push(name),
                    50301 => failed += 1,
                    _ => panic!("{from} to {to}, {name}: {answer:?}"),
                }
            }
        }
        eprintln!("{from} % to {to} %: {} stand, {failed} failed", stands.len());
        let (log, complaints) = (server.log(), server.complaints());
        assert!(!log.contains("panicked"), "{from} to {to}: {log}");
        // What lies in the write-ahead log, over the file as it was: every success must be there.
        server.kill();
        std::fs::write(home.store(), sound).unwrap();
        LogFile::open(&home.store()).holds_once(&stands);
        if complaints.len() > 1 {
            noisy.push((from, to, complaints.len()));
        }
        assert_eq!(failed > 0, complaints.iter().any(|line| line.contains("damaged")), "{complaints:#?}");
    }
    assert_eq!(noisy, [], "from, to and count of lines: one line is due, not one for each push");
}

#[tokio::test]
async fn a_log_damaged_before_the_start_is_refused_by_name_or_fails_pushes_but_never_lies() {
    for (from, to, must_refuse) in [(0, 1, true), (0, 100, true), (1, 100, true), (40, 60, false)] {
        let home = filled().await;
        scribble(&home.store(), from, to);
        match Server::try_start(home.command(&["serve"]), home.folder()) {
            Err(Ended { status, log }) => {
                assert_eq!(status.code(), Some(2), "{log}");
                assert!(log.contains(&home.store().display().to_string()), "{from} to {to}: {log}");
                assert!(!log.contains("panicked"), "{log}");
            }
            Ok(server) => {
                assert!(!must_refuse, "{from} to {to}: it started");
                for number in (0..600).step_by(20) {
                    let answer = server.push(&order(&home, &format!("NEW-{number}"))).await;
                    assert!([0, 50301].contains(&answer.code()), "{answer:?}");
                }
                assert!(server.complaints().len() <= 1, "{:#?}", server.complaints());
                assert!(!server.log().contains("panicked"), "{}", server.log());
            }
        }
    }
}

#[tokio::test]
async fn a_file_that_is_no_log_is_refused_by_name_and_left_as_it_is() {
    let home = Home::new();
    std::fs::create_dir_all(home.store().parent().unwrap()).unwrap();
    let other = home.folder().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE events (x)").unwrap();
    for content in [b"not a database at all".repeat(1000), std::fs::read(other).unwrap()] {
        std::fs::write(home.store(), &content).unwrap();
        let log = does_not_start(home.command(&["serve"]), &home);
        assert!(log.contains("events.db is not a log of order-ledger"), "{log}");
        assert_eq!(std::fs::read(home.store()).unwrap(), content);
    }
}

/// A small file system of its own, seen by a process that holds it and by commands run beside that one;
/// gone when dropped.
struct SmallDisk {
    at: PathBuf,
    /// Ends when its input does.
    holder: Child,
    /// How `nsenter` gets where the holder is.
    enter: &'static [&'static str],
}

impl SmallDisk {
    /// In a mount namespace of its own, which root may have, and in most places everybody. `None` where
    /// nobody may and the environment says that this is known.
    fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let ways: [(&[&str], &'static [&'static str]); 2] = [
            (&["--mount"], &["--mount"]),
            (&["--user", "--map-root-user", "--mount"], &["--user", "--preserve-credentials", "--mount"]),
        ];
        let mut said = String::new();
        for (unshare, enter) in ways {
            let mount = r#"mount -t tmpfs -o size=16m order-ledger-test "$1" && echo mounted && exec cat"#;
            let mut command = Command::new("unshare");
            command.args(unshare).args(["sh", "-c", mount, "sh"]).arg(at);
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut holder = match command.spawn() {
                Ok(holder) => holder,
                Err(error) => {
                    said += &format!("\nunshare: {error}");
                    continue;
                }
            };
            let mut line = String::new();
            BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
            if line == "mounted\n" {
                return Some(Self { at: at.to_owned(), holder, enter });
            }
            let ended = holder.wait_with_output().unwrap();
            said += &format!("\nunshare {}: {}", unshare.join(" "), String::from_utf8_lossy(&ended.stderr));
        }
        let advice = "Run the tests as root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1 \
                      and kernel.apparmor_restrict_unprivileged_userns=0), and have unshare and nsenter \
                      (util-linux) and mount. Where none of that can be had, set ORDER_LEDGER_NO_MOUNT=1.";
        assert!(
            std::env::var_os("ORDER_LEDGER_NO_MOUNT").is_some_and(|value| value == "1"),
            "this machine does not let the test mount a small disk. {advice}{said}"
        );
        tell_past_the_capture(&format!(
            "NOT TESTED: a disk that is really full, for ORDER_LEDGER_NO_MOUNT=1 is set and this machine does \
             not let the test mount one. {advice}{said}\n"
        ));
        None
    }

    /// The same program with the same arguments, where the disk is seen.
    fn beside(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.args(self.enter).arg("--target").arg(self.holder.id().to_string());
        inside.arg("--").arg(command.get_program()).args(command.get_args());
        inside
    }

    /// A path on the disk as it is seen from here.
    fn seen(&self, path: &Path) -> PathBuf {
        Path::new("/proc")
            .join(self.holder.id().to_string())
            .join("root")
            .join(path.strip_prefix("/").unwrap())
    }

    /// Takes all the space but so many bytes; it returns when the ballast is removed.
    fn fill(&self, leaving: u64) -> PathBuf {
        let ballast = self.seen(&self.at.join("ballast"));
        let file = File::create(&ballast).unwrap();
        let block = [0; 4096];
        let mut at = 0;
        while let Ok(written) = file.write_at(&block, at) {
            at += written as u64;
        }
        assert!(at > leaving, "there was no space to take");
        file.set_len(at - leaving).unwrap();
        ballast
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ended = self.holder.wait();
    }
}

/// To the terminal even where the output of a test that passes is not shown.
fn tell_past_the_capture(text: &str) {
    std::io::stderr().write_all(text.as_bytes()).unwrap();
}

#[tokio::test]
async fn a_small_disk_that_is_really_full_refuses_pushes_until_space_returns() {
    let _turn = busy().await;
    let home = Home::new();
    let Some(disk) = SmallDisk::mount(home.store().parent().unwrap()) else { return };
    let server = Server::start(disk.beside(&home.command(&["serve"])), home.folder());
    let mut stands: Vec<String> = Vec::new();
    // At once, and by the log's own growth.
    for (round, leaving) in [0, 1024 * 1024].into_iter().enumerate() {
        let name = |number: usize| format!("ROUND-{round}-{number}");
        let ballast = disk.fill(leaving);
        let mut number = 0;
        while server.push(&order(&home, &name(number))).await.code() == 0 {
            stands.push(name(number));
            number += 1;
            assert!(number < 10_000, "16 MiB hold more than they can");
        }
        assert!(number > 0 || leaving == 0, "nothing found room");
        refused(&home, &server, &[&name(number), &name(number + 1)]).await;
        assert!(server.until_ready_is(503).await.contains("the disk is full"));
        assert_eq!(server.complaints().len(), round + 1, "{:#?}", server.complaints());
        std::fs::remove_file(ballast).unwrap();
        server.until_ready_is(200).await;
        accepted(&home, &server, &[&name(number), &name(number + 1)]).await;
        stands.extend([name(number), name(number + 1)]);
    }
    assert!(server.terminate().success());
    assert!(!home.store().exists(), "the log stood on the small disk");
    for file in std::fs::read_dir(disk.seen(&disk.at)).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), disk.at.join(file.file_name())).unwrap();
    }
    holds_exactly(&home, &stands.iter().map(String::as_str).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_left_of_a_cut_log_is_not_taken_for_a_new_one() {
    for left in [1, 100, 511] {
        let home = filled().await;
        let file = OpenOptions::new().write(true).open(home.store()).unwrap();
        file.set_len(left).unwrap();
        match Server::try_start(home.command(&["serve"]), home.folder()) {
            Err(Ended { status, log }) => {
                assert_eq!(status.code(), Some(2), "{log}");
                assert!(log.contains("is not a log of order-ledger"), "{left}: {log}");
            }
            Ok(_) => panic!("{left} bytes: it started"),
        }
    }
}

#[tokio::test]
async fn an_order_whose_first_event_was_deleted_is_not_delivered_again_and_people_are_told() {
    let home = Home::new();
    let server = home.serve();
    let mut goods = goods("CUT", 600);
    let payment = std::mem::take(&mut goods.payment);
    let push = |goods: &order_ledger::domain::push::GoodsPush| goods_push(&home.app(), goods.clone());
    assert_eq!(server.push(&push(&goods)).await.code(), 0);
    goods.payment = payment;
    assert_eq!(server.push(&push(&goods)).await.code(), 0, "PaymentIdentified");
    assert!(server.terminate().success());
    let log = rusqlite::Connection::open(home.store()).unwrap();
    let deleted = "DELETE FROM events WHERE stream = 'order-demo.CUT' AND version = 0";
    assert_eq!(log.execute(deleted, []).unwrap(), 1);
    drop(log);
    let server = home.serve();
    assert_eq!(server.push(&push(&goods)).await.code(), 50301);
    server.logged("alarm=\"stream\"").await;
    assert!(server.terminate().success());
    let history = home.run(&["history", "CUT"]);
    assert_eq!(history.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&history.stdout).contains("1 EVENTS BEFORE IT ARE MISSING"));
}
