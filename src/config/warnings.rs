//! What is worth saying of a configuration that is right.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;

use super::{AppConfig, Config, KeySource, Limits, Role, RoleSource, SealKey, StoreConfig};
use crate::limits;

/// `path` is the file the configuration was read from.
pub fn warnings(config: &Config, path: &Path) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut keys = config.apps.iter().flat_map(|app| &app.keys);
    if keys.any(|key| key.source == KeySource::ConfigFile) && others_may_read(path) {
        let file = path.display();
        warnings
            .push(format!("{file} holds secrets and others than its owner may read it: chmod 600 {file}"));
    }
    if let Some(SealKey { file, .. }) = &config.seal.key {
        let shown = file.display();
        if others_may_read(file) {
            warnings.push(format!(
                "{shown} holds the key of the seals and others than its owner may read it: chmod 600 {shown}"
            ));
        }
        if is_beside(file, &config.store_path) {
            warnings.push(format!(
                "{shown} lies beside the log: who takes or writes that folder can seal in its name; keep the key \
                 elsewhere (seal.key_file)"
            ));
        }
    }
    if !config.access.iter().any(|token| token.role == Role::Admin) {
        warnings.push(
            "no access token has the role admin: nobody can change anything through the admin listener \
             (`order-ledger token new --role admin`)"
                .to_owned(),
        );
    }
    if !config.admin_listen.ip().is_loopback() {
        warnings.push(format!(
            "the admin listener {} can be reached from other machines; it does not speak TLS itself",
            config.admin_listen
        ));
    }
    warnings.extend(config.apps.iter().filter_map(token_in_clear));
    warnings.extend(shared_app_keys(config));
    warnings
}

/// What is no fault, and worth knowing.
pub fn notes(config: &Config) -> Vec<String> {
    let mut notes = Vec::new();
    if config.seal.key.is_none() {
        notes.push(
            "the log is not sealed: nothing proves later what it was. Make a key with `order-ledger seal --new-key \
             seal.key`, and name it: [seal] key_file = \"seal.key\""
                .to_owned(),
        );
    }
    if let StoreConfig::KurrentDb { .. } = config.store {
        notes.push(
            "what an app may add in a day (limits.quarantine_bytes_per_day, limits.sandbox_bytes_per_day) is counted at \
             each node"
                .to_owned(),
        );
        if config.limits.append_wait_ms != Limits::default().append_wait_ms {
            notes.push(format!(
                "limits.append_wait_ms is of no effect with store.kind = \"kurrentdb\": an append has {:?} there",
                limits::KURRENTDB_APPEND_WAIT
            ));
        }
    }
    notes
}

/// Whether both files lie in one folder.
fn is_beside(file: &Path, other: &Path) -> bool {
    let folder = |path: &Path| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        folder.unwrap_or(Path::new(".")).canonicalize().ok()
    };
    folder(file).is_some_and(|here| folder(other) == Some(here))
}

/// A game's server on another machine that is sent a secret without TLS.
fn token_in_clear(app: &AppConfig) -> Option<String> {
    let RoleSource::Url { url, token: Some(_) } = &app.roles else { return None };
    let url: hyper::Uri = url.parse().ok().filter(|url: &hyper::Uri| url.scheme_str() == Some("http"))?;
    let host = url.host()?;
    let is_here = host == "localhost"
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    (!is_here).then(|| {
        format!(
            "app {} sends the token of its roles over http, which anybody on the way can read",
            app.app.slug
        )
    })
}

/// A payload does not name its app: only the AppKey tells one app's pushes from another's.
fn shared_app_keys(config: &Config) -> Vec<String> {
    let mut known: HashMap<&str, &str> = HashMap::new();
    let mut warnings = Vec::new();
    for AppConfig { app, .. } in &config.apps {
        for key in app.production_keys.iter().chain(&app.sandbox_keys) {
            match known.insert(&key.fingerprint().0, app.slug.as_str()) {
                Some(other) if other != app.slug.as_str() => warnings.push(format!(
                    "apps {other} and {} share the AppKey {}: a push for the one is accepted at the other's URL",
                    app.slug,
                    key.fingerprint().0
                )),
                Some(_) | None => {}
            }
        }
    }
    warnings
}

#[cfg(unix)]
fn others_may_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn others_may_read(_path: &Path) -> bool {
    false
}
