//! A server on a disk whose faults the test switches on and off: see tests/fixtures/faulty_disk.c.

use std::path::PathBuf;
use std::process::Command;

use super::server::{Home, Server, until};

pub struct FaultyDisk {
    home: Home,
    library: PathBuf,
}

impl FaultyDisk {
    pub fn new() -> Self {
        Self::under(Home::new())
    }

    pub fn under(home: Home) -> Self {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/faulty_disk.c");
        let library = home.folder().join("faulty_disk.so");
        let mut compiler = Command::new("cc");
        compiler.args(["-O1", "-shared", "-fPIC", source, "-ldl", "-o"]).arg(&library);
        assert!(compiler.status().expect("the tests need a C compiler, cc").success());
        Self { home, library }
    }

    pub fn home(&self) -> &Home {
        &self.home
    }

    fn control(&self) -> PathBuf {
        self.home.folder().join("faults")
    }

    /// From now on these faults, each `CALL EFFECT FILE`; none makes the disk sound again.
    pub fn fail(&self, faults: &[&str]) {
        // In one step: the file is read at any moment.
        let draft = self.home.folder().join("faults.draft");
        std::fs::write(&draft, faults.join("\n")).unwrap();
        std::fs::rename(draft, self.control()).unwrap();
    }

    pub fn recover(&self) {
        self.fail(&[]);
    }

    /// `CALL FILE` of each system call that met a fault so far, and `synced FILE` of each sync among them
    /// that has returned with success.
    fn noted(&self) -> Vec<String> {
        let noted = std::fs::read_to_string(self.control().with_extension("hits")).unwrap_or_default();
        noted.lines().map(str::to_owned).collect()
    }

    /// How many system calls had a fault so far.
    pub fn hits(&self) -> usize {
        self.noted().iter().filter(|line| !line.starts_with("synced ")).count()
    }

    /// The files that were synced with success while a fault of `sync` was on them, in order. To only
    /// count, let it be a delay of 0.
    pub fn synced(&self) -> Vec<String> {
        self.noted().iter().filter_map(|line| line.strip_prefix("synced ")).map(str::to_owned).collect()
    }

    /// Forgets what was counted.
    pub fn forget(&self) {
        std::fs::write(self.control().with_extension("hits"), "").unwrap();
    }

    /// Waits until one more system call meets a fault.
    pub async fn until_hit_after(&self, hits: usize) {
        until("the disk shows its fault", || self.hits() > hits).await;
    }

    pub fn command(&self) -> Command {
        self.faulting(self.home.command(&["serve"]))
    }

    /// A command for which this is the disk.
    pub fn faulting(&self, mut command: Command) -> Command {
        command.env("LD_PRELOAD", &self.library);
        command.env("FAULTY_DISK_CONTROL", self.control());
        command.env("FAULTY_DISK_FOLDER", self.home.store().parent().unwrap());
        command
    }

    pub fn serve(&self) -> Server {
        Server::start(self.command(), self.home.folder())
    }
}
