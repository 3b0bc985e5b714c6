//! How a message is wrapped: unknown fields, escapes, and the clear beside the encrypted part.

use order_ledger::cli::simulate::{PushRequest, Writing};
use serde_json::json;

use super::by_hand::{DEMO, GOODS, goods, key_of, pay_event_sig, signed_message, success, with};
use super::looking::{history, recorded};
use super::server::{AES_KEY, Home};

#[tokio::test]
async fn unknown_fields_of_the_envelope_and_the_absence_of_names_and_time_are_no_error() {
    let home = Home::new();
    let server = home.serve();
    let payload = goods("BARE", 0).to_string();
    let sig = pay_event_sig(key_of(0), GOODS, &payload);
    let bare =
        json!({"MsgType": "event", "Event": GOODS, "MiniGame": {"Payload": payload, "PayEventSig": sig}});
    let more = json!({
        "CreateTime": 1, "MsgType": "event", "Event": GOODS, "Extra": {"a": [1]},
        "MiniGame": {"Payload": payload, "PayEventSig": sig, "Extra": null, "More": {"b": 1.5}},
    });
    let bare_xml = format!(
        "<xml><MsgType>event</MsgType><Event>{GOODS}</Event><MiniGame><Payload><![CDATA[{payload}]]></Payload>\
         <PayEventSig>{sig}</PayEventSig></MiniGame></xml>"
    );
    let more_xml = bare_xml.replace("</MiniGame>", "<More a='1'><b>1</b></More></MiniGame><Extra/>");
    // Between elements; inside a text, white space would be the text's own.
    let spaced_xml = bare_xml.replace("><Event", ">\n  <Event").replace("><MiniGame", ">\n\t<MiniGame");
    let spaced_xml = spaced_xml.replace("<Payload", "\r\n<Payload").replace("</xml>", "\n</xml>\n");
    let with_prolog = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{bare_xml}");
    for body in [bare.to_string(), more.to_string(), bare_xml, more_xml, spaced_xml, with_prolog] {
        assert_eq!(server.push(&DEMO.plain(body.clone())).await.code(), 0, "{body}");
    }
    assert_eq!(recorded(&home, "BARE").len(), 1);
}

#[tokio::test]
async fn a_payload_in_xml_is_unescaped_exactly_once() {
    let home = Home::new();
    let server = home.serve();
    let attach = "&amp;lt; &lt; & < > ]]> &#65; &quot; \" ' \\ 中文 <![CDATA[x]]>";
    for (number, writing) in Writing::ALL.into_iter().enumerate() {
        let number = format!("ONCE-{number}");
        let payload = with(goods(&number, 0), "/GoodsInfo/Attach", json!(attach)).to_string();
        let sig = pay_event_sig(key_of(0), GOODS, &payload);
        let answer = server.push(&DEMO.plain(signed_message(writing, GOODS, &payload, &sig))).await;
        assert_eq!(answer.body, success(writing), "{writing:?}");
        let events = history(&home, &number);
        assert_eq!(events[0]["evidence"]["payload"], payload);
        assert_eq!(events[0]["data"]["attach"], attach);
    }
    // Character references say the same as names.
    let payload = goods("REFERENCES", 0).to_string();
    let sig = pay_event_sig(key_of(0), GOODS, &payload);
    let body = signed_message(Writing::XmlEscaped, GOODS, &payload, &sig);
    let body = body.replace("&quot;", "&#34;").replace("&amp;", "&#x26;");
    assert_eq!(server.push(&DEMO.plain(body)).await.code(), 0);
    // What was signed before escaping twice is not what arrives.
    let twice = signed_message(Writing::XmlEscaped, GOODS, &payload.replace('&', "&amp;"), &sig);
    assert_eq!(server.push(&DEMO.plain(twice)).await.code(), 40101);
}

#[tokio::test]
async fn a_payload_in_json_may_be_escaped_in_any_way() {
    let home = Home::new();
    let server = home.serve();
    let payload =
        with(goods("N", 0), "/GoodsInfo/Attach", json!("中文 / \u{1f600} \u{7f} \\u0041")).to_string();
    let sig = pay_event_sig(key_of(0), GOODS, &payload);
    let escape = |c: char| -> String {
        c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04X}")).collect()
    };
    let all: String = payload.chars().map(escape).collect();
    let slashes = json!(payload).to_string().replace('/', "\\/");
    for written in [format!("\"{all}\""), slashes] {
        let body = signed_message(Writing::Json, GOODS, "PAYLOAD", &sig).replace("\"PAYLOAD\"", &written);
        assert_eq!(server.push(&DEMO.plain(body.clone())).await.code(), 0, "{body}");
    }
    assert_eq!(history(&home, "N")[0]["evidence"]["payload"], payload);
}

/// The clear part of one message with the encrypted part of another.
fn mixed(writing: Writing, clear: &str, encrypted: &str) -> PushRequest {
    let message = |number: &str| {
        let payload = goods(number, 0).to_string();
        signed_message(writing, GOODS, &payload, &pay_event_sig(key_of(0), GOODS, &payload))
    };
    let (clear, encrypted) = (message(clear), DEMO.compatible(writing, &message(encrypted)));
    let both = String::from_utf8(encrypted.body).unwrap();
    let (from, before) = match writing {
        Writing::Json => (both.rfind(",\"Encrypt\"").unwrap(), "}"),
        Writing::XmlCdata | Writing::XmlEscaped => (both.rfind("<Encrypt>").unwrap(), "</xml>"),
    };
    let body = format!("{}{}", clear.strip_suffix(before).unwrap(), &both[from..]);
    PushRequest { body: body.into_bytes(), ..encrypted }
}

#[tokio::test]
async fn where_the_app_has_a_key_the_encrypted_part_is_verified_and_used_and_the_clear_one_is_not() {
    for mode in ["compatible", "security"] {
        let home = Home::with(|text| text.replace("mode = \"plain\"", &format!("mode = \"{mode}\"")));
        let server = home.serve();
        for (count, writing) in Writing::ALL.into_iter().enumerate() {
            let (clear, encrypted) = (format!("CLEAR-{count}"), format!("ENCRYPTED-{count}"));
            let push = mixed(writing, &clear, &encrypted);
            assert_eq!(server.push(&push).await.body, success(writing), "{mode} {writing:?}");
            assert!(history(&home, &clear).is_empty(), "{mode} {writing:?}");
            assert_eq!(recorded(&home, &encrypted).len(), 1, "{mode} {writing:?}");

            let forged = mixed(writing, "FORGED", "FORGED");
            let path = forged.path_and_query.replace("msg_signature=", "msg_signature=0");
            let unsigned = PushRequest { path_and_query: path, ..forged };
            assert_eq!(server.push(&unsigned).await.code(), 40101, "{mode} {writing:?}");
        }
        assert!(history(&home, "FORGED").is_empty());
    }
}

#[tokio::test]
async fn where_the_app_has_no_key_the_clear_part_of_a_compatible_push_is_used() {
    let home = Home::with(|text| text.replace(&format!("[{{ value = \"{AES_KEY}\" }}]"), "[]"));
    let server = home.serve();
    for (count, writing) in Writing::ALL.into_iter().enumerate() {
        let number = format!("CLEAR-{count}");
        let push = mixed(writing, &number, "ENCRYPTED");
        assert_eq!(server.push(&push).await.body, success(writing), "{writing:?}");
        assert_eq!(recorded(&home, &number).len(), 1);
    }
    assert!(history(&home, "ENCRYPTED").is_empty());
}
