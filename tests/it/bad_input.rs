//! Bad input: each with a clear answer in the request's format, remembered where designed, nothing lost.

use order_ledger::cli::simulate::{PushRequest, Writing};
use serde_json::json;

use super::by_hand::{
    DEMO, Field, GOODS, SUCCESS_JSON, SUCCESS_XML, goods, key_of, message, pay_event_sig, push_of,
    signed_message, with,
};
use super::looking::{ended_well, recorded, refused};
use super::server::{ADMIN_TOKEN, AES_KEY, Answer, Home, PRODUCTION_KEY, SANDBOX_KEY, Server, until};

/// A code of a refusal that leaves the exact kind open.
pub const UNREADABLE_OR_UNSIGNED: &[u32] = &[40001, 40101];

fn is_in_format(answer: &Answer, body: &[u8]) -> bool {
    let text = &answer.body;
    if body.first() == Some(&b'<') {
        answer.content_type.contains("xml")
            && text.starts_with("<xml><ErrCode>")
            && text.ends_with("</ErrMsg></xml>")
    } else {
        let read: Result<serde_json::Value, _> = serde_json::from_str(text);
        answer.content_type.contains("json") && read.is_ok_and(|read| read["ErrMsg"].is_string())
    }
}

/// What the answers must never hold.
pub const SECRETS: [&str; 4] = [PRODUCTION_KEY, SANDBOX_KEY, AES_KEY, ADMIN_TOKEN];

/// Pushes each, expects one of the codes in the request's format, and finds it in the refused ring;
/// afterwards a good push is taken, and the log tells neither a panic nor a secret.
pub async fn all_refused(
    home: &Home,
    server: Server,
    good: PushRequest,
    rows: Vec<(String, PushRequest, &[u32])>,
) {
    for (what, request, codes) in &rows {
        let answer = server.push(request).await;
        assert_eq!(answer.status, 200, "{what}: {answer:?}");
        assert!(codes.contains(&answer.code()), "{what}: {answer:?}");
        assert!(is_in_format(&answer, &request.body), "{what}: {answer:?}");
        for secret in SECRETS {
            assert!(!answer.body.contains(secret), "{what} tells {secret:?}: {answer:?}");
        }
        assert!(answer.body.len() < 1000, "{what}: an answer is short: {answer:?}");
    }
    // The same content again is counted, not kept again.
    let times = |entry: &serde_json::Value| entry["times"].as_u64().unwrap();
    until("the refused pushes are in the ring", || {
        refused(home).iter().map(times).sum::<u64>() == rows.len() as u64
    })
    .await;
    assert!(recorded(home, "N").is_empty(), "a refused push reached the log");
    assert_eq!(server.push(&good).await.code(), 0, "a good push afterwards");
    assert_eq!(recorded(home, "N"), ["order-demo.N GoodsDelivered"]);
    ended_well(server, &SECRETS);
}

#[tokio::test]
async fn a_signature_with_any_digit_changed_is_refused() {
    let home = Home::new();
    let server = home.serve();
    let payload = goods("N", 0).to_string();
    let sig = pay_event_sig(key_of(0), GOODS, &payload);
    let mut rows: Vec<(String, PushRequest, &[u32])> = vec![];
    for (count, place) in [0, 1, 7, 31, 32, 62, 63].into_iter().enumerate() {
        for digit in "0123456789abcdefg".chars().filter(|digit| !sig[place..].starts_with(*digit)) {
            let altered = format!("{}{digit}{}", &sig[..place], &sig[place + 1..]);
            let writing = Writing::ALL[count % 3];
            rows.push((
                altered.clone(),
                DEMO.plain(signed_message(writing, GOODS, &payload, &altered)),
                &[40101],
            ));
        }
    }
    for (what, altered) in [
        ("shorter", &sig[..63]),
        ("longer", &format!("{sig}0")),
        ("empty", ""),
        ("the document's placeholder", "f749f67b"),
        ("another event's", &pay_event_sig(key_of(0), "minigame_deliver_game_pay_products", &payload)),
        ("another payload's", &pay_event_sig(key_of(0), GOODS, &format!("{payload} "))),
        ("without the event", &pay_event_sig(key_of(0), "", &payload)),
        ("nobody's key", &pay_event_sig("", GOODS, &payload)),
    ] {
        rows.push((
            what.to_owned(),
            DEMO.plain(signed_message(Writing::Json, GOODS, &payload, altered)),
            &[40101],
        ));
    }
    for writing in Writing::ALL {
        let missing = message(writing, GOODS, &[("Payload", Field::Text(&payload))]);
        rows.push((format!("no signature, {writing:?}"), DEMO.plain(missing), &[40101]));
    }
    let null = message(
        Writing::Json,
        GOODS,
        &[("Payload", Field::Text(&payload)), ("PayEventSig", Field::Raw("null"))],
    );
    rows.push(("a null signature".into(), DEMO.plain(null), UNREADABLE_OR_UNSIGNED));
    let good = DEMO.plain(signed_message(Writing::Json, GOODS, &payload, &sig.to_uppercase()));
    all_refused(&home, server, good, rows).await;
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused_in_its_own_format() {
    let home = Home::new();
    let server = home.serve();
    let payload = goods("N", 0).to_string();
    let sig = pay_event_sig(key_of(0), GOODS, &payload);
    let mut rows: Vec<(String, PushRequest, &[u32])> = vec![];
    let mut row =
        |what: String, body: Vec<u8>, codes: &'static [u32]| rows.push((what, DEMO.plain(body), codes));
    for writing in Writing::ALL {
        let whole = signed_message(writing, GOODS, &payload, &sig);
        for kept in [1, 2, whole.len() / 4, whole.len() / 2, whole.len() - 10, whole.len() - 1] {
            row(format!("{writing:?} cut at {kept}"), whole.as_bytes()[..kept].to_vec(), &[40001]);
        }
        row(format!("{writing:?} twice"), format!("{whole}{whole}").into_bytes(), &[40001]);
        let at = whole.find("gh_").unwrap();
        for bytes in [&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xe4\xb8"] {
            let invalid = [&whole.as_bytes()[..at], bytes, &whole.as_bytes()[at..]].concat();
            row(format!("{writing:?} with {bytes:?}"), invalid, &[40001]);
        }
    }
    let json = signed_message(Writing::Json, GOODS, &payload, &sig);
    let xml = signed_message(Writing::XmlCdata, GOODS, &payload, &sig);
    let deep = |open: &str, close: &str, depth| format!("{}{}", open.repeat(depth), close.repeat(depth));
    for depth in [100, 3000] {
        row(format!("{depth} lists"), deep("[", "]", depth).into_bytes(), &[40001]);
        row(format!("{depth} objects"), deep("{\"a\":", "}", depth).into_bytes(), &[40001]);
        row(format!("{depth} lists begun"), "[".repeat(depth).into_bytes(), &[40001]);
        let inside = json.replace("\"MsgType\"", &format!("\"Deep\":{},\"MsgType\"", deep("[", "]", depth)));
        row(format!("{depth} lists in the message"), inside.into_bytes(), &[40001]);
        let inside = xml.replace("<MsgType>", &format!("{}<MsgType>", deep("<a>", "</a>", depth)));
        row(format!("{depth} elements in the message"), inside.into_bytes(), &[40001]);
        row(format!("{depth} elements begun"), "<xml>".repeat(depth).into_bytes(), &[40001]);
        let unsigned = with(goods("N", 0), "/Deep", json!(0)).to_string();
        let unsigned = unsigned.replace("\"Deep\":0", &format!("\"Deep\":{}", deep("[", "]", depth)));
        let bomb = signed_message(Writing::Json, GOODS, &unsigned, &sig);
        row(format!("{depth} lists in an unsigned payload"), bomb.into_bytes(), UNREADABLE_OR_UNSIGNED);
    }
    for (what, from, to) in [
        ("Event twice", "\"MsgType\"", "\"Event\":\"other\",\"MsgType\""),
        ("an unknown key twice", "\"MsgType\"", "\"A\":1,\"A\":1,\"MsgType\""),
        ("a key twice, once escaped", "\"MsgType\"", "\"\\u0045vent\":\"other\",\"MsgType\""),
        ("MiniGame twice", "\"MsgType\"", "\"MiniGame\":{},\"MsgType\""),
        ("Payload twice", "\"Payload\"", "\"Payload\":\"{}\",\"Payload\""),
        ("PayEventSig twice", "\"PayEventSig\"", "\"PayEventSig\":\"\",\"PayEventSig\""),
        ("IsMock twice", "\"Payload\"", "\"IsMock\":false,\"IsMock\":true,\"Payload\""),
        ("a comma too many", "\"MsgType\"", ",\"MsgType\""),
        ("a comment", "\"MsgType\"", "/* x */\"MsgType\""),
        ("a payload that is an object", "\"Payload\"", "\"Payload\":{},\"Payload2\""),
    ] {
        assert!(json.contains(from));
        row(what.into(), json.replacen(from, to, 1).into_bytes(), &[40001]);
    }
    for (what, from, to) in [
        ("<Event> twice", "<MsgType>", "<Event>other</Event><MsgType>"),
        ("<MiniGame> twice", "<MsgType>", "<MiniGame></MiniGame><MsgType>"),
        ("<Payload> twice", "<Payload>", "<Payload>{}</Payload><Payload>"),
        ("<PayEventSig> twice", "<PayEventSig>", "<PayEventSig>0</PayEventSig><PayEventSig>"),
        ("an unknown element twice", "<MsgType>", "<A>1</A><A>2</A><MsgType>"),
        ("an unknown element twice inside", "<MsgType>", "<A><b>1</b><b>2</b></A><MsgType>"),
        ("a wrong end", "</Event>", "</event>"),
        ("a lone &", "<MsgType>", "<A>a & b</A><MsgType>"),
        ("an unknown entity", "<MsgType>", "<A>&nbsp;</A><MsgType>"),
        ("a character that XML forbids", "<MsgType>", "<A>&#0;</A><MsgType>"),
    ] {
        assert!(xml.contains(from));
        row(what.into(), xml.replacen(from, to, 1).into_bytes(), &[40001]);
    }
    let twice = payload.replace("\"Quantity\":2", "\"Quantity\":2,\"Quantity\":3");
    let unsigned = signed_message(Writing::Json, GOODS, &twice, &sig);
    row("a duplicate key in an unsigned payload".into(), unsigned.into_bytes(), UNREADABLE_OR_UNSIGNED);
    for text in [
        "",
        " ",
        "null",
        "true",
        "0",
        "\"a\"",
        "[]",
        "{}",
        "<xml/>",
        "<xml></xml>",
        "<a></a>",
        "<",
        "hello",
        "\u{feff}",
        "\0",
    ] {
        row(format!("{text:?}"), text.as_bytes().to_vec(), &[40001]);
    }
    all_refused(&home, server, push_of(GOODS, &goods("N", 0)), rows).await;
}

#[tokio::test]
async fn xml_with_a_document_type_or_entities_of_its_own_is_refused() {
    let home = Home::new();
    let server = home.serve();
    let payload = goods("N", 0).to_string();
    let sig = pay_event_sig(key_of(0), GOODS, &payload);
    let xml = signed_message(Writing::XmlCdata, GOODS, &payload, &sig);
    let laughs: String = (1..10)
        .map(|level| format!("<!ENTITY l{level} \"{}\">", format!("&l{};", level - 1).repeat(10)))
        .collect();
    let mut rows: Vec<(String, PushRequest, &[u32])> = vec![];
    for (what, prolog, inside) in [
        ("a document type", "<!DOCTYPE xml>".to_owned(), ""),
        ("a document type elsewhere", "<!DOCTYPE xml SYSTEM \"http://127.0.0.1:1/x.dtd\">".to_owned(), ""),
        ("an entity", "<!DOCTYPE xml [<!ENTITY e \"x\">]>".to_owned(), "&e;"),
        (
            "an entity elsewhere",
            "<!DOCTYPE xml [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>".to_owned(),
            "&e;",
        ),
        (
            "a parameter entity",
            "<!DOCTYPE xml [<!ENTITY % e SYSTEM \"file:///etc/passwd\"> %e;]>".to_owned(),
            "",
        ),
        ("a billion laughs", format!("<!DOCTYPE xml [<!ENTITY l0 \"lol\">{laughs}]>"), "&l9;"),
    ] {
        let body = format!("{prolog}{}", xml.replace("<MsgType>", &format!("<A>{inside}</A><MsgType>")));
        rows.push((what.to_owned(), DEMO.plain(body.clone()), &[40001]));
        let declared = format!("<?xml version=\"1.0\"?>{body}");
        rows.push((format!("{what}, declared"), DEMO.plain(declared), &[40001]));
    }
    let late = xml.replace("<MsgType>", "<!DOCTYPE xml><MsgType>");
    rows.push(("a document type inside".into(), DEMO.plain(late), &[40001]));
    all_refused(&home, server, push_of(GOODS, &goods("N", 0)), rows).await;
}

/// A push whose body has exactly this many bytes.
fn of_size(number: &str, bytes: usize) -> PushRequest {
    let make = |attach: usize| {
        push_of(GOODS, &with(goods(number, 0), "/GoodsInfo/Attach", json!("a".repeat(attach))))
    };
    let push = make(bytes - make(0).body.len());
    assert_eq!(push.body.len(), bytes);
    push
}

#[tokio::test]
async fn a_body_of_64_kib_is_read_and_one_byte_more_is_too_large() {
    let home = Home::new();
    let server = home.serve();
    let xml = format!("<xml>{}</xml>", " ".repeat(64 * 1024));
    let rows: Vec<(String, PushRequest, &[u32])> = vec![
        ("one byte too many".into(), of_size("N", 64 * 1024 + 1), &[41301]),
        ("a megabyte".into(), of_size("N", 1024 * 1024), &[41301]),
        ("XML".into(), DEMO.plain(xml), &[41301]),
    ];
    all_refused(&home, server, of_size("N", 64 * 1024), rows).await;
}

#[tokio::test]
async fn the_format_is_told_by_the_first_byte_and_not_by_the_content_type() {
    let home = Home::new();
    let server = home.serve();
    let payload = goods("N", 0).to_string();
    let sig = pay_event_sig(key_of(0), GOODS, &payload);
    for content_type in
        ["text/xml", "application/json", "text/plain", "image/png", "", "nonsense; charset=gbk"]
    {
        for (writing, expected) in [(Writing::Json, SUCCESS_JSON), (Writing::XmlCdata, SUCCESS_XML)] {
            let request = DEMO.plain(signed_message(writing, GOODS, &payload, &sig));
            let answer = server.post(&request.path_and_query, content_type, request.body.clone()).await;
            assert_eq!(answer.body, expected, "{content_type:?} {writing:?}");
            assert!(is_in_format(&answer, &request.body), "{content_type:?} {answer:?}");
        }
    }
}

#[tokio::test]
async fn wrong_urls_are_refused() {
    let home = Home::new();
    let server = home.serve();
    let good = push_of(GOODS, &goods("N", 0));
    let path = &good.path_and_query;
    let (bare, query) = path.split_once('?').unwrap();
    let nonce = query.split('&').find(|part| part.starts_with("nonce=")).unwrap();
    let to = |path: String| PushRequest { path_and_query: path, ..good.clone() };
    let rows: Vec<(String, PushRequest, &[u32])> = vec![
        ("no parameters".into(), to(bare.into()), &[40101]),
        ("another signature".into(), to(path.replace("signature=", "signature=0")), &[40101]),
        ("another timestamp".into(), to(path.replace("timestamp=1", "timestamp=2")), &[40101]),
        ("no nonce".into(), to(path.replace(&format!("&{nonce}"), "")), &[40101]),
        ("nonce twice".into(), to(format!("{path}&{nonce}")), UNREADABLE_OR_UNSIGNED),
        ("signature twice".into(), to(format!("{path}&signature=0")), UNREADABLE_OR_UNSIGNED),
        (
            "a signature that is no UTF-8".into(),
            to(path.replace("signature=", "signature=%ff")),
            UNREADABLE_OR_UNSIGNED,
        ),
        ("long parameters".into(), to(format!("{path}&more={}", "x".repeat(8000))), UNREADABLE_OR_UNSIGNED),
        ("an unknown app".into(), to(path.replace("/demo", "/unknown")), &[40401]),
        ("an unknown channel".into(), to(path.replace("/demo", "/demo/unknown")), &[40401]),
        (
            "an unknown app, XML".into(),
            PushRequest { path_and_query: path.replace("/demo", "/unknown"), ..DEMO.plain("<xml></xml>") },
            &[40401],
        ),
        ("an app that cannot be".into(), to(path.replace("/demo", "/%FF%00..%2f")), &[40401]),
    ];
    all_refused(&home, server, good, rows).await;
}
