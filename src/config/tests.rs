//! The configuration in tables: what is written, and what is said of it.

use std::path::Path;

use super::*;
use crate::domain::app::PriceMeaning;
use crate::domain::environment::Environment;
use crate::wechat::secret::Secret;
use crate::wechat::{Channel, Mode, Reply};

mod bill_profiles;
mod problems;
mod seal;
mod sources;

const FILE: &str = "order-ledger.toml";

/// A configuration that is right, with nothing that could be left out.
pub const RIGHT: &str = r#"
[app.demo]
app_id = "wx0123456789abcdef"
tokens = [{ value = "TokenOfDemo" }]
production_keys = [{ value = "production-key" }]
"#;

fn read_text(text: &str) -> Result<Config, ConfigErrors> {
    read(Path::new(FILE), text, [])
}

fn right(text: &str) -> Config {
    read_text(text).unwrap()
}

/// What is said of a text, one line for each problem, without the file's name.
fn said(text: &str) -> String {
    let errors = read_text(text).unwrap_err().to_string();
    errors
        .lines()
        .map(|line| line.strip_prefix("order-ledger.toml:").unwrap_or(line))
        .collect::<Vec<_>>()
        .join("\n")
}

/// What is said when `line` takes the place of the line of the right configuration that sets the same
/// key, or is added to it.
fn said_with(line: &str) -> String {
    let key = line.split(" = ").next().unwrap();
    let mut lines: Vec<&str> = RIGHT.lines().collect();
    match lines.iter().position(|there| there.split(" = ").next() == Some(key)) {
        Some(index) => lines[index] = line,
        None => lines.push(line),
    }
    said(&lines.join("\n"))
}

fn environment(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn what_is_left_out_has_its_default() {
    let config = right(RIGHT);
    assert_eq!(config.push_listen.to_string(), "0.0.0.0:8080");
    assert_eq!(config.admin_listen.to_string(), "127.0.0.1:8081");
    assert_eq!(config.public_url, None);
    assert_eq!(config.store_path, Path::new("data/events.db"));
    assert_eq!(config.refused_path, Path::new("data/refused.db"));
    assert_eq!(config.views_dir, Path::new("data/views"));
    assert_eq!(config.projections_dir, None);
    assert_eq!(config.limits, Limits::default());
    assert!(config.access.is_empty());
    let [demo] = config.apps.as_slice() else { panic!("one app") };
    assert_eq!(demo.original_id, None);
    assert_eq!(demo.actual_price_is, PriceMeaning::Order);
    assert_eq!(demo.roles, RoleSource::Ledger);
    let keys = &demo.app.default_channel;
    assert_eq!((keys.mode, keys.reply), (Mode::Plain, Reply::Plain));
    assert!(demo.app.channels.is_empty() && demo.app.sandbox_keys.is_empty() && keys.aes_keys.is_empty());
}

#[test]
fn everything_can_be_set() {
    let config = right(
        r#"
        [push]
        listen = "127.0.0.1:0"
        public_url = "https://pay.example.com/games/"
        [admin]
        listen = "127.0.0.1:0"
        [store]
        kind = "sqlite"
        path = "/var/lib/ledger/log.db"
        [refused]
        path = "/var/tmp/refused.db"
        [views]
        dir = "/var/cache/views"
        projections = "/etc/projections"
        [limits]
        body_bytes_max = 131_072
        connections_max = 100
        append_wait_ms = 1500
        queue_appends_max = 1000
        quarantine_bytes_per_day = 1048576
        sandbox_bytes_per_day = 2097152
        as_of_bytes_max = 4194304
        as_of_free_bytes_min = 8388608
        [app.zebra]
        app_id = "wxzebra"
        roles = { url = "https://game.example.com:8443/roles", token = "t0k" }
        tokens = [{ value = "Zebra" }]
        sandbox_keys = [{ value = "sandbox" }]
        [app.ant]
        app_id = "wxant"
        original_id = "gh_ant"
        mode = "compatible"
        actual_price_is = "unit"
        reply = "encrypted"
        roles = "ledger"
        tokens = [{ value = "Ant" }]
        encoding_aes_keys = [{ value = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" }]
        production_keys = [{ value = "production" }]
        [merchant.1900000109]
        apps = ["ant", "zebra"]
        [access.finance-lin]
        role = "finance"
        token_sha256 = "00000000000000000000000000000000000000000000000000000000000000fF"
        app = "ant"
        expires = 2027-12-31
        [access.game]
        role = "game"
        token_sha256 = "0100000000000000000000000000000000000000000000000000000000000000"
        expires = "2027-12-31T18:00:00+08:00"
        "#,
    );
    assert_eq!(config.public_url.as_deref(), Some("https://pay.example.com/games"));
    assert_eq!(config.store_path, Path::new("/var/lib/ledger/log.db"));
    assert_eq!(config.refused_path, Path::new("/var/tmp/refused.db"));
    assert_eq!(config.views_dir, Path::new("/var/cache/views"));
    assert_eq!(config.projections_dir.as_deref(), Some(Path::new("/etc/projections")));
    let limits = config.limits;
    assert_eq!((limits.body_bytes_max, limits.connections_max), (131_072, 100));
    assert_eq!((limits.append_wait_ms, limits.queue_appends_max), (1500, 1000));
    assert_eq!((limits.quarantine_bytes_per_day, limits.sandbox_bytes_per_day), (1 << 20, 1 << 21));
    assert_eq!((limits.as_of_bytes_max, limits.as_of_free_bytes_min), (1 << 22, 1 << 23));
    let slugs: Vec<_> = config.apps.iter().map(|app| app.app.slug.as_str()).collect();
    assert_eq!(slugs, ["ant", "zebra"]);
    let ant = &config.apps[0];
    assert_eq!((ant.original_id.as_deref(), ant.actual_price_is), (Some("gh_ant"), PriceMeaning::Unit));
    assert_eq!(
        (ant.app.default_channel.mode, ant.app.default_channel.reply),
        (Mode::Compatible, Reply::Encrypted)
    );
    assert_eq!(ant.roles, RoleSource::Ledger);
    let (url, token) = ("https://game.example.com:8443/roles".to_owned(), Some(Secret::new("t0k".into())));
    assert_eq!(config.apps[1].roles, RoleSource::Url { url, token });
    let [merchant] = config.merchants.as_slice() else { panic!("one merchant") };
    assert_eq!((merchant.id.as_str(), merchant.apps.len()), ("1900000109", 2));
    assert_eq!(config.merchant_of(&ant.app.slug), Some(&merchant.id));
    let [lin, game] = config.access.as_slice() else { panic!("two tokens") };
    assert_eq!((lin.name.as_str(), lin.role, lin.token_sha256[31]), ("finance-lin", Role::Finance, 0xff));
    assert_eq!(lin.app, Some(ant.app.slug.clone()));
    assert_eq!(lin.expires.unwrap().to_rfc3339(), "2027-12-31T16:00:00+00:00");
    assert_eq!((game.role, game.app.clone()), (Role::Game, None));
    assert_eq!(game.expires.unwrap().to_rfc3339(), "2027-12-31T10:00:00+00:00");
}

#[test]
fn the_views_stand_beside_the_store_and_moving_them_needs_a_restart_while_projections_do_not() {
    let config = |views: &str| right(&format!("[store]\npath = \"/srv/log.db\"\n[views]\n{views}\n{RIGHT}"));
    let before = config("");
    assert_eq!(before.views_dir, Path::new("/srv/views"));
    for (views, needs_restart) in
        [("dir = \"/srv/views\"", false), ("dir = \"/srv/v\"", true), ("projections = \"p\"", false)]
    {
        assert_eq!(config(views).needs_restart_after(&before), needs_restart, "{views}");
    }
}

#[test]
fn active_keys_come_first_then_accepted_ones_and_retired_app_keys_verify_history() {
    let config = right(
        r#"
        [app.demo]
        app_id = "wxdemo"
        tokens = [
            { value = "Retired", state = "retired" },
            { value = "Accepted", state = "accepted" },
            { value = "Active", state = "active" },
        ]
        production_keys = [
            { value = "p-retired", state = "retired" },
            { value = "p-accepted", state = "accepted" },
            { value = "p-active" },
        ]
        sandbox_keys = [{ value = "s-retired", state = "retired" }]
        "#,
    );
    let app = &config.apps[0].app;
    let revealed = |keys: &[crate::wechat::signature::AppKey]| {
        keys.iter().map(|key| key.secret().reveal().to_owned()).collect::<Vec<_>>()
    };
    let tokens: Vec<_> = app.default_channel.tokens.iter().map(|token| token.reveal()).collect();
    assert_eq!(tokens, ["Active", "Accepted"]);
    assert_eq!(revealed(app.keys(Environment::Production)), ["p-active", "p-accepted"]);
    assert_eq!(revealed(app.keys(Environment::Sandbox)), [""; 0]);
    assert_eq!(revealed(&app.retired_keys), ["p-retired", "s-retired"]);
    assert_eq!(config.apps[0].keys.len(), 7);
}

#[test]
fn a_channel_has_what_the_app_has_except_where_it_says_otherwise() {
    let text = format!(
        "{RIGHT}\n[app.demo.channel.goods]\n[app.demo.channel.general]\nmode = \"security\"\n\
         tokens = [{{ value = \"General\" }}]\nreply = \"encrypted\"\n\
         encoding_aes_keys = [{{ value = \"{}\" }}]",
        "A".repeat(43)
    );
    let config = right(&text);
    let app = &config.apps[0].app;
    for (channel, mode, reply, token, aes_keys) in [
        (Channel::Default, Mode::Plain, Reply::Plain, "TokenOfDemo", 0),
        (Channel::Goods, Mode::Plain, Reply::Plain, "TokenOfDemo", 0),
        (Channel::Events, Mode::Plain, Reply::Plain, "TokenOfDemo", 0),
        (Channel::General, Mode::Security, Reply::Encrypted, "General", 1),
    ] {
        let keys = app.channel(channel);
        assert_eq!((keys.mode, keys.reply, keys.tokens[0].reveal()), (mode, reply, token), "{channel:?}");
        assert_eq!(keys.aes_keys.len(), aes_keys, "{channel:?}");
    }
    assert_eq!(app.channels.len(), 2);
}

#[cfg(feature = "kurrentdb")]
#[test]
fn with_a_cluster_what_is_counted_at_each_node_and_what_has_no_effect_is_noted() {
    let noted = |limits: &str| {
        let store = "[store]\nkind = \"kurrentdb\"\nurl = \"kurrentdb://localhost?tls=false\"\n";
        notes(&right(&format!("{store}[limits]\n{limits}\n{RIGHT}"))).join("\n")
    };
    let default = noted("");
    assert!(default.contains("limits.sandbox_bytes_per_day) is counted at each node"), "{default}");
    assert!(!default.contains("append_wait_ms"), "{default}");
    let slower = noted("append_wait_ms = 2500");
    assert!(slower.contains("limits.append_wait_ms is of no effect"), "{slower}");
    assert!(!notes(&right(RIGHT)).join("\n").contains("at each node"));
}
