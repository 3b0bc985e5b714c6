//! An app with all keys, for tests.

use crate::domain::app::AppSlug;
use crate::wechat::crypt::AesKey;
use crate::wechat::secret::Secret;
use crate::wechat::signature::AppKey;
use crate::wechat::{App, ChannelKeys, Mode, Reply};

fn secret(text: &str) -> Secret {
    Secret::new(text.into())
}

pub fn sample_app(mode: Mode) -> App {
    let aes_keys = match mode {
        Mode::Plain => vec![],
        Mode::Compatible | Mode::Security => vec![AesKey::parse(&secret(&"A".repeat(43))).unwrap()],
    };
    let keys = ChannelKeys { mode, tokens: vec![secret("AAAAA")], aes_keys, reply: Reply::Plain };
    App {
        slug: AppSlug::parse("demo").unwrap(),
        app_id: "wxba5fad812f8e6fb9".into(),
        production_keys: vec![AppKey::new(secret("prod-app-key-0123456789abcdef")).unwrap()],
        sandbox_keys: vec![AppKey::new(secret("sandbox-app-key-0123456789abcdef")).unwrap()],
        retired_keys: vec![],
        default_channel: keys,
        channels: vec![],
    }
}
