//! What `init` writes is read by `load`, and says itself what is still missing.

use std::os::unix::fs::PermissionsExt;

use super::*;
use clap::Parser;

#[derive(clap::Parser)]
struct Command {
    #[command(flatten)]
    args: Args,
}

fn args(path: &Path, more: &[&str]) -> Args {
    let path = path.to_str().unwrap();
    Command::parse_from(["init", "--config", path].iter().chain(more)).args
}

fn errors(path: &Path) -> String {
    config::load(path, []).unwrap_err().to_string().replace(path.to_str().unwrap(), "FILE")
}

#[test]
fn a_demo_configuration_is_right_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("order-ledger.toml");
    for (mode, more) in [
        ("plain", &["--demo"] as &[&str]),
        ("security", &["--demo", "--mode", "security", "--app-id", "wx0123456789abcdef"]),
        ("compatible", &["--demo", "--mode", "compatible", "--public-url", "https://pay.example.com/"]),
    ] {
        run(args(&path, more)).unwrap();
        let config = config::load(&path, []).unwrap();
        assert_eq!(config::mode_name(config.apps[0].app.default_channel.mode), mode);
        assert_eq!(config.merchant_of(&config.apps[0].app.slug).unwrap().as_str(), "1900000109");
        assert_eq!(config::warnings(&config, &path), Vec::<String>::new(), "{more:?}");
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn the_log_will_be_sealed_by_a_fresh_key_beside_the_configuration_or_by_the_one_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let (path, key_file) =
        (folder.path().join("order-ledger.toml"), folder.path().join("order-ledger.seal.key"));
    run(args(&path, &["--demo"])).unwrap();
    let key = config::load(&path, []).unwrap().seal.key.unwrap();
    assert_eq!(key.file, key_file);
    assert_eq!(std::fs::metadata(&key_file).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::remove_file(&path).unwrap();
    run(args(&path, &["--demo"])).unwrap();
    assert_eq!(config::load(&path, []).unwrap().seal.key.unwrap(), key, "it stays");
    std::fs::remove_file(&path).unwrap();
    std::fs::remove_file(&key_file).unwrap();
    run(args(&path, &["--demo"])).unwrap();
    assert_ne!(config::load(&path, []).unwrap().seal.key.unwrap(), key);
}

#[test]
fn for_a_real_app_the_check_says_what_to_fill_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("order-ledger.toml");
    run(args(&path, &["--app", "chess"])).unwrap();
    let errors = errors(&path);
    let line = |text: &str| {
        let found = TEMPLATE.lines().position(|line| line.starts_with(text));
        found.unwrap() + 1
    };
    assert_eq!(
        errors,
        format!(
            "FILE:{}: app.chess.app_id: fill in the AppID from WeChat's console\n\
             FILE:{}: app.chess.production_keys: fill in the AppKey from WeChat's console\n\
             FILE:{}: app.chess.sandbox_keys: fill in the AppKey from WeChat's console",
            line("app_id ="),
            line("production_keys ="),
            line("sandbox_keys =")
        )
    );
}

#[test]
fn a_file_that_is_there_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("order-ledger.toml");
    std::fs::write(&path, "mine").unwrap();
    let error = run(args(&path, &["--demo"])).unwrap_err().to_string();
    assert!(
        error.ends_with("is there already and stays as it is; name another file with --config"),
        "{error}"
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn a_wrong_option_is_told_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("order-ledger.toml");
    for (option, value, message) in [
        ("--public-url", "pay.example.com", "push.public_url: must be a URL such as https://pay.example.com"),
        ("--app-id", "wx 12", "app.demo.app_id: must be visible ASCII characters without blanks"),
        ("--original-id", "", "app.demo.original_id: must be visible ASCII characters without blanks"),
    ] {
        let error = run(args(&path, &[option, value])).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
        assert!(!path.exists());
    }
}

#[test]
fn the_written_file_shows_every_key_with_its_default() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("order-ledger.toml");
    run(args(&path, &["--demo"])).unwrap();
    let written = std::fs::read_to_string(&path).unwrap();
    let untouched = config::load(&path, []).unwrap();
    // With the comment signs before its defaults removed, the same is configured.
    let is_default = |line: &str| {
        let key = line.split(" = ").next().unwrap_or_default().trim_start_matches("# ");
        let defaults = "listen kind path dir body_bytes_max connections_max append_wait_ms queue_appends_max \
                        quarantine_bytes_per_day sandbox_bytes_per_day as_of_bytes_max \
                        as_of_free_bytes_min actual_price_is roles every_minutes public_keys";
        line.starts_with("# ") && defaults.split(' ').any(|default| default == key)
    };
    let uncommented: String = written
        .lines()
        .map(|line| if is_default(line) { &line[2..] } else { line })
        .flat_map(|line| [line, "\n"])
        .collect();
    assert_ne!(uncommented, written);
    let explicit = config::read(&path, &uncommented, []).unwrap();
    assert_eq!(format!("{explicit:?}"), format!("{untouched:?}"));
    assert!(written.lines().all(|line| line.chars().count() <= 110));
}
