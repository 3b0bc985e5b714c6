//! The direction of the parts: main → cli → http → {lookup, projector, audit} → ledger → {codec, wechat} →
//! {domain, store}.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each part, and the parts it may know.
const MAY_KNOW: [(&str, &[&str]); 26] = [
    ("limits", &[]),
    ("bill", &["domain", "limits", "moment"]),
    ("clock", &[]),
    ("table", &["domain", "limits", "moment"]),
    ("moment", &[]),
    ("pace", &[]),
    ("domain", &[]),
    ("store", &["limits", "moment", "pace"]),
    ("wechat", &["domain", "limits"]),
    ("codec", &["domain", "moment", "store"]),
    ("quota", &["domain", "limits", "moment"]),
    ("ledger", &["codec", "domain", "limits", "quota", "spool", "store"]),
    ("decision", &["domain", "ledger", "limits", "wechat"]),
    ("projector", &["codec", "config", "domain", "limits", "moment", "store", "table"]),
    ("lookup", &["domain", "limits", "moment", "projector", "store", "table"]),
    (
        "reconcile",
        &[
            "codec",
            "decision",
            "domain",
            "ledger",
            "limits",
            "moment",
            "projector",
            "spool",
            "store",
            "table",
        ],
    ),
    ("replay", &["limits", "projector"]),
    ("audit", &["codec", "domain", "ed25519", "ledger", "limits", "moment", "store", "wechat"]),
    ("config", &["bill", "domain", "ed25519", "limits", "moment", "store", "wechat"]),
    ("ed25519", &[]),
    ("spool", &[]),
    ("import", &["bill", "codec", "domain", "ledger", "limits", "moment", "store"]),
    (
        "http",
        &[
            "audit",
            "bill",
            "clock",
            "config",
            "decision",
            "domain",
            "import",
            "ledger",
            "limits",
            "lookup",
            "moment",
            "pace",
            "projector",
            "reconcile",
            "spool",
            "store",
            "table",
            "wechat",
        ],
    ),
    (
        "cli",
        &[
            "audit",
            "bill",
            "clock",
            "codec",
            "config",
            "decision",
            "domain",
            "ed25519",
            "http",
            "import",
            "ledger",
            "limits",
            "lookup",
            "moment",
            "projector",
            "quota",
            "reconcile",
            "replay",
            "spool",
            "store",
            "table",
            "wechat",
        ],
    ),
    ("main", &["cli"]),
    ("lib", &[]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The first word after each `crate::` or `order_ledger::` of a file, tests left out: they may use anything.
fn known(text: &str) -> BTreeSet<String> {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let mut known = BTreeSet::new();
    for mark in ["crate::", "order_ledger::"] {
        for rest in text.split(mark).skip(1) {
            let names = match rest.strip_prefix('{') {
                // `use crate::{clock, limits};`
                Some(list) => list.split('}').next().unwrap().split(',').map(str::trim).collect(),
                None => vec![rest],
            };
            for name in names {
                let is_of_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
                let end = name.find(|c: char| !is_of_name(c)).unwrap_or(name.len());
                known.insert(name[..end].to_owned());
            }
        }
    }
    known
}

#[test]
fn every_part_knows_only_what_lies_below_it() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![];
    sources(&root, &mut files);
    let is_test = |path: &PathBuf| path.to_string_lossy().ends_with("tests.rs");
    let mut seen = BTreeSet::new();
    for path in files.iter().filter(|path| !is_test(path)) {
        let inside = path.strip_prefix(&root).unwrap();
        let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        let part = first.trim_end_matches(".rs").to_owned();
        let rule = MAY_KNOW.iter().find(|(name, _)| *name == part);
        let (_, may_know) = rule.unwrap_or_else(|| panic!("{part} is a new part: say what it may know"));
        for other in known(&std::fs::read_to_string(path).unwrap()) {
            let allowed = other == part || may_know.contains(&other.as_str());
            assert!(allowed, "{} knows {other}, which {part} must not", inside.display());
        }
        seen.insert(part);
    }
    let expected: BTreeSet<_> = MAY_KNOW.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(seen, expected, "a part has gone: remove its rule");
}

#[test]
fn the_domain_knows_no_io_no_clock_no_randomness_no_sql_and_no_json() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/domain");
    let mut files = vec![];
    sources(&root, &mut files);
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        for forbidden in
            ["std::fs", "std::net", "std::io", "tokio", "rusqlite", "serde", "Utc::now", "Instant", "rand::"]
        {
            assert!(!text.contains(forbidden), "{} uses {forbidden}", path.display());
        }
    }
}
