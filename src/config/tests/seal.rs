//! The section `[seal]`: whose key is read, and what is said of one that cannot be.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::ed25519::{SigningKey, key_file};

const EARLIER: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

/// What is said of a configuration with this section, in a folder with this key file.
fn with(folder: &Path, section: &str) -> Result<Config, ConfigErrors> {
    read(&folder.join(FILE), &format!("{RIGHT}\n[seal]\n{section}\n"), [])
}

#[test]
fn the_key_lies_beside_the_configuration_and_is_trusted_before_earlier_ones() {
    let folder = tempfile::tempdir().unwrap();
    let text = key_file(&[7; 32]);
    fs::write(folder.path().join("seal.key"), &*text).unwrap();
    let section = format!("key_file = \"seal.key\"\npublic_keys = [\"{EARLIER}\"]\nevery_minutes = 1440");
    let seal = with(folder.path(), &section).unwrap().seal;
    let own = SigningKey::parse(&text).unwrap().public();
    assert_eq!(
        seal.trusted().iter().map(ToString::to_string).collect::<Vec<_>>(),
        [&own.to_string(), EARLIER]
    );
    assert_eq!(seal.every_minutes, 1440);
    let none = right(RIGHT);
    assert_eq!(none.seal, SealConfig { key: None, public_keys: vec![], every_minutes: 60 });
    assert!(notes(&none)[0].starts_with("the log is not sealed: "));
    let sealing = with(folder.path(), "key_file = \"seal.key\"").unwrap();
    assert!(notes(&sealing).is_empty());
    assert!(sealing.needs_restart_after(&none));
}

#[test]
fn a_key_file_that_cannot_be_used_is_told_with_its_key_its_path_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().display().to_string();
    fs::write(folder.path().join("public"), "-----BEGIN PUBLIC KEY-----\nSECRET\n-----END PUBLIC KEY-----\n")
        .unwrap();
    fs::write(folder.path().join("bytes"), [0xff, 0xfe]).unwrap();
    for (section, expected) in [
        (
            "key_file = \"gone\"",
            "seal.key_file: cannot read HERE/gone: No such file or directory (os error 2); make a key with \
             `order-ledger seal --new-key HERE/gone`, or put the file in its place",
        ),
        (
            "key_file = \".\"",
            "seal.key_file: cannot read HERE/.: Is a directory (os error 21); it must be a file with a private key \
             in PEM",
        ),
        (
            "key_file = \"bytes\"",
            "seal.key_file: cannot read HERE/bytes: stream did not contain valid UTF-8; it must be a file with a \
             private key in PEM",
        ),
        (
            "key_file = \"public\"",
            "seal.key_file: HERE/public holds something else than a private key in PKCS#8; make a key with \
             `order-ledger seal --new-key FILE` or with `openssl genpkey -algorithm ed25519`",
        ),
        (
            "public_keys = [\"d75a\"]",
            "seal.public_keys[0]: must be the 64 hex digits of an Ed25519 public key, as a seal shows it",
        ),
        ("every_minutes = 0", "seal.every_minutes: must be from 1 to 1440"),
        ("every_minutes = 1441", "seal.every_minutes: must be from 1 to 1440"),
        ("hours = 1", "seal.hours: unknown key; the keys here are key_file, public_keys, every_minutes"),
    ] {
        let error = with(folder.path(), section).unwrap_err().to_string().replace(&here, "HERE");
        let lines = RIGHT.lines().count();
        assert_eq!(error, format!("HERE/{FILE}:{}: {expected}", lines + 3), "{section}");
        assert!(!error.contains("SECRET"));
    }
}

#[test]
fn a_key_file_that_others_may_read_or_that_lies_beside_the_log_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seal.key");
    fs::write(&path, &*key_file(&[7; 32])).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    let section = format!(
        "key_file = \"seal.key\"\n[store]\npath = \"{}\"\n[access.a]\nrole = \"admin\"\ntoken_sha256 = \"{EARLIER}\"",
        folder.path().join("events.db").display()
    );
    let config = with(folder.path(), &section).unwrap();
    let shown = path.display();
    let [open, beside] = &warnings(&config, &folder.path().join(FILE))[..] else { panic!() };
    assert!(open.ends_with(&format!("others than its owner may read it: chmod 600 {shown}")), "{open}");
    assert!(beside.starts_with(&format!("{shown} lies beside the log: ")), "{beside}");
}
