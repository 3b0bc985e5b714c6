//! `projections check`: folders on disk, and what is wrong with them.

use std::fs;
use std::path::Path;

use order_ledger::limits;

use super::projector_wrong::{ON, SCHEMA, right};
use super::server::Home;

fn write(dir: &Path, files: &[(&'static str, String)]) {
    for (path, text) in files {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// What `projections check` tells of a folder that this was done to, line by line, and that it found something.
fn checked_on_disk(change: impl FnOnce(&Path)) -> Vec<String> {
    let home = Home::new();
    let dir = home.folder().join("mine");
    write(&dir.join("sales"), &right());
    change(&dir);
    let output = home.run(&["projections", "check", dir.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn files_that_cannot_be_read_or_stand_elsewhere_are_told_of_by_the_command() {
    let large = usize::try_from(limits::PROJECTION_FILE_BYTES_MAX).unwrap() + 1;
    type Change = Box<dyn Fn(&Path)>;
    let cases: Vec<(Change, &str, &str)> = vec![
        (
            Box::new(move |dir| fs::write(dir.join("sales").join(ON), "-".repeat(large)).unwrap()),
            "sales/on/GoodsDelivered.sql: is larger than 262144 bytes;",
            "split it, or take out what is not needed",
        ),
        (
            Box::new(|dir| fs::write(dir.join("sales").join(SCHEMA), b"-- \xff\xfe").unwrap()),
            "sales/schema.sql: cannot be read: stream did not contain valid UTF-8;",
            "save it as UTF-8 text",
        ),
        (
            Box::new(|dir| fs::rename(dir.join("sales/queries"), dir.join("sales/query")).unwrap()),
            "sales/query: is a folder and has no place here;",
            "queries/QUERY.sql",
        ),
        (
            Box::new(|dir| fs::create_dir_all(dir.join("sales/on/old")).unwrap()),
            "sales/on/old: is a folder and has no place here;",
            "on/EVENT.sql",
        ),
        (
            Box::new(|dir| fs::create_dir_all(dir.join("sales/then/old")).unwrap()),
            "sales/then/old: is a folder and has no place here;",
            "then/NAME.sql",
        ),
        (
            Box::new(|dir| write(&dir.join("sales"), &[("then/clear.sql", "DELETE FROM sales".into())])),
            "sales/then/clear.sql: is named by no event;",
            "write `-- then: NAME`",
        ),
        (
            Box::new(|dir| write(dir, &right())),
            "schema.sql: stands beside the folders;",
            "name the folder above it",
        ),
        (
            Box::new(|dir| fs::write(dir.join("sales/more.sql"), "").unwrap()),
            "sales/more.sql: has no place here;",
            "schema.sql",
        ),
        (
            Box::new(|dir| fs::rename(dir.join("sales"), dir.join("orders")).unwrap()),
            "orders: a projection of the program has this name;",
            "another name",
        ),
        (Box::new(|dir| fs::remove_dir_all(dir).unwrap()), "", "cannot be read: No such file or directory"),
    ];
    for (change, begins, says) in cases {
        let lines = checked_on_disk(change);
        let is_told = lines.iter().any(|line| line.starts_with(begins) && line.contains(says));
        assert!(is_told, "{begins}: {lines:#?}");
    }
}

#[test]
fn notes_and_hidden_files_are_nobodys_business_and_problems_come_as_json_too() {
    let home = Home::new();
    let dir = home.folder().join("mine");
    write(&dir.join("sales"), &right());
    for path in [
        "README.md",
        "sales/notes.txt",
        "sales/on/.GoodsDelivered.sql.swp",
        "sales/.hidden.sql",
        ".git/x.sql",
    ] {
        write(&dir, &[(path, "no SQL".into())]);
    }
    let shared = [("then/clear.sql", "DELETE FROM sales"), ("on/GiftDelivered.sql", "-- then: clear")];
    write(&dir.join("sales"), &shared.map(|(path, text)| (path, text.to_owned())));
    let check = ["projections", "check", dir.to_str().unwrap(), "--json"];
    let output = home.run(&check);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "sales: right (2 events, 1 queries)\n");
    write(&dir, &[("sales/on/CoinsDelivered.sql", "DELETE FROM sales;\n\nDELETE FROM sale".into())]);
    let output = home.run(&check);
    assert_eq!(output.status.code(), Some(1));
    let problem: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(problem["file"], "sales/on/CoinsDelivered.sql");
    assert_eq!(problem["line"], 3);
    assert_eq!(problem["message"], "no such table: sale");
    assert!(problem["remedy"].as_str().unwrap().starts_with("name a table"), "{problem}");
}
