//! Requests as bytes on a socket: slow, cut, pipelined, malformed.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use order_ledger::cli::simulate::PushRequest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::by_hand::{GOODS, SUCCESS_JSON, goods, push_of};
use super::looking::{ended_well, history, recorded, refused};
use super::server::{Home, Server, until};

/// Sends bytes on a connection of their own and reads until it is closed.
pub async fn raw(to: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    // The server may have answered and closed before everything was sent.
    let _sent = stream.write_all(bytes).await;
    closed(&mut stream).await
}

/// Everything that comes until the connection is closed.
async fn closed(stream: &mut TcpStream) -> String {
    let mut answer = vec![];
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        answer.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// A whole request as bytes.
fn bytes(push: &PushRequest, connection: &str) -> Vec<u8> {
    let length = push.body.len();
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\ncontent-type: {}\r\ncontent-length: {length}\r\nconnection: {connection}\r\n\r\n",
        push.path_and_query, push.content_type
    );
    [head.as_bytes(), &push.body].concat()
}

/// The server still takes a good push and has not panicked.
async fn still_well(home: &Home, server: Server) {
    let answer = server.push(&push_of(GOODS, &goods("AFTERWARDS", 0))).await;
    assert_eq!(answer.body, SUCCESS_JSON);
    assert_eq!(recorded(home, "AFTERWARDS"), ["order-demo.AFTERWARDS GoodsDelivered"]);
    ended_well(server, &[]);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_before_wechat_gives_up_and_stops_nobody_else() {
    let home = Home::new();
    let server = home.serve();
    let request = bytes(&push_of(GOODS, &goods("SLOW", 0)), "keep-alive");
    let head = request.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    let mut slow = vec![];
    for count in 0..300 {
        let mut stream = TcpStream::connect(server.push).await.unwrap();
        // Some stop in the head, most in the body.
        let sent = if count % 3 == 0 { 40 } else { request.len() - 1 - count };
        assert_eq!(sent < head, count % 3 == 0, "{sent} of {head} bytes");
        stream.write_all(&request[..sent]).await.unwrap();
        slow.push((count % 3 == 0, stream));
    }
    let begun = Instant::now();
    for count in 0..20 {
        let push = push_of(GOODS, &goods(&format!("FAST-{count}"), 0));
        let answered = tokio::time::timeout(Duration::from_secs(3), server.push(&push)).await;
        assert_eq!(answered.expect("others do not wait").body, SUCCESS_JSON);
    }
    for (in_head, stream) in &mut slow {
        if *in_head {
            continue;
        }
        let answer = tokio::time::timeout(Duration::from_secs(10), closed(stream)).await.unwrap();
        assert!(answer.contains(r#"{"ErrCode":40801,"ErrMsg":""#), "{answer:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(6), "WeChat waits 3 s: {:?}", begun.elapsed());
    assert!(history(&home, "SLOW").is_empty());
    still_well(&home, server).await;
}

#[tokio::test]
async fn a_body_that_trickles_has_no_longer_than_one_that_does_not_come() {
    let home = Home::new();
    let server = home.serve();
    let request = bytes(&push_of(GOODS, &goods("TRICKLE", 0)), "keep-alive");
    let head = request.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    let mut stream = TcpStream::connect(server.push).await.unwrap();
    stream.write_all(&request[..head]).await.unwrap();
    let begun = Instant::now();
    let mut answer = String::new();
    let mut buffer = [0; 4096];
    for byte in &request[head..] {
        let _sent = stream.write_all(&[*byte]).await;
        // The pause of a client that trickles is the time it listens.
        match tokio::time::timeout(Duration::from_millis(100), stream.read(&mut buffer)).await {
            Err(_) => {}
            Ok(Ok(read @ 1..)) => answer.push_str(&String::from_utf8_lossy(&buffer[..read])),
            Ok(_) => break,
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(answer.contains("\"ErrCode\":40801"), "{answer:?}");
    still_well(&home, server).await;
}

#[tokio::test]
async fn a_connection_cut_in_mid_body_records_nothing() {
    let home = Home::new();
    let server = home.serve();
    let push = push_of(GOODS, &goods("CUT", 0));
    let request = bytes(&push, "keep-alive");
    for kept in (0..request.len()).step_by(29) {
        let mut stream = TcpStream::connect(server.push).await.unwrap();
        stream.write_all(&request[..kept]).await.unwrap();
    }
    assert!(history(&home, "CUT").is_empty());
    assert_eq!(server.push(&push).await.body, SUCCESS_JSON, "the repeat");
    still_well(&home, server).await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let home = Home::new();
    let server = home.serve();
    let pushes: Vec<_> = (0..10).map(|count| push_of(GOODS, &goods(&format!("N{count}"), 0))).collect();
    let wrong = PushRequest { body: b"<xml><Event>x".to_vec(), ..pushes[0].clone() };
    let mut sent = vec![];
    for push in &pushes[..9] {
        sent.extend(bytes(push, "keep-alive"));
    }
    sent.extend(bytes(&wrong, "keep-alive"));
    sent.extend(bytes(&pushes[9], "close"));
    let answer = raw(server.push, &sent).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 11, "{answer}");
    assert_eq!(answer.matches(SUCCESS_JSON).count(), 10, "{answer}");
    let failure = answer.find("<ErrCode>40001</ErrCode>").unwrap();
    assert!(answer[failure..].matches(SUCCESS_JSON).count() == 1, "in order: {answer}");
    for count in 0..10 {
        assert_eq!(recorded(&home, &format!("N{count}")).len(), 1);
    }
    still_well(&home, server).await;
}

#[tokio::test]
async fn a_body_in_chunks_is_a_body_and_a_large_one_is_refused_while_it_comes() {
    let home = Home::new();
    let server = home.serve();
    let push = push_of(GOODS, &goods("CHUNKS", 0));
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n",
        push.path_and_query
    );
    let mut request = head.clone().into_bytes();
    for chunk in push.body.chunks(17) {
        request.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        request.extend([chunk, b"\r\n"].concat());
    }
    request.extend(b"0\r\n\r\n");
    let answer = raw(server.push, &request).await;
    assert!(answer.ends_with(SUCCESS_JSON), "{answer}");

    let mut stream = TcpStream::connect(server.push).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    // One byte more than 64 KiB, and no end.
    for _ in 0..16 {
        stream.write_all(chunk.as_bytes()).await.unwrap();
    }
    stream.write_all(b"1\r\nx\r\n").await.unwrap();
    assert!(closed(&mut stream).await.contains(r#"{"ErrCode":41301,"#));
    still_well(&home, server).await;
}

#[tokio::test]
async fn what_is_no_push_is_refused_without_harm() {
    let home = Home::new();
    let server = home.serve();
    let push = push_of(GOODS, &goods("N", 0));
    let path = &push.path_and_query;
    let long = format!("{path}&x={}", "x".repeat(5000));
    let longer = format!("{path}&x={}", "x".repeat(100_000));
    let requests: [(&str, Vec<u8>); 8] = [
        ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS".to_vec()),
        (
            "two lengths",
            format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx")
                .into_bytes(),
        ),
        (
            "a negative length",
            format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n").into_bytes(),
        ),
        (
            "a huge head",
            format!("POST {path} HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(100_000)).into_bytes(),
        ),
        ("an endless URL", bytes(&PushRequest { path_and_query: longer, ..push.clone() }, "close")),
        ("a long URL", bytes(&PushRequest { path_and_query: long, ..push.clone() }, "close")),
        (
            "another path",
            b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec(),
        ),
        ("the admin's path", b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_vec()),
    ];
    for (what, request) in requests {
        let answer = tokio::time::timeout(Duration::from_secs(10), raw(server.push, &request)).await;
        let answer = answer.unwrap_or_else(|_| panic!("{what}: no answer"));
        let status = answer.split(' ').nth(1).unwrap_or("closed");
        let is_failure = answer.is_empty() || status.starts_with('4') || answer.contains("\"ErrCode\":4");
        assert!(is_failure, "{what}: {answer}");
    }
    assert!(history(&home, "N").is_empty());
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"] {
        let request = bytes(&push, "close");
        let request = [method.as_bytes(), &request[4..]].concat();
        let answer = raw(server.push, &request).await;
        assert!(answer.starts_with("HTTP/1.1 405 "), "{method}: {answer}");
    }
    assert!(history(&home, "N").is_empty());
    still_well(&home, server).await;
}

#[tokio::test]
async fn what_comes_cut_or_late_is_in_the_refused_ring() {
    let home = Home::new();
    let server = home.serve();
    let request = bytes(&push_of(GOODS, &goods("LATE", 0)), "keep-alive");
    let mut stream = TcpStream::connect(server.push).await.unwrap();
    stream.write_all(&request[..request.len() - 5]).await.unwrap();
    let answer = closed(&mut stream).await;
    assert!(answer.contains("\"ErrCode\":40801"), "{answer}");
    until("the late push is in the ring", || refused(&home).iter().any(|entry| entry["code"] == 40801)).await;
    still_well(&home, server).await;
}

#[tokio::test]
async fn connections_that_ask_nothing_make_room_for_wechat() {
    let home = Home::with(|text| text + "[limits]\nconnections_max = 16\n");
    let server = home.serve();
    let mut silent = vec![];
    for _ in 0..48 {
        silent.push(TcpStream::connect(server.push).await.unwrap());
    }
    for number in ["ROOM-1", "ROOM-2", "ROOM-3"] {
        let push = push_of(GOODS, &goods(number, 0));
        let answered = tokio::time::timeout(Duration::from_secs(3), server.push(&push)).await;
        assert_eq!(answered.expect("answered while WeChat waits").code(), 0);
    }
    drop(silent);
}
