//! Reads `roles` of an app: who answers WeChat's question for a player's roles.

use std::path::Path;

use super::apps::is_visible;
use super::keys::{self, KeySource, KeyState, KeySummary, SecretKeys};
use super::section::Section;
use super::{is_web_url, place::quoted};
use crate::wechat::secret::Secret;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RoleSource {
    /// The ledger, from what the game has reported.
    #[default]
    Ledger,
    /// The game's own server, asked for each list.
    Url {
        /// `http` or `https`, without a query.
        url: String,
        /// Sent as a bearer token: visible ASCII characters.
        token: Option<Secret>,
    },
}

const TOKEN: SecretKeys = SecretKeys { value: "token", file: "token_file" };

/// What is configured, and its token as it may be shown. The ledger where something is wrong.
pub fn read(app: &mut Section<'_>, folder: &Path) -> (RoleSource, Option<KeySummary>) {
    if app.node("roles").is_none_or(|node| node.value.as_table().is_none()) {
        if app.text("roles").is_some_and(|text| text.value != "ledger") {
            app.report_key("roles", "must be \"ledger\" or { url = \"https://…\", token = \"…\" }");
        }
        return (RoleSource::Ledger, None);
    }
    let mut section = app.section("roles");
    let problems = section.problems();
    let url = section.text("url");
    if !section.has("url") {
        section.report("must have a url, the game's server: { url = \"https://…\" }");
    }
    let has_host = |url: &str| {
        url.parse::<hyper::Uri>().is_ok_and(|url| url.host().is_some_and(|host| !host.is_empty()))
    };
    let is_usable = |url: &str| is_web_url(url) && !url.contains('@') && has_host(url);
    let url = url.filter(|url| {
        let usable = is_usable(&url.value);
        if !usable {
            // What stands before an @ is a secret.
            let shown = if url.value.contains('@') { "…".to_owned() } else { quoted(&url.value) };
            let message = format!("must be a URL such as https://game.example.com/roles, not {shown}");
            url.report(problems, message);
        }
        usable
    });
    let token = keys::read_secret(&mut section, folder, TOKEN);
    section.finish();
    let token = token.filter(|(token, _)| is_visible(token, token.value.reveal(), problems));
    let summary = |source: KeySource| KeySummary {
        list: "roles.token".to_owned(),
        state: KeyState::Active,
        source,
        fingerprint: None,
    };
    let shown = token.as_ref().map(|(_, source)| summary(*source));
    let token = token.map(|(token, _)| token.value);
    (url.map_or(RoleSource::Ledger, |url| RoleSource::Url { url: url.value, token }), shown)
}
