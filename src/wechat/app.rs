//! What one app's pushes are checked against: AppID, keys, and how each channel transports.

use super::crypt::AesKey;
use super::secret::Secret;
use super::signature::AppKey;
use crate::domain::app::AppSlug;
use crate::domain::environment::Environment;

/// WeChat's three modes of message push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In clear; where an EncodingAESKey is configured and an encrypted part comes, that part is used.
    Plain,
    /// Clear and encrypted parts both arrive; the encrypted part is used.
    Compatible,
    /// Only encrypted pushes are accepted.
    Security,
}

/// How gifts, which run on the general channel, are answered. All other families are always answered in
/// plain text, even in security mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    Plain,
    Encrypted,
}

/// Channels that may have their own URL, Token, mode and EncodingAESKey in WeChat's console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// `/wechat/{app}`
    Default,
    /// `/wechat/{app}/goods`
    Goods,
    /// `/wechat/{app}/events`
    Events,
    /// `/wechat/{app}/general`
    General,
}

impl Channel {
    pub const NAMED: [Self; 3] = [Self::Goods, Self::Events, Self::General];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "",
            Self::Goods => "goods",
            Self::Events => "events",
            Self::General => "general",
        }
    }

    /// By the last part of its URL, which is empty for the app's own.
    pub fn in_url(part: &str) -> Option<Self> {
        if part.is_empty() { Some(Self::Default) } else { Self::parse(part) }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMED.into_iter().find(|channel| channel.as_str() == name)
    }
}

/// How one channel transports. Holds only keys that may be used now: active and accepted ones, the active
/// first.
#[derive(Clone, Debug)]
pub struct ChannelKeys {
    pub mode: Mode,
    pub tokens: Vec<Secret>,
    pub aes_keys: Vec<AesKey>,
    pub reply: Reply,
}

#[derive(Clone, Debug)]
pub struct App {
    pub slug: AppSlug,
    pub app_id: String,
    /// Usable AppKeys, the active first.
    pub production_keys: Vec<AppKey>,
    pub sandbox_keys: Vec<AppKey>,
    /// Keys that no longer verify anything new, kept to verify history.
    pub retired_keys: Vec<AppKey>,
    pub default_channel: ChannelKeys,
    /// The channels that differ.
    pub channels: Vec<(Channel, ChannelKeys)>,
}

impl App {
    pub fn channel(&self, channel: Channel) -> &ChannelKeys {
        let own = self.channels.iter().find(|(name, _)| *name == channel);
        own.map_or(&self.default_channel, |(_, keys)| keys)
    }

    pub fn keys(&self, env: Environment) -> &[AppKey] {
        match env {
            Environment::Production => &self.production_keys,
            Environment::Sandbox => &self.sandbox_keys,
        }
    }

    /// Every key that was ever configured and still is.
    pub fn keys_of_all_times(&self) -> impl Iterator<Item = &AppKey> {
        self.production_keys.iter().chain(&self.sandbox_keys).chain(&self.retired_keys)
    }
}
