//! Encrypted pushes that WeChat did not make for this app.

use aes::Aes256;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use order_ledger::cli::simulate::{PushRequest, Writing};

use super::bad_input::{UNREADABLE_OR_UNSIGNED, all_refused};
use super::by_hand::{Console, DEMO, GOODS, goods, key_of, pay_event_sig, signed_message};
use super::server::{AES_KEY, APP_ID, Home};

/// `Encrypt` of these plain bytes, which are padded already or wrongly.
fn encrypted(plain: &[u8]) -> String {
    let key = STANDARD.decode(format!("{AES_KEY}=")).unwrap();
    let cipher = cbc::Encryptor::<Aes256>::new_from_slices(&key, &key[..16]).unwrap();
    STANDARD.encode(cipher.encrypt_padded_vec::<NoPadding>(plain))
}

/// `random(16) ‖ length(4) ‖ message ‖ AppID`, padded with this many bytes of this value.
fn padded(message: &str, length: usize, padding: impl Fn(usize) -> Vec<u8>) -> String {
    let mut plain = b"0123456789abcdef".to_vec();
    plain.extend(u32::try_from(length).unwrap().to_be_bytes());
    plain.extend(message.as_bytes());
    plain.extend(APP_ID.as_bytes());
    let missing = 32 - plain.len() % 32;
    plain.extend(padding(missing));
    encrypted(&plain)
}

#[tokio::test]
async fn an_encrypted_push_that_was_not_made_by_wechat_for_this_app_is_refused() {
    let home = Home::secure();
    let server = home.serve();
    let payload = goods("N", 0).to_string();
    let inside = signed_message(Writing::Json, GOODS, &payload, &pay_event_sig(key_of(0), GOODS, &payload));
    let right = |missing: usize| vec![missing as u8; missing];
    let length = inside.len();
    let good = DEMO.carrying(Writing::Json, &padded(&inside, length, right));
    let carry = |encrypt: String| DEMO.carrying(Writing::Json, &encrypt);
    let other_app = Console { app_id: "wx0000000000000000", ..DEMO };
    let no_app = Console { app_id: "", ..DEMO };
    let other_token = Console { token: "BBBBB", ..DEMO };
    let other_key = Console { aes_key: "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB", ..DEMO };
    let in_clear = DEMO.plain(inside.clone());
    let mut rows: Vec<(String, PushRequest, &[u32])> = vec![
        ("in clear".into(), in_clear.clone(), &[40101]),
        (
            "in clear, encrypted, it says".into(),
            PushRequest {
                path_and_query: format!("{}&encrypt_type=aes&msg_signature=0", in_clear.path_and_query),
                ..in_clear
            },
            &[40101],
        ),
        ("another AppID".into(), other_app.secure(Writing::Json, &inside), UNREADABLE_OR_UNSIGNED),
        ("another AppID, XML".into(), other_app.secure(Writing::XmlCdata, &inside), UNREADABLE_OR_UNSIGNED),
        ("no AppID".into(), no_app.secure(Writing::Json, &inside), UNREADABLE_OR_UNSIGNED),
        ("another Token".into(), other_token.secure(Writing::Json, &inside), &[40101]),
        ("another EncodingAESKey".into(), other_key.secure(Writing::Json, &inside), UNREADABLE_OR_UNSIGNED),
        (
            "no msg_signature".into(),
            PushRequest {
                path_and_query: good.path_and_query.split("&msg_sig").next().unwrap().into(),
                ..good.clone()
            },
            &[40101],
        ),
        (
            "padding of zeros".into(),
            carry(padded(&inside, length, |missing| vec![0; missing])),
            UNREADABLE_OR_UNSIGNED,
        ),
        (
            "padding longer than a block".into(),
            carry(padded(&inside, length, |missing| vec![33; missing + 32])),
            UNREADABLE_OR_UNSIGNED,
        ),
        (
            "uneven padding".into(),
            carry(padded(&inside, length, |missing| [vec![1; missing - 1], vec![missing as u8]].concat())),
            UNREADABLE_OR_UNSIGNED,
        ),
        (
            "a length beyond the end".into(),
            carry(padded(&inside, length + 1000, right)),
            UNREADABLE_OR_UNSIGNED,
        ),
        (
            "the largest length".into(),
            carry(padded(&inside, u32::MAX as usize, right)),
            UNREADABLE_OR_UNSIGNED,
        ),
        ("a length of nothing".into(), carry(padded(&inside, 0, right)), UNREADABLE_OR_UNSIGNED),
        ("an empty message".into(), carry(padded("", 0, right)), &[40001]),
        ("another message".into(), carry(padded("hello", 5, right)), &[40001]),
        ("one block of nothing".into(), carry(encrypted(&[32; 32])), UNREADABLE_OR_UNSIGNED),
    ];
    for (what, encrypt) in [
        ("an empty text", ""),
        ("no base64", "***"),
        ("cut base64", "+qdx1OKCy+5JPCBFWw70t"),
        ("half a block", "AAAAAAAAAAA="),
        ("base64 with line breaks", "AAAA\nAAAA"),
        ("zeros", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    ] {
        for writing in [Writing::Json, Writing::XmlEscaped] {
            rows.push((
                format!("{what}, {writing:?}"),
                DEMO.carrying(writing, encrypt),
                UNREADABLE_OR_UNSIGNED,
            ));
        }
    }
    all_refused(&home, server, good, rows).await;
}
