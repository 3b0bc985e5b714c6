//! What people are told where no server is reached.

use super::*;

async fn opened(url: &str) -> String {
    let settings = Settings {
        address: Address::parse(url).unwrap(),
        prefix: String::new(),
        categories: &[],
        appends_max: 1,
    };
    let Err(told) = KurrentStore::open(&settings).await else { panic!("{url}: there is no such server") };
    told.to_string()
}

/// At which nobody listens.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_without_a_server_says_why_and_not_that_it_was_slow() {
    let cluster = cluster(1).await;
    let node = cluster.addresses()[0];
    let (port, other) = (free_port(), free_port());
    let cases = [
        (format!("kurrentdb://a:secret@127.0.0.1:{port}?tls=false"), "nothing listens there"),
        (
            format!("kurrentdb://a:secret@127.0.0.1:{port},127.0.0.1:{other}?tls=false"),
            "nothing listens there",
        ),
        (format!("kurrentdb://a:secret@{node}"), "no TLS comes about"),
        ("kurrentdb://a:secret@no-such-host.invalid:2113".into(), "no address is known for this name"),
    ];
    let cases = cases.into_iter().map(|(url, told)| async move {
        let said = opened(&url).await;
        assert!(said.contains(told) && said.contains("cannot be reached"), "{url}: {said}");
        assert!(!said.contains("did not answer in time") && !said.contains("secret"), "{url}: {said}");
    });
    join_all(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_refused_is_told_at_once() {
    let cluster = cluster(1).await;
    cluster.faults().next(1, On::ServerFeatures, Faulty::Denied);
    let begun = Instant::now();
    let told = opened(&cluster.url()).await;
    assert!(told.contains("the user or the password is wrong"), "{told}");
    assert!(begun.elapsed() < limits::KURRENTDB_OPEN_WAIT / 2, "{:?}", begun.elapsed());
}
