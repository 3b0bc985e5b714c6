//! Reads `[app.SLUG]`: what one app's pushes are checked against.

use std::path::Path;

use super::keys::{self, KeyKind, KeyList, KeyState, KeySummary, TO_FILL_IN};
use super::place::{Placed, Problems};
use super::roles::{self, RoleSource};
use super::section::Section;
use crate::domain::app::{AppSlug, PriceMeaning};
use crate::wechat::crypt::AesKey;
use crate::wechat::signature::AppKey;
use crate::wechat::{App, Channel, ChannelKeys, Mode, Reply};

#[derive(Clone, Debug)]
pub struct AppConfig {
    pub app: App,
    /// The `gh_…` name, the `ToUserName` of its pushes.
    pub original_id: Option<String>,
    pub actual_price_is: PriceMeaning,
    pub roles: RoleSource,
    /// Every key that is configured, as it may be shown.
    pub keys: Vec<KeySummary>,
}

const MODES: [(&str, Mode); 3] =
    [("plain", Mode::Plain), ("compatible", Mode::Compatible), ("security", Mode::Security)];
const REPLIES: [(&str, Reply); 2] = [("plain", Reply::Plain), ("encrypted", Reply::Encrypted)];
const PRICE_MEANINGS: [(&str, PriceMeaning); 2] =
    [("order", PriceMeaning::Order), ("unit", PriceMeaning::Unit)];

/// As it is written in the configuration.
pub fn mode_name(mode: Mode) -> &'static str {
    MODES.iter().find(|(_, named)| *named == mode).map_or("", |(name, _)| name)
}

/// The apps that are written, also those that are wrong in other ways.
pub struct Apps {
    pub slugs: Vec<AppSlug>,
    pub configs: Vec<AppConfig>,
}

pub fn read(root: &mut Section<'_>, folder: &Path) -> Apps {
    let problems = root.problems();
    let sections = root.named_sections("app");
    if sections.is_empty() {
        root.report_key(
            "app",
            "there must be at least one app: a section [app.SLUG] (`order-ledger init` writes one)",
        );
    }
    let mut apps = Apps { slugs: Vec::new(), configs: Vec::new() };
    let mut app_ids: Vec<Placed<String>> = Vec::new();
    for (name, mut section) in sections {
        let slug = AppSlug::parse(name).map_err(|error| section.report(error.to_string())).ok();
        apps.slugs.extend(slug.clone());
        let app_id = read_app_id(&mut section);
        if let Some(app_id) = &app_id {
            match app_ids.iter().find(|other| other.value == app_id.value) {
                Some(other) => app_id.report(problems, format!("is the AppID of {} too", other.key)),
                None => app_ids.push(app_id.clone()),
            }
        }
        let config = read_app(section, slug, app_id.map(|app_id| app_id.value), folder);
        apps.configs.extend(config);
    }
    apps
}

fn read_app_id(section: &mut Section<'_>) -> Option<Placed<String>> {
    let Some(app_id) = section.text("app_id") else {
        if !section.has("app_id") {
            section.report_key("app_id", "is missing: the AppID from WeChat's console, wx…");
        }
        return None;
    };
    if app_id.value == TO_FILL_IN {
        section.problems().to_fill_in(&app_id.place, &app_id.key, "fill in the AppID from WeChat's console");
        return None;
    }
    is_visible(&app_id, &app_id.value, section.problems()).then_some(app_id)
}

/// Whether the text of a setting can stand where blanks and control characters cannot.
pub fn is_visible<T>(setting: &Placed<T>, text: &str, problems: &Problems) -> bool {
    let visible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !visible {
        setting.report(problems, "must be visible ASCII characters without blanks");
    }
    visible
}

fn read_app(
    mut section: Section<'_>,
    slug: Option<AppSlug>,
    app_id: Option<String>,
    folder: &Path,
) -> Option<AppConfig> {
    let problems = section.problems();
    let original_id = section.text("original_id").filter(|id| is_visible(id, &id.value, problems));
    let default = ChannelSettings::read(&mut section, folder);
    default.check(&default, &section);
    let actual_price_is = section.choice("actual_price_is", &PRICE_MEANINGS);
    let production = keys::read(&mut section, "production_keys", KeyKind::AppKey, folder);
    let sandbox = keys::read(&mut section, "sandbox_keys", KeyKind::AppKey, folder);
    check_app_keys(production.as_ref(), sandbox.as_ref(), &section);
    let (roles, roles_token) = roles::read(&mut section, folder);
    let mut channels = Vec::new();
    let mut channel_sections = section.section("channel");
    for channel in Channel::NAMED {
        if channel_sections.has(channel.as_str()) {
            let mut own = channel_sections.section(channel.as_str());
            let settings = ChannelSettings::read(&mut own, folder);
            settings.check(&default, &own);
            own.finish();
            channels.push((channel, settings));
        } else {
            channel_sections.node(channel.as_str());
        }
    }
    channel_sections.finish();
    section.finish();

    let app_keys = AppKeys { production, sandbox };
    let mut summaries = default.summaries("");
    summaries.extend(app_keys.summaries());
    for (channel, settings) in &channels {
        summaries.extend(settings.summaries(&format!("channel.{}.", channel.as_str())));
    }
    summaries.extend(roles_token);
    let app = App {
        slug: slug?,
        app_id: app_id?,
        production_keys: usable_app_keys(app_keys.production.as_ref()),
        sandbox_keys: usable_app_keys(app_keys.sandbox.as_ref()),
        retired_keys: app_keys.retired(),
        default_channel: default.over(&default),
        channels: channels.iter().map(|(channel, settings)| (*channel, settings.over(&default))).collect(),
    };
    Some(AppConfig {
        app,
        original_id: original_id.map(|id| id.value),
        actual_price_is: actual_price_is.map_or(PriceMeaning::Order, |meaning| meaning.value),
        roles,
        keys: summaries,
    })
}

fn check_app_keys(production: Option<&KeyList>, sandbox: Option<&KeyList>, section: &Section<'_>) {
    let lacks_active = |list: Option<&KeyList>| list.is_none_or(KeyList::lacks_active);
    if lacks_active(production) && lacks_active(sandbox) {
        section.report_key(
            "production_keys",
            "there must be at least one active AppKey, in production_keys or sandbox_keys",
        );
    }
    let (Some(production), Some(sandbox)) = (production, sandbox) else { return };
    for key in &sandbox.keys {
        let same = production.keys.iter().find(|other| other.secret.value == key.secret.value);
        if let Some(same) = same {
            let message = format!(
                "equal environment keys: {} is the same; WeChat gives each environment its own AppKey",
                same.secret.key
            );
            key.secret.report(section.problems(), message);
        }
    }
}

struct AppKeys {
    production: Option<KeyList>,
    sandbox: Option<KeyList>,
}

impl AppKeys {
    fn retired(&self) -> Vec<AppKey> {
        let lists = self.production.iter().chain(&self.sandbox);
        let retired = lists.flat_map(|list| list.in_state(KeyState::Retired));
        retired.filter_map(|secret| AppKey::new(secret.clone())).collect()
    }

    fn summaries(&self) -> Vec<KeySummary> {
        let of = |list: &Option<KeyList>, name| {
            list.iter().flat_map(|list| list.summaries(name, KeyKind::AppKey)).collect::<Vec<_>>()
        };
        [of(&self.production, "production_keys"), of(&self.sandbox, "sandbox_keys")].concat()
    }
}

fn usable_app_keys(list: Option<&KeyList>) -> Vec<AppKey> {
    let usable = list.into_iter().flat_map(KeyList::usable);
    usable.filter_map(|secret| AppKey::new(secret.clone())).collect()
}

/// What an app says about its channels, or one channel about itself. What is absent is the app's.
struct ChannelSettings {
    mode: Option<Placed<Mode>>,
    reply: Option<Placed<Reply>>,
    tokens: Option<KeyList>,
    aes_keys: Option<KeyList>,
}

impl ChannelSettings {
    fn read(section: &mut Section<'_>, folder: &Path) -> Self {
        Self {
            mode: section.choice("mode", &MODES),
            reply: section.choice("reply", &REPLIES),
            tokens: keys::read(section, "tokens", KeyKind::Token, folder),
            aes_keys: keys::read(section, "encoding_aes_keys", KeyKind::EncodingAesKey, folder),
        }
    }

    /// Checks what `self` says. `app` is what holds where it says nothing; the app itself when it is
    /// checked.
    fn check(&self, app: &Self, section: &Section<'_>) {
        let is_app = std::ptr::eq(self, app);
        let tokens_lack = self.tokens.as_ref().map_or(is_app, KeyList::lacks_active);
        if tokens_lack {
            section.report_key("tokens", "there must be at least one active Token");
        }
        let aes_keys = self.aes_keys.as_ref().or(app.aes_keys.as_ref());
        if aes_keys.is_some_and(|list| !list.lacks_active()) {
            return;
        }
        // A channel is told only what is not told of its app already.
        let says_aes_keys = self.aes_keys.is_some();
        let mode = self.mode.as_ref().or(app.mode.as_ref().filter(|_| says_aes_keys || is_app));
        let reply = self.reply.as_ref().or(app.reply.as_ref().filter(|_| says_aes_keys || is_app));
        if let Some(mode) = mode.filter(|mode| mode.value != Mode::Plain) {
            let message =
                format!("mode {} needs an active EncodingAESKey in encoding_aes_keys", mode_name(mode.value));
            section.report_key("mode", message);
        }
        if reply.is_some_and(|reply| reply.value == Reply::Encrypted) {
            section
                .report_key("reply", "encrypted replies need an active EncodingAESKey in encoding_aes_keys");
        }
    }

    fn over(&self, app: &Self) -> ChannelKeys {
        let tokens = self.tokens.as_ref().or(app.tokens.as_ref());
        let aes_keys = self.aes_keys.as_ref().or(app.aes_keys.as_ref());
        let usable_aes_keys = aes_keys.into_iter().flat_map(KeyList::usable);
        ChannelKeys {
            mode: self.mode.as_ref().or(app.mode.as_ref()).map_or(Mode::Plain, |mode| mode.value),
            tokens: tokens.into_iter().flat_map(KeyList::usable).cloned().collect(),
            aes_keys: usable_aes_keys.filter_map(|secret| AesKey::parse(secret).ok()).collect(),
            reply: self.reply.as_ref().or(app.reply.as_ref()).map_or(Reply::Plain, |reply| reply.value),
        }
    }

    fn summaries(&self, prefix: &str) -> Vec<KeySummary> {
        let of = |list: &Option<KeyList>, name: &str, kind| {
            let name = format!("{prefix}{name}");
            list.iter().flat_map(|list| list.summaries(&name, kind)).collect::<Vec<_>>()
        };
        [
            of(&self.tokens, "tokens", KeyKind::Token),
            of(&self.aes_keys, "encoding_aes_keys", KeyKind::EncodingAesKey),
        ]
        .concat()
    }
}
