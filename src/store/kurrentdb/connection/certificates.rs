//! The files that a URL names for TLS, looked at before the client is given them: it does not say which of them is
//! wrong, and takes for granted that certificates can be read.

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::store::Fault;
use crate::store::address::Address;

/// # Errors
/// Where a file cannot be read, or holds something else than it must, in words that name it and nothing of what is in it.
pub fn check_files(address: &Address) -> Result<(), Fault> {
    let check = |option: &str, check: fn(&str) -> Result<(), Wrong>| match address.option(option) {
        Some(file) => check(file).map_err(|wrong| wrong.told(option, file)),
        None => Ok(()),
    };
    check("tlsCaFile", authorities)?;
    check("userCertFile", certificates)?;
    check("userKeyFile", key)
}

#[derive(Debug)]
enum Wrong {
    Io(std::io::Error),
    NoCertificates,
    NoAuthority,
    NoKey,
}

impl Wrong {
    fn told(self, option: &str, file: &str) -> Fault {
        let wrong = match self {
            Self::Io(error) => error.to_string(),
            Self::NoCertificates => {
                "it must hold whole certificates in PEM, from -----BEGIN CERTIFICATE----- on".to_owned()
            }
            Self::NoAuthority => "one of its certificates is damaged, or is none of X.509".to_owned(),
            Self::NoKey => "it must hold one whole private key in PEM, without a passphrase".to_owned(),
        };
        Fault::Io(format!("{option}={file} in the URL: {wrong}"))
    }

    fn of(error: pem::Error, otherwise: Self) -> Self {
        match error {
            pem::Error::Io(error) => Self::Io(error),
            _ => otherwise,
        }
    }
}

fn read(file: &str) -> Result<Vec<CertificateDer<'static>>, Wrong> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|error| Wrong::of(error, Wrong::NoCertificates))?;
    if read.is_empty() { Err(Wrong::NoCertificates) } else { Ok(read) }
}

fn certificates(file: &str) -> Result<(), Wrong> {
    read(file).map(drop)
}

fn authorities(file: &str) -> Result<(), Wrong> {
    let mut roots = RootCertStore::empty();
    read(file)?.into_iter().try_for_each(|certificate| roots.add(certificate)).map_err(|_| Wrong::NoAuthority)
}

fn key(file: &str) -> Result<(), Wrong> {
    PrivateKeyDer::from_pem_file(file).map(drop).map_err(|error| Wrong::of(error, Wrong::NoKey))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUTHORITY: &str = include_str!("../../../../tests/it/authority.crt");
    const NO_CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";

    #[test]
    fn a_file_that_does_not_hold_what_it_must_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let begun = AUTHORITY.split_at(AUTHORITY.len() / 2).0;
        for (option, content, told) in [
            ("tlsCaFile", AUTHORITY, None),
            ("tlsCaFile", "", Some("must hold whole certificates in PEM")),
            ("tlsCaFile", "no certificate", Some("must hold whole certificates in PEM")),
            ("tlsCaFile", &AUTHORITY.replace("MII", "é"), Some("must hold whole certificates in PEM")),
            ("tlsCaFile", begun, Some("must hold whole certificates in PEM")),
            ("tlsCaFile", NO_CERTIFICATE, Some("damaged")),
            ("tlsCaFile", KEY, Some("must hold whole certificates in PEM")),
            ("userCertFile", AUTHORITY, None),
            ("userCertFile", KEY, Some("must hold whole certificates in PEM")),
            ("userKeyFile", KEY, None),
            ("userKeyFile", AUTHORITY, Some("must hold one whole private key")),
            ("userKeyFile", &KEY.replace('c', "~"), Some("must hold one whole private key")),
        ] {
            let file = folder.path().join("of the URL.pem");
            std::fs::write(&file, content).unwrap();
            check(option, &file.display().to_string(), told);
        }
        check("tlsCaFile", "/nowhere/ca.crt", Some("No such file"));
        check("userKeyFile", &folder.path().display().to_string(), Some("Is a directory"));
    }

    fn check(option: &str, file: &str, told: Option<&str>) {
        // The two of a user are written together; a good one of the other kind goes along.
        let folder = tempfile::tempdir().unwrap();
        let other = |name: &str, content: &str| {
            let other = folder.path().join(name);
            std::fs::write(&other, content).unwrap();
            format!("&{name}={}", other.display())
        };
        let beside = match option {
            "userCertFile" => other("userKeyFile", KEY),
            "userKeyFile" => other("userCertFile", AUTHORITY),
            _ => String::new(),
        };
        let url = format!("kurrentdb://localhost?{option}={file}{beside}");
        match (check_files(&Address::parse(&url).unwrap()), told) {
            (Ok(()), None) => {}
            (Err(fault), Some(told)) => {
                let said = fault.to_string();
                assert!(said.contains(&format!("{option}={file} in the URL: ")), "{said}");
                assert!(said.contains(told) && !said.contains("c2VjcmV0"), "{said}");
            }
            (checked, told) => panic!("{url}: {checked:?}, expected {told:?}"),
        }
    }
}
