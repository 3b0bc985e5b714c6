//! The configuration: read from a file and the environment, checked as a whole, all problems told at once.

mod access;
mod apps;
mod bill_profiles;
mod bill_rows;
mod env;
mod keys;
mod limits;
mod merchants;
mod place;
mod raw;
mod roles;
mod seal;
mod section;
mod store;
#[cfg(test)]
mod tests;
mod warnings;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

pub use access::{AccessToken, Role, check_name, parse_expires};
pub use apps::{AppConfig, mode_name};
pub use keys::{KeySource, KeyState, KeySummary, TO_FILL_IN};
pub use limits::Limits;
pub use merchants::MerchantConfig;
pub use place::{ConfigErrors, Place, Problem};
pub use roles::RoleSource;
pub use seal::{SealConfig, SealKey};
pub use store::StoreConfig;
pub use warnings::{notes, warnings};

use crate::bill::Profile;
use place::{Placed, Problems, quoted};
use section::Section;

use crate::domain::app::AppSlug;
use crate::domain::bill::MerchantId;

pub const DEFAULT_PUSH_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8080);
pub const DEFAULT_ADMIN_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);
pub const DEFAULT_STORE_PATH: &str = "data/events.db";
const REFUSED_FILE: &str = "refused.db";
const VIEWS_FOLDER: &str = "views";

#[derive(Clone, Debug)]
pub struct Config {
    /// Where WeChat's pushes come in.
    pub push_listen: SocketAddr,
    /// Where people and programs of the house ask.
    pub admin_listen: SocketAddr,
    /// How WeChat reaches `push_listen`: `https://pay.example.com`, without a slash at the end.
    pub public_url: Option<String>,
    pub store: StoreConfig,
    /// The log's file; where the log is in a cluster, this node's other files stand beside it.
    pub store_path: PathBuf,
    pub refused_path: PathBuf,
    /// The folder of the read models, which are built from the log.
    pub views_dir: PathBuf,
    /// The folder of the user's own projections.
    pub projections_dir: Option<PathBuf>,
    pub limits: Limits,
    /// At least one, sorted by slug.
    pub apps: Vec<AppConfig>,
    /// Sorted by number.
    pub merchants: Vec<MerchantConfig>,
    /// Sorted by name.
    pub access: Vec<AccessToken>,
    /// Layouts of bill files beside WeChat Pay's own, sorted by name.
    pub bill_profiles: Vec<Profile>,
    pub seal: SealConfig,
}

impl Config {
    /// Whom the app's orders are paid to, where the configuration says it.
    pub fn merchant_of(&self, app: &AppSlug) -> Option<&MerchantId> {
        self.merchants.iter().find(|merchant| merchant.apps.contains(app)).map(|merchant| &merchant.id)
    }

    /// Whether anything differs that is read at the start only.
    pub fn needs_restart_after(&self, before: &Self) -> bool {
        let fixed = |config: &Self| {
            let Self { push_listen, admin_listen, store, store_path, refused_path, views_dir, .. } =
                config.clone();
            let (limits, seal) = (config.limits, config.seal.clone());
            (push_listen, admin_listen, store, store_path, refused_path, views_dir, limits, seal)
        };
        fixed(self) != fixed(before)
    }
}

/// Reads the file and lays the environment over it.
pub fn load(
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, ConfigErrors> {
    match fs::read_to_string(path) {
        Ok(text) => read(path, &text, environment),
        Err(error) => Err(ConfigErrors::Unreadable { file: path.display().to_string(), error }),
    }
}

/// Like [`load`], for a text that is to be the file at `path`.
pub fn read(
    path: &Path,
    text: &str,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, ConfigErrors> {
    let wrong = |problems| ConfigErrors::Problems { file: path.display().to_string(), problems };
    let mut tree = raw::document(text).map_err(wrong)?;
    let problems = Problems::default();
    env::overlay(&mut tree, environment, &problems);
    let folder = path.parent().unwrap_or(Path::new(""));
    let config = read_root(Section::root(&tree, &problems), folder);
    let problems = problems.into_sorted();
    if problems.is_empty() { Ok(config) } else { Err(wrong(problems)) }
}

/// The configuration as far as it is right; it is right where nothing was reported.
fn read_root(mut root: Section<'_>, folder: &Path) -> Config {
    let problems = root.problems();

    let mut push = root.section("push");
    let push_listen = read_listen(&mut push, DEFAULT_PUSH_LISTEN);
    let public_url = push.text("public_url").and_then(|url| read_public_url(&url, problems));
    push.finish();

    let mut admin = root.section("admin");
    let admin_listen = read_listen(&mut admin, DEFAULT_ADMIN_LISTEN);
    if taken_by(push_listen, admin_listen) {
        admin.report_key(
            "listen",
            format!("push.listen takes {push_listen} already; give the admin listener another port"),
        );
    }
    admin.finish();

    let (store, store_path) = store::read(root.section("store"), folder);
    let mut refused = root.section("refused");
    let refused_path =
        read_path(&mut refused, "path").unwrap_or_else(|| store_path.with_file_name(REFUSED_FILE));
    if refused_path == store_path {
        refused.report_key("path", "is the path of the store; give the refused requests a file of their own");
    }
    refused.finish();
    let mut views = root.section("views");
    let views_dir = read_path(&mut views, "dir").unwrap_or_else(|| store_path.with_file_name(VIEWS_FOLDER));
    if views_dir == store_path || views_dir == refused_path {
        views.report_key("dir", "is the path of a file of the ledger; give the views a folder of their own");
    }
    let projections_dir = read_path(&mut views, "projections");
    if projections_dir.as_ref() == Some(&views_dir) {
        views.report_key("projections", "is the folder of the views; keep your projections in another");
    }
    views.finish();

    let limits = limits::read(root.section("limits"));
    let apps = apps::read(&mut root, folder);
    let merchants = merchants::read(&mut root, &apps.slugs);
    let access = access::read(&mut root, &apps.slugs);
    let bill_profiles = bill_profiles::read(&mut root);
    let seal = seal::read(root.section("seal"), folder);
    root.finish();
    Config {
        push_listen,
        admin_listen,
        public_url,
        store,
        store_path,
        refused_path,
        views_dir,
        projections_dir,
        limits,
        apps: apps.configs,
        merchants,
        access,
        bill_profiles,
        seal,
    }
}

fn read_listen(section: &mut Section<'_>, default: SocketAddr) -> SocketAddr {
    let Some(text) = section.text("listen") else { return default };
    text.value.parse().unwrap_or_else(|_| {
        let message = format!("must be an address and a port such as {default}, not {}", quoted(&text.value));
        text.report(section.problems(), message);
        default
    })
}

/// Whether a listener at `one` keeps another from `other`. Port 0 is a free one each time.
fn taken_by(one: SocketAddr, other: SocketAddr) -> bool {
    let (one_ip, other_ip) = (one.ip(), other.ip());
    let same_ip = one_ip == other_ip || one_ip.is_unspecified() || other_ip.is_unspecified();
    one.port() != 0 && one.port() == other.port() && same_ip
}

/// Whether a text is an `http` or `https` URL without query and fragment.
fn is_web_url(url: &str) -> bool {
    let after_scheme = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'?' && byte != b'#';
    after_scheme.is_some_and(|rest| !rest.trim_matches('/').is_empty() && rest.bytes().all(allowed))
}

fn read_public_url(url: &Placed<String>, problems: &Problems) -> Option<String> {
    if !is_web_url(&url.value) {
        let message = format!("must be a URL such as https://pay.example.com, not {}", quoted(&url.value));
        url.report(problems, message);
        return None;
    }
    Some(url.value.trim_end_matches('/').to_owned())
}

fn read_path(section: &mut Section<'_>, key: &'static str) -> Option<PathBuf> {
    let text = section.text(key)?;
    if text.value.is_empty() {
        text.report(section.problems(), "is empty: write a path");
        return None;
    }
    Some(PathBuf::from(text.value))
}
