//! `order-ledger config check`: everything that is wrong with the configuration, or what it configures.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::log::LogPlace;
use super::{ConfigFile, FOUND_WRONG};
use crate::config::{
    self, AccessToken, AppConfig, Config, ConfigErrors, KeyState, MerchantConfig, RoleSource, SealConfig,
    SealKey, mode_name,
};
use crate::domain::app::AppSlug;
use crate::ed25519::PublicKey;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigFile,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let path = &args.config.path;
    match config::load(path, super::environment()) {
        Ok(config) => {
            let warnings = config::warnings(&config, path);
            let file = path.display().to_string();
            if args.json {
                out!("{:#}", as_json(&file, &config, &warnings));
            } else {
                out!("{}", as_text(&file, &config, &warnings));
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(errors @ ConfigErrors::Problems { .. }) => {
            let lines = errors.lines();
            if args.json {
                out!("{:#}", json!({ "file": path.display().to_string(), "ok": false, "problems": lines }));
            } else {
                lines.iter().for_each(|line| out!("{line}"));
            }
            Ok(FOUND_WRONG.into())
        }
        Err(errors @ ConfigErrors::Unreadable { .. }) => Err(errors.into()),
    }
}

/// Fingerprints by list and state; an empty text where a key has none to show.
fn keys(app: &AppConfig) -> BTreeMap<(&str, KeyState), Vec<&str>> {
    let mut keys: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for key in &app.keys {
        let fingerprint = key.fingerprint.as_ref().map_or("", |fingerprint| fingerprint.0.as_str());
        keys.entry((key.list.as_str(), key.state)).or_default().push(fingerprint);
    }
    keys
}

fn expires(token: &AccessToken) -> Option<String> {
    token.expires.map(|time| time.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn as_text(file: &str, config: &Config, warnings: &[String]) -> String {
    let mut lines = vec![
        format!("{file} is right."),
        format!("push {}, admin {}", config.push_listen, config.admin_listen),
        format!("store {}, refused {}", LogPlace::of(config), config.refused_path.display()),
        format!("views {}", config.views_dir.display()),
    ];
    if let Some(projections) = &config.projections_dir {
        lines.push(format!("projections of your own in {}", projections.display()));
    }
    for app in &config.apps {
        let mode = mode_name(app.app.default_channel.mode);
        lines.push(format!("app {}: {}, mode {mode}", app.app.slug, app.app.app_id));
        for (channel, own) in &app.app.channels {
            lines.push(format!("  channel {}: mode {}", channel.as_str(), mode_name(own.mode)));
        }
        if let RoleSource::Url { url, .. } = &app.roles {
            lines.push(format!("  roles: from {url}"));
        }
        for ((list, state), fingerprints) in keys(app) {
            let shown = fingerprints.join(" ");
            let line = format!("  {list}: {} {} {shown}", fingerprints.len(), state.as_str());
            lines.push(line.trim_end().to_owned());
        }
    }
    for merchant in &config.merchants {
        let apps: Vec<_> = merchant.apps.iter().map(AppSlug::as_str).collect();
        let apps = if apps.is_empty() { "no apps".to_owned() } else { apps.join(", ") };
        lines.push(format!("merchant {}: {apps}", merchant.id));
    }
    for token in &config.access {
        let scope = token.app.as_ref().map_or(String::new(), |app| format!(", app {app}"));
        let until = expires(token).map_or(String::new(), |time| format!(", until {time}"));
        lines.push(format!("access {}: {}{scope}{until}", token.name, token.role.as_str()));
    }
    for profile in &config.bill_profiles {
        lines.push(format!("bill profile {}: covers {}", profile.name, profile.covers.as_str()));
    }
    lines.push(seal_line(&config.seal));
    lines.extend(config::notes(config).iter().map(|note| format!("note: {note}")));
    lines.extend(warnings.iter().map(|warning| format!("warning: {warning}")));
    lines.join("\n")
}

fn seal_line(seal: &SealConfig) -> String {
    let trusted = match seal.public_keys.len() {
        0 => String::new(),
        1 => ", 1 other key trusted".to_owned(),
        count => format!(", {count} other keys trusted"),
    };
    match &seal.key {
        Some(SealKey { file, key }) => {
            let minutes = seal.every_minutes;
            format!("seal {}, public key {}, every {minutes} minutes{trusted}", file.display(), key.public())
        }
        None => format!("seal none{trusted}"),
    }
}

fn seal_json(seal: &SealConfig) -> Value {
    json!({
        "key_file": seal.key.as_ref().map(|own| own.file.display().to_string()),
        "public_key": seal.key.as_ref().map(|own| own.key.public().to_string()),
        "every_minutes": seal.every_minutes,
        "public_keys": seal.public_keys.iter().map(PublicKey::to_string).collect::<Vec<_>>(),
    })
}

fn as_json(file: &str, config: &Config, warnings: &[String]) -> Value {
    let key = |((list, state), fingerprints): ((&str, KeyState), Vec<&str>)| {
        let shown: Vec<_> = fingerprints.iter().filter(|fingerprint| !fingerprint.is_empty()).collect();
        json!({ "list": list, "state": state.as_str(), "count": fingerprints.len(), "fingerprints": shown })
    };
    let app = |app: &AppConfig| {
        let channels: BTreeMap<_, _> = app
            .app
            .channels
            .iter()
            .map(|(channel, own)| (channel.as_str(), json!({ "mode": mode_name(own.mode) })))
            .collect();
        json!({
            "slug": app.app.slug.as_str(),
            "app_id": app.app.app_id,
            "mode": mode_name(app.app.default_channel.mode),
            "actual_price_is": app.actual_price_is.as_str(),
            "channels": channels,
            "roles": match &app.roles {
                RoleSource::Ledger => json!("ledger"),
                RoleSource::Url { url, .. } => json!({ "url": url }),
            },
            "keys": keys(app).into_iter().map(key).collect::<Vec<_>>(),
        })
    };
    let merchant = |merchant: &MerchantConfig| {
        let apps: Vec<_> = merchant.apps.iter().map(AppSlug::as_str).collect();
        json!({ "id": merchant.id.as_str(), "apps": apps })
    };
    let access = |token: &AccessToken| {
        json!({
            "name": token.name,
            "role": token.role.as_str(),
            "app": token.app.as_ref().map(|app| app.as_str()),
            "expires": expires(token),
        })
    };
    json!({
        "file": file,
        "ok": true,
        "push": config.push_listen.to_string(),
        "admin": config.admin_listen.to_string(),
        "store": LogPlace::of(config).to_string(),
        "refused": config.refused_path.display().to_string(),
        "views": config.views_dir.display().to_string(),
        "projections": config.projections_dir.as_ref().map(|folder| folder.display().to_string()),
        "apps": config.apps.iter().map(app).collect::<Vec<_>>(),
        "merchants": config.merchants.iter().map(merchant).collect::<Vec<_>>(),
        "access": config.access.iter().map(access).collect::<Vec<_>>(),
        "bill_profiles": config.bill_profiles.iter().map(|profile| &profile.name).collect::<Vec<_>>(),
        "seal": seal_json(&config.seal),
        "notes": config::notes(config),
        "warnings": warnings,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const RIGHT: &str = r#"
        [views]
        projections = "mine"
        [app.demo]
        app_id = "wxdemo"
        mode = "security"
        tokens = [{ value = "SecretToken" }, { value = "SecretOld", state = "accepted" }]
        encoding_aes_keys = [{ value = "SecretAesKeyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" }]
        production_keys = [{ value = "SecretKey" }, { value = "SecretRetired", state = "retired" }]
        roles = { url = "https://game.example.com/roles", token = "SecretRoles" }
        [app.demo.channel.goods]
        mode = "plain"
        [merchant.1900000109]
        apps = ["demo"]
        [access.lin]
        role = "support"
        app = "demo"
        expires = 2027-12-31
        token_sha256 = "0000000000000000000000000000000000000000000000000000000000000001"
        [bill_profile.shop]
        kind = "trade"
        covers = "payments"
        columns = { traded_at = "time", transaction_id = "id", order_fen = "amount" }
        [seal]
        public_keys = ["d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"]
    "#;

    #[test]
    fn the_summary_names_apps_modes_and_keys_and_shows_no_key() {
        let config = config::read(Path::new("order-ledger.toml"), RIGHT, []).unwrap();
        let fingerprint = config.apps[0].app.production_keys[0].fingerprint().0.clone();
        let warnings = ["careful".to_owned()];
        let text = as_text("order-ledger.toml", &config, &warnings);
        for line in [
            "order-ledger.toml is right.",
            "app demo: wxdemo, mode security",
            "  channel goods: mode plain",
            "views data/views",
            "projections of your own in mine",
            "  roles: from https://game.example.com/roles",
            "  roles.token: 1 active",
            "  tokens: 1 active",
            "  tokens: 1 accepted",
            &format!("  production_keys: 1 active {fingerprint}"),
            "merchant 1900000109: demo",
            "access lin: support, app demo, until 2027-12-31T16:00:00Z",
            "bill profile shop: covers payments",
            "seal none, 1 other key trusted",
            "warning: careful",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
        }
        let json = as_json("order-ledger.toml", &config, &warnings);
        assert_eq!(json["apps"][0]["keys"].as_array().unwrap().len(), 6);
        assert_eq!(json["merchants"], json!([{ "id": "1900000109", "apps": ["demo"] }]));
        assert_eq!(json["apps"][0]["roles"]["url"], "https://game.example.com/roles");
        assert!(!format!("{text}{json}").contains("Secret"), "{text}{json}");
    }

    #[test]
    fn problems_are_found_wrong_and_a_missing_file_cannot_be_checked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("order-ledger.toml");
        let check = || run(Args { config: ConfigFile { path: path.clone() }, json: true });
        assert!(check().is_err());
        std::fs::write(&path, "[app.demo]").unwrap();
        assert_eq!(format!("{:?}", check().unwrap()), format!("{:?}", ExitCode::from(FOUND_WRONG)));
        std::fs::write(&path, RIGHT).unwrap();
        assert_eq!(format!("{:?}", check().unwrap()), format!("{:?}", ExitCode::SUCCESS));
    }
}
