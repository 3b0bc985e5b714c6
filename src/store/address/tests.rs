//! What a URL may say, and how it is told what it must not.

use super::*;

#[test]
fn a_url_becomes_what_the_client_takes() {
    let forced = "nodePreference=leader&discoveryInterval=10&gossipTimeout=400";
    for (url, shown, client) in [
        (
            "kurrentdb://localhost?tls=false",
            "kurrentdb://localhost:2113",
            "kurrentdb://localhost:2113?tls=false&tlsVerifyCert=true&FORCED",
        ),
        (
            "esdb://admin:changeit@one.example:1113,two.example/?discoveryInterval=500&MaxDiscoverAttempts=5",
            "esdb://one.example:1113,two.example:2113",
            "esdb://admin:changeit@one.example:1113,two.example:2113?tls=true&tlsVerifyCert=true&FORCED&\
             maxDiscoverAttempts=5",
        ),
        (
            "kurrentdb+discover://eve:p%40ss%3A@db.example?tlsCaFile=/etc/a,b.pem&nodePreference=Leader",
            "kurrentdb+discover://db.example:2113",
            "kurrentdb+discover://db.example:2113?tls=true&tlsVerifyCert=true&FORCED&tlsCaFile=%2Fetc%2Fa%2Cb.pem",
        ),
        (
            "kurrentdb://[::1]:1?tls=false&tlsVerifyCert=false",
            "kurrentdb://[::1]:1",
            "kurrentdb://[::1]:1?tls=false&tlsVerifyCert=false&FORCED",
        ),
    ] {
        let address = Address::parse(url).unwrap();
        assert_eq!(address.to_string(), shown);
        assert_eq!(*address.for_client(), client.replace("FORCED", forced), "{url}");
    }
    let address = Address::parse("kurrentdb+discover://eve:p%40ss%3A@db.example").unwrap();
    let login = address.login().unwrap();
    assert_eq!((login.user.as_str(), login.password.as_str()), ("eve", "p@ss:"));
}

#[test]
fn without_tls_only_this_machine_is_reached() {
    use AddressError::{Unencrypted, UnprotectedDiscovery, Unverified};
    for (url, wrong) in [
        ("kurrentdb://db.example?tls=false", Some(Unencrypted)),
        ("kurrentdb://10.0.0.1?tls=FALSE", Some(Unencrypted)),
        ("kurrentdb://localhost,10.0.0.1?tls=false", Some(Unencrypted)),
        ("kurrentdb://localhost.example?tls=false", Some(Unencrypted)),
        ("kurrentdb://db.example?tls=false&tlsVerifyCert=false", Some(Unencrypted)),
        ("kurrentdb://db.example?tlsVerifyCert=false", Some(Unverified)),
        ("kurrentdb+discover://localhost?tls=false", Some(UnprotectedDiscovery)),
        ("kurrentdb+discover://127.0.0.1?tlsVerifyCert=false", Some(UnprotectedDiscovery)),
        ("kurrentdb+discover://db.example?tls=false", Some(Unencrypted)),
        ("kurrentdb+discover://localhost", None),
        ("kurrentdb://127.0.0.1,localhost,[::1]?tls=false", None),
        ("kurrentdb://127.0.0.9:5?tlsVerifyCert=false", None),
        ("kurrentdb://db.example?tls=true&tlsVerifyCert=true", None),
        ("kurrentdb://db.example", None),
    ] {
        assert_eq!(Address::parse(url).err(), wrong, "{url}");
    }
}

#[test]
fn what_is_wrong_with_a_url_is_told_without_its_password() {
    for (url, words) in [
        ("http://eve:secret@db", "must be a URL such as"),
        ("secret", "must be a URL such as"),
        ("kurrentdb://eve:secret@", "names no host"),
        ("kurrentdb://eve:secret@db:x", "\"db:x\" is no host and port"),
        ("kurrentdb://eve:secret@db:0", "is no host and port"),
        ("kurrentdb://eve:secret@one,,two", "is no host and port"),
        ("kurrentdb://eve:sec@ret@db", "write %40 for @"),
        ("kurrentdb://eve:sec%ret@db", "write %40 for @"),
        ("kurrentdb://:secret@db", "user's name or password"),
        ("kurrentdb://eve:secret@db/path", "has a path"),
        ("kurrentdb://eve:secret@db#x", "has a path"),
        ("kurrentdb+discover://eve:secret@one,two", "one name is written"),
        ("kurrentdb://eve:secret@db?tsl=true", "\"tsl\" is not known: tls, tlsVerifyCert"),
        ("kurrentdb://eve:secret@db?tls=yes", "the option tls must be true or false"),
        ("kurrentdb://eve:secret@db?tls=true&TLS=false", "tls is written twice"),
        ("kurrentdb://eve:secret@db?maxDiscoverAttempts=0", "must be a number from 1"),
        ("kurrentdb://eve:secret@db?nodePreference=random", "asks the leader always"),
        ("kurrentdb://eve:secret@db?userKeyFile=a", "written together"),
    ] {
        let told = Address::parse(url).unwrap_err().to_string();
        assert!(told.contains(words), "{url}: {told}");
        assert!(!told.contains("secret") && !told.contains("ret"), "{told}");
    }
    let address = Address::parse("kurrentdb://eve:secret@db").unwrap();
    assert!(!format!("{address:?} {address}").contains("secret"));
}

#[test]
fn two_urls_are_of_one_cluster_where_they_share_a_node_whoever_logs_in() {
    for (one, other, is_one) in [
        ("kurrentdb://a:b@db", "kurrentdb://c:d@DB:2113", true),
        ("kurrentdb://a:b@one,two", "kurrentdb://a:b@two,three", true),
        ("kurrentdb://a:b@one", "kurrentdb://a:b@two", false),
        ("kurrentdb://a:b@db:2113", "kurrentdb://a:b@db:2114", false),
    ] {
        let [one, other] = [one, other].map(|url| Address::parse(url).unwrap());
        assert_eq!(one.shares_a_node(&other), is_one, "{one} {other}");
    }
}
