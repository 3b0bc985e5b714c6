//! Where values come from: the environment, secret files, and how safe the file is.

use std::fs;

use super::*;

fn with_environment(variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    read(Path::new(FILE), RIGHT, environment(variables))
}

#[test]
fn the_environment_goes_before_the_file() {
    let config = with_environment(&[
        ("ORDER_LEDGER__PUSH__LISTEN", "127.0.0.1:9000"),
        ("ORDER_LEDGER__LIMITS__APPEND_WAIT_MS", "1000"),
        ("ORDER_LEDGER__APP__DEMO__APP_ID", "12345"),
        ("ORDER_LEDGER__APP__DEMO__ACTUAL_PRICE_IS", "\"unit\""),
        ("ORDER_LEDGER__APP__DEMO__TOKENS", r#"[{ value = "New" }, { value = "Old", state = "accepted" }]"#),
        ("ORDER_LEDGER__APP__DEMO__CHANNEL__GOODS__TOKENS", r#"[{ value = "Goods" }]"#),
        ("ORDER_LEDGER__APP__SECOND", r#"{ app_id = "wx2", tokens = [{ value = "Two" }] }"#),
        ("ORDER_LEDGER__APP__SECOND__SANDBOX_KEYS", r#"[{ value = "sandbox" }]"#),
        ("ORDER_LEDGER__ACCESS__FINANCE_LIN__ROLE", "finance"),
        (
            "ORDER_LEDGER__ACCESS__FINANCE_LIN__TOKEN_SHA256",
            "0000000000000000000000000000000000000000000000000000000000000001",
        ),
        ("ORDER_LEDGER__ACCESS__FINANCE_LIN__EXPIRES", "2027-12-31"),
        ("ORDER_LEDGER_LOG", "not ours to read"),
        ("PATH", "/bin"),
    ])
    .unwrap();
    assert_eq!(config.push_listen.to_string(), "127.0.0.1:9000");
    assert_eq!(config.limits.append_wait_ms, 1000);
    let [demo, second] = config.apps.as_slice() else { panic!("two apps") };
    assert_eq!(demo.app.app_id, "12345", "a text of digits is a text where a text is wanted");
    assert_eq!(demo.actual_price_is, PriceMeaning::Unit);
    assert_eq!(demo.app.default_channel.tokens.len(), 2);
    assert_eq!(demo.app.channel(Channel::Goods).tokens[0].reveal(), "Goods");
    assert_eq!((second.app.app_id.as_str(), second.app.sandbox_keys.len()), ("wx2", 1));
    assert_eq!((config.access[0].name.as_str(), config.access[0].token_sha256[31]), ("finance-lin", 1));
    assert!(config.access[0].expires.is_some());
}

#[test]
fn a_wrong_variable_is_told_by_its_name() {
    for (variable, value, expected) in [
        (
            "ORDER_LEDGER__APP__DEMO__MODE",
            "secure",
            "environment ORDER_LEDGER__APP__DEMO__MODE: must be plain, compatible or security",
        ),
        (
            "ORDER_LEDGER__APP__DEMO__TOKENS",
            r#"[{ value = "x" }]"#,
            "environment ORDER_LEDGER__APP__DEMO__TOKENS: app.demo.tokens[0].value: a Token has 3 to 32 ASCII \
             letters and digits, this one does not",
        ),
        (
            "ORDER_LEDGER__APP__DEMO__TOKENS",
            "not-shown",
            "environment ORDER_LEDGER__APP__DEMO__TOKENS: must be a list of { … }, not a text",
        ),
        (
            "ORDER_LEDGER__LIMITS__APPEND_WAIT_MS",
            "long",
            "environment ORDER_LEDGER__LIMITS__APPEND_WAIT_MS: must be a whole number, not a text",
        ),
        (
            "ORDER_LEDGER__PUSH__PORT",
            "8080",
            "environment ORDER_LEDGER__PUSH__PORT: unknown key; the keys here are listen, public_url",
        ),
        (
            "ORDER_LEDGER__PUSH",
            "8080",
            "environment ORDER_LEDGER__PUSH: must be a section with keys, not a number",
        ),
        (
            "ORDER_LEDGER__APP__DEMO__MODE__X",
            "1",
            "environment ORDER_LEDGER__APP__DEMO__MODE__X: unknown key; the keys here are",
        ),
        (
            "ORDER_LEDGER__APP__DEMO__APP_ID__X",
            "1",
            "environment ORDER_LEDGER__APP__DEMO__APP_ID__X: app.demo.app_id is no section, so it has no keys",
        ),
        (
            "ORDER_LEDGER__push__listen",
            "0.0.0.0:1",
            "environment ORDER_LEDGER__push__listen: is no key: write ORDER_LEDGER__SECTION__KEY in upper-case \
             letters, digits and _",
        ),
    ] {
        let errors = with_environment(&[(variable, value)]).unwrap_err().to_string();
        if variable.ends_with("MODE__X") {
            assert!(errors.starts_with("environment ORDER_LEDGER__APP__DEMO__MODE__X: "), "{errors}");
        } else {
            assert_eq!(errors, expected);
        }
    }
}

#[test]
fn a_secret_file_lies_beside_the_configuration_and_loses_its_last_line_break() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let text = RIGHT.replace("value = \"production-key\"", "value_file = \"secrets/app-key\"");
    fs::write(&path, text).unwrap();
    let errors = load(&path, []).unwrap_err().to_string();
    let expected = format!(
        "{}:5: app.demo.production_keys[0].value_file: cannot read {}: No such file or directory (os error 2)",
        path.display(),
        folder.path().join("secrets/app-key").display()
    );
    assert_eq!(errors, expected);

    fs::create_dir(folder.path().join("secrets")).unwrap();
    fs::write(folder.path().join("secrets/app-key"), "key-of-the-file\r\n").unwrap();
    let config = load(&path, []).unwrap();
    assert_eq!(config.apps[0].app.production_keys[0].secret().reveal(), "key-of-the-file");
    assert_eq!(config.apps[0].keys[1].source, KeySource::ValueFile);
}

#[test]
fn the_token_for_the_games_own_server_may_stand_in_a_file_or_in_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    fs::write(folder.path().join("token"), "of-the-file\n").unwrap();
    let in_file = "roles = { url = \"https://game.example.com\", token_file = \"token\" }";
    let environment = [
        ("ORDER_LEDGER__APP__DEMO__ROLES__URL", "https://game.example.com"),
        ("ORDER_LEDGER__APP__DEMO__ROLES__TOKEN", "of-the-environment"),
    ];
    for (added, environment, token, source) in [
        (in_file, &[][..], "of-the-file", KeySource::ValueFile),
        ("", &environment[..], "of-the-environment", KeySource::Environment),
    ] {
        fs::write(&path, format!("{RIGHT}\n{added}")).unwrap();
        let config = load(&path, super::environment(environment)).unwrap();
        let (url, token) = ("https://game.example.com".to_owned(), Some(Secret::new(token.into())));
        assert_eq!(config.apps[0].roles, RoleSource::Url { url, token });
        let shown = config.apps[0].keys.iter().find(|key| key.list == "roles.token").unwrap();
        assert_eq!((shown.source, &shown.fingerprint), (source, &None));
    }
}

#[test]
fn a_file_that_is_not_there_is_told_by_its_name() {
    let errors = load(Path::new("not/there.toml"), []).unwrap_err();
    assert_eq!(errors.to_string(), "not/there.toml: cannot be read: No such file or directory (os error 2)");
    assert!(matches!(errors, ConfigErrors::Unreadable { .. }));
}

#[cfg(unix)]
#[test]
fn what_is_right_but_unwise_is_told_as_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let admin = "[access.root]\nrole = \"admin\"\ntoken_sha256 = \"0000000000000000000000000000000000000000000000000000000000000001\"\n";
    let outside = "[admin]\nlisten = \"0.0.0.0:8081\"\n";
    let key_file = RIGHT.replace("value = \"production-key\"", "value_file = \"key\"");
    let no_secret = key_file.replace("value = \"TokenOfDemo\"", "value_file = \"key\"");
    fs::write(folder.path().join("key"), "Key").unwrap();
    let roles = |url: &str| format!("{RIGHT}roles = {{ url = \"{url}\", token = \"t\" }}\n{admin}");
    for (text, mode, expected) in [
        (format!("{RIGHT}{admin}"), 0o600, &[] as &[&str]),
        (format!("{RIGHT}{admin}"), 0o640, &["holds secrets and others than its owner may read it"]),
        (format!("{key_file}{admin}"), 0o644, &["holds secrets and others than its owner may read it"]),
        (format!("{no_secret}{admin}"), 0o644, &[]),
        (RIGHT.to_owned(), 0o600, &["no access token has the role admin"]),
        (roles("http://10.0.0.8:81/roles"), 0o600, &["app demo sends the token of its roles over http"]),
        (roles("http://127.0.0.1:81/roles"), 0o600, &[]),
        (roles("http://[::1]/roles"), 0o600, &[]),
        (roles("https://game.example.com"), 0o600, &[]),
        (format!("{RIGHT}{admin}{outside}"), 0o600, &["the admin listener 0.0.0.0:8081 can be reached"]),
    ] {
        fs::write(&path, &text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let warnings = warnings(&load(&path, []).unwrap(), &path);
        assert_eq!(warnings.len(), expected.len(), "{text}\n{warnings:?}");
        assert!(warnings.iter().zip(expected).all(|(warning, part)| warning.contains(part)), "{warnings:?}");
    }
}
