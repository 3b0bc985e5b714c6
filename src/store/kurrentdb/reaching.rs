//! What keeps connections from the nodes. The client says only that none comes about: so it is tried once more beside
//! it, as far as that can be seen without a word.

use std::io::ErrorKind;

use futures_util::future::join_all;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::super::address::Address;
use crate::limits;

/// In words for who runs it, each node by itself.
pub async fn what_keeps_from(address: &Address) -> String {
    let each = address.nodes().map(|(host, port)| async move {
        let told = look(host, port, address).await;
        format!("{host}:{port}: {told}")
    });
    join_all(each).await.join("; ")
}

async fn look(host: &str, port: u16, address: &Address) -> &'static str {
    const NO_ANSWER: &str = "nothing answers there: check host, port, the network and firewalls";
    let is_known = match timeout(limits::KURRENTDB_TRY_WAIT, lookup_host((host, port))).await {
        Ok(Ok(mut found)) => found.next().is_some(),
        Ok(Err(_)) | Err(_) => false,
    };
    if !is_known {
        return "no address is known for this name: check the host in the URL, and this machine's DNS";
    }
    match timeout(limits::KURRENTDB_TRY_WAIT, TcpStream::connect((host, port))).await {
        Err(_) => NO_ANSWER,
        Ok(Err(error)) => match error.kind() {
            ErrorKind::ConnectionRefused => "nothing listens there: check the port, and that the server runs",
            ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => {
                "no way leads there: check the network and firewalls"
            }
            _ => NO_ANSWER,
        },
        Ok(Ok(_)) if address.has_tls() => {
            "it is reached, and no TLS comes about or it knows no leader: check that this port speaks TLS, that its \
             certificate is for this name and not expired, that its authority is known here or named by \
             tlsCaFile=FILE in the URL, and where it asks for a certificate of yours, userCertFile and userKeyFile"
        }
        Ok(Ok(_)) => {
            "it is reached and does not answer, or knows no leader: check the port, whether it speaks TLS (then \
             leave out tls=false), and the server's own log"
        }
    }
}
