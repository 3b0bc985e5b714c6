//! The address of a KurrentDB or EventStoreDB cluster: what its URL may say, and what a ledger must not accept of it.
//! Knows no client, so that a build without one can still tell what is wrong.

use std::fmt;
use std::fmt::Write as _;

use zeroize::Zeroizing;

use crate::limits;

/// The port that a server listens at unless told otherwise.
const DEFAULT_PORT: u16 = 2113;
const SCHEMES: [&str; 8] = [
    "kurrentdb",
    "kurrentdb+discover",
    "esdb",
    "esdb+discover",
    "kurrent",
    "kurrent+discover",
    "kdb",
    "kdb+discover",
];

/// Where a cluster is, and how it is reached. Always the leader: followers may be behind.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    scheme: &'static str,
    /// Host, IPv6 in brackets, and port.
    nodes: Vec<(String, u16)>,
    login: Option<Login>,
    has_tls: bool,
    verifies_certificate: bool,
    /// Before the names of all streams.
    prefix: String,
    /// Handed on to the client as they are, by the client's names.
    options: Vec<(&'static str, String)>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    pub user: String,
    pub password: Zeroizing<String>,
}

/// What is wrong with a URL, in words that hold nothing of what may be a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("must be a URL such as kurrentdb://user:password@db.example.com:2113")]
    NoUrl,
    #[error("names no host: write kurrentdb://HOST:{DEFAULT_PORT}")]
    NoHost,
    #[error("{0:?} is no host and port such as db.example.com:{DEFAULT_PORT}")]
    BadNode(String),
    #[error(
        "the user's name or password is not written right: write %40 for @, %3A for :, %2F for / and %25 for %"
    )]
    BadLogin,
    #[error("has a path or fragment: only options may follow the hosts, behind a ?")]
    HasPath,
    #[error("with +discover one name is written, which leads to all nodes")]
    SeveralToDiscover,
    #[error("the option {0:?} is not known: {known}", known = known())]
    UnknownOption(String),
    #[error("the option {name} must be {must_be}")]
    BadOption { name: &'static str, must_be: &'static str },
    #[error("the option {0} is written twice")]
    Twice(&'static str),
    #[error(
        "nodePreference must be leader, or left out: a ledger asks the leader always, for other nodes may be behind"
    )]
    NotTheLeader,
    #[error(
        "with +discover a name leads to nodes on any machine, and tls=false and tlsVerifyCert=false are for this machine \
         only: name the addresses of its nodes, as in kurrentdb://127.0.0.1:{DEFAULT_PORT}?tls=false"
    )]
    UnprotectedDiscovery,
    #[error(
        "tls=false sends orders and the password in the clear: it is for addresses of this machine only, such as \
         localhost"
    )]
    Unencrypted,
    #[error(
        "tlsVerifyCert=false would take anybody for the server: it is for addresses of this machine only; name the \
         certificate of your own authority by tlsCaFile=FILE"
    )]
    Unverified,
    #[error("userCertFile and userKeyFile are written together")]
    HalfCertificate,
}

enum Kind {
    Switch,
    Milliseconds,
    Count,
    Text,
    Leader,
    /// Of this program, and not of the client.
    Prefix,
    /// Set by this program; what is written is of no effect.
    Ours,
}

/// What may stand behind the `?`; upper and lower case are the same.
const OPTIONS: [(&str, Kind); 14] = [
    ("tls", Kind::Switch),
    ("tlsVerifyCert", Kind::Switch),
    ("tlsCaFile", Kind::Text),
    ("userCertFile", Kind::Text),
    ("userKeyFile", Kind::Text),
    ("connectionName", Kind::Text),
    ("maxDiscoverAttempts", Kind::Count),
    ("keepAliveInterval", Kind::Milliseconds),
    ("keepAliveTimeout", Kind::Milliseconds),
    ("nodePreference", Kind::Leader),
    ("streamPrefix", Kind::Prefix),
    ("discoveryInterval", Kind::Ours),
    ("gossipTimeout", Kind::Ours),
    ("defaultDeadline", Kind::Ours),
];

fn known() -> String {
    OPTIONS.map(|(name, _)| name).join(", ")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be letters, digits, _ and . only, {max} at most", max = limits::KURRENTDB_PREFIX_CHARS_MAX)]
pub struct PrefixError;

/// A hyphen would end the streams' categories, and a dollar sign is the server's own.
///
/// # Errors
/// Where streams cannot begin like this.
pub fn check_prefix(prefix: &str) -> Result<(), PrefixError> {
    let is_right = prefix.len() <= limits::KURRENTDB_PREFIX_CHARS_MAX
        && prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
    is_right.then_some(()).ok_or(PrefixError)
}

/// Whether a text names a store of this kind rather than a file: the scheme, where it does.
pub fn scheme_of(text: &str) -> Option<&'static str> {
    let (scheme, _) = text.split_once("://")?;
    SCHEMES.into_iter().find(|known| known.eq_ignore_ascii_case(scheme))
}

impl Address {
    /// Whether a node stands in both, as in no two clusters, whoever logs in.
    pub fn shares_a_node(&self, other: &Self) -> bool {
        let is_same = |one: &(String, u16), other: &(String, u16)| {
            one.1 == other.1 && one.0.eq_ignore_ascii_case(&other.0)
        };
        self.nodes.iter().any(|one| other.nodes.iter().any(|node| is_same(one, node)))
    }

    /// # Errors
    /// Where the URL is wrong, or says what a ledger must not do.
    pub fn parse(url: &str) -> Result<Self, AddressError> {
        let scheme = scheme_of(url).ok_or(AddressError::NoUrl)?;
        let (_, rest) = url.split_once("://").ok_or(AddressError::NoUrl)?;
        let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
        // A password may hold an @ that should have been written as %40; a host cannot.
        let (login, place) = match place.rsplit_once('@') {
            Some((login, place)) => (Some(Login::parse(login)?), place),
            None => (None, place),
        };
        let place = place.strip_suffix('/').unwrap_or(place);
        if place.contains(['/', '#']) || options.contains('#') {
            return Err(AddressError::HasPath);
        }
        if place.is_empty() {
            return Err(AddressError::NoHost);
        }
        let nodes = place.split(',').map(node).collect::<Result<Vec<_>, _>>()?;
        if scheme.ends_with("+discover") && nodes.len() > 1 {
            return Err(AddressError::SeveralToDiscover);
        }
        let mut address = Self {
            scheme,
            nodes,
            login,
            has_tls: true,
            verifies_certificate: true,
            prefix: String::new(),
            options: Vec::new(),
        };
        address.read_options(options)?;
        address.check()?;
        Ok(address)
    }

    fn read_options(&mut self, options: &str) -> Result<(), AddressError> {
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (written, value) = option.split_once('=').unwrap_or((option, ""));
            let found = OPTIONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(written));
            let Some((name, kind)) = found else {
                return Err(AddressError::UnknownOption(written.chars().take(40).collect()));
            };
            if self.options.iter().any(|(known, _)| known == name) {
                return Err(AddressError::Twice(name));
            }
            let bad = |must_be| AddressError::BadOption { name, must_be };
            let value = decoded(value).ok_or(bad("percent-encoded text"))?;
            match kind {
                Kind::Switch => {
                    let is_on = match value.to_ascii_lowercase().as_str() {
                        "true" => true,
                        "false" => false,
                        _ => return Err(bad("true or false")),
                    };
                    if *name == "tls" { self.has_tls = is_on } else { self.verifies_certificate = is_on }
                }
                Kind::Milliseconds if value.parse::<u32>().is_err() => return Err(bad("milliseconds")),
                Kind::Count if value.parse::<u16>().ok().filter(|count| *count > 0).is_none() => {
                    return Err(bad("a number from 1"));
                }
                Kind::Text if value.is_empty() => return Err(bad("a text")),
                Kind::Leader if !value.eq_ignore_ascii_case("leader") => {
                    return Err(AddressError::NotTheLeader);
                }
                Kind::Prefix => {
                    check_prefix(&value).map_err(|_| bad("letters, digits, _ and ."))?;
                    self.prefix.clone_from(&value);
                }
                Kind::Milliseconds | Kind::Count | Kind::Text | Kind::Leader | Kind::Ours => {}
            }
            self.options.push((name, value));
        }
        Ok(())
    }

    fn check(&self) -> Result<(), AddressError> {
        if self.option("userCertFile").is_some() != self.option("userKeyFile").is_some() {
            return Err(AddressError::HalfCertificate);
        }
        match self.nodes.iter().all(|(host, _)| is_this_machine(host)) {
            false if !self.has_tls => Err(AddressError::Unencrypted),
            false if !self.verifies_certificate => Err(AddressError::Unverified),
            true if self.stays_here() && self.scheme.ends_with("+discover") => {
                Err(AddressError::UnprotectedDiscovery)
            }
            true | false => Ok(()),
        }
    }

    /// Whether only nodes of this machine may be asked: anybody could read what is sent, or take a node's place. Of what
    /// nodes say of one another where several are written, nothing is seen before the client goes there.
    pub fn stays_here(&self) -> bool {
        !self.has_tls || !self.verifies_certificate
    }

    /// Where a URL names a log by itself, without a configuration.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    pub fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// What stands behind the `?` by one of the client's names.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// As the client takes it. The client neither decodes what stands before the `@` nor takes several hosts without
    /// ports; so every port is written, and a login with other than plain letters is left to whoever sends requests.
    pub fn for_client(&self) -> Zeroizing<String> {
        let mut url = Zeroizing::new(format!("{}://", self.scheme));
        if let Some(Login { user, password }) = &self.login
            && [user.as_str(), password.as_str()].into_iter().all(is_plain)
        {
            let _infallible = write!(url, "{user}:{}@", password.as_str());
        }
        url.push_str(&self.hosts());
        let _infallible = write!(
            url,
            "?tls={}&tlsVerifyCert={}&nodePreference=leader&discoveryInterval={}&gossipTimeout={}",
            self.has_tls,
            self.verifies_certificate,
            limits::KURRENTDB_DISCOVERY_PAUSE.as_millis(),
            limits::KURRENTDB_GOSSIP_WAIT.as_millis(),
        );
        for (name, value) in &self.options {
            let handed_on = OPTIONS.iter().any(|(known, kind)| {
                known == name && matches!(kind, Kind::Milliseconds | Kind::Count | Kind::Text)
            });
            if handed_on {
                let _infallible = write!(url, "&{name}={}", encoded(value));
            }
        }
        url
    }

    /// Host, IPv6 without brackets, and port of each.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, u16)> {
        self.nodes.iter().map(|(host, port)| (host.trim_start_matches('[').trim_end_matches(']'), *port))
    }

    pub fn has_tls(&self) -> bool {
        self.has_tls
    }

    fn hosts(&self) -> String {
        let nodes: Vec<_> = self.nodes.iter().map(|(host, port)| format!("{host}:{port}")).collect();
        nodes.join(",")
    }
}

/// Without the login and the options.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.hosts())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

impl Login {
    fn parse(text: &str) -> Result<Self, AddressError> {
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        let decoded = |text: &str| {
            let is_right = !text.contains(['@', '/', ':']);
            decoded(text).filter(|_| is_right).ok_or(AddressError::BadLogin)
        };
        let (user, password) = (decoded(user)?, Zeroizing::new(decoded(password)?));
        // HTTP ends the name at its first colon.
        if user.is_empty() || user.contains(':') {
            return Err(AddressError::BadLogin);
        }
        Ok(Self { user, password })
    }
}

pub fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn node(text: &str) -> Result<(String, u16), AddressError> {
    let bad = || AddressError::BadNode(text.chars().take(80).collect());
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port = match port {
        Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or_else(bad)?,
        None => DEFAULT_PORT,
    };
    let is_address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok());
    let is_name = !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    if is_address || is_name { Ok((host.to_owned(), port)) } else { Err(bad()) }
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(is_plain_byte)
}

fn is_plain_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_plain_byte(byte) {
            encoded.push(char::from(byte));
        } else {
            let _infallible = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(*hex::decode(digits).ok()?.first()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
