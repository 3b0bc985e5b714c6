//! What is worth saying of a configuration that is right.

use std::path::Path;

use super::{Config, KeySource, Role};

/// `path` is the file the configuration was read from.
pub fn warnings(config: &Config, path: &Path) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut keys = config.apps.iter().flat_map(|app| &app.keys);
    if keys.any(|key| key.source == KeySource::ConfigFile) && others_may_read(path) {
        let file = path.display();
        warnings
            .push(format!("{file} holds secrets and others than its owner may read it: chmod 600 {file}"));
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
