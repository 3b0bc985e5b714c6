//! Every vector of WeChat's push protocol, through the running server.

use order_ledger::cli::simulate::{PushRequest, Writing};
use order_ledger::wechat::crypt::{AesKey, decrypt};
use order_ledger::wechat::secret::Secret;
use order_ledger::wechat::signature::sha1_of_sorted;
use serde_json::Value;

use super::by_hand::{DEMO, GOODS, ROLES, SUCCESS_JSON, SUCCESS_XML, pay_event_sig, signed_message, success};
use super::connections::raw;
use super::game::Game;
use super::gifts::gift;
use super::looking::{history, recorded, waiting};
use super::server::{AES_KEY, APP_ID, Home, PRODUCTION_KEY, SANDBOX_KEY, Server, TOKEN};

const URL_CHECK: &str =
    "signature=f464b24fc39322e44b38aa78f5edd27bd1441696&timestamp=1714036504&nonce=1514711492";
const PLAIN_PUSH: &str =
    "signature=899cf89e464efb63f54ddac96b0a0a235f53aa78&timestamp=1714037059&nonce=486452656";

const SANDBOX_GOODS: &str = r#"{"OpenId":"example_open_id","OutTradeNo":"example_out_trade_no","WeChatPayInfo":{"MchOrderNo":"example_mch_order_no","TransactionId":"example_transaction_id"},"Env":1,"GoodsInfo":{"ProductId":"example_product_id","Quantity":1,"ZoneId":"example_zone_id","OrigPrice":1000,"ActualPrice":1000,"Attach":"example_attach_data","OrderSource":1}}"#;
const SANDBOX_GOODS_SIG: &str = "b79af6303eb7445bb37d22f5aeee951f90d30790bd88fbe0c54dc0780cc6b37d";
const ROLE_LIST: &str = r#"{"OpenId":"to_user_openid","NeedRoleNum":10}"#;
const ROLE_LIST_SIG: &str = "b849687dc33319bd200c874f1e9b05191932424b0eafb43c6dc440381b2b19ba";
const PRODUCTION_GOODS: &str = r#"{"OpenId":"oTest_中文","OutTradeNo":"ORD-20260101-0001","WeChatPayInfo":{"MchOrderNo":"1900000109T01","TransactionId":"4200000000202601010000000001"},"Env":0,"GoodsInfo":{"ProductId":"gem_60","Quantity":2,"ZoneId":"1","OrigPrice":600,"ActualPrice":1200,"Attach":"{\"k\":\"a/b&c=d\"}","OrderSource":2}}"#;
const PRODUCTION_GOODS_SIG: &str = "bb0e2ce2686eec153eea13fff9bfe27a37dc4418c8ba1e1438c9a87bea525cb5";
/// The same, signed with the sandbox's key.
const WRONG_ENVIRONMENT_SIG: &str = "bd8caf12b7255fd98283373a815d929145d03186bb69b44320b7d1cbf43fae53";

const ENCRYPTED_PUSH: &str = "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04=";
const ENCRYPTED_PUSH_QUERY: &str = "signature=0&timestamp=1714112445&nonce=415670741&encrypt_type=aes&msg_signature=046e02f8204d34f8ba5fa3b1db94908f3df2e9b3";

#[tokio::test]
async fn the_documented_url_check_is_answered_with_echostr_verbatim_as_text_that_no_browser_sniffs() {
    let home = Home::new();
    let server = home.serve();
    let path = format!("/wechat/demo?{URL_CHECK}&echostr=4375120948345356249");
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let answer = raw(server.push, request.as_bytes()).await.to_ascii_lowercase();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert!(head.contains("\r\ncontent-type: text/plain"), "{head}");
    assert!(head.contains("\r\nx-content-type-options: nosniff"), "{head}");
    assert_eq!(body, "4375120948345356249");
}

#[tokio::test]
async fn a_url_check_echoes_nothing_but_1_to_128_digits_letters_underscores_and_hyphens() {
    let home = Home::new();
    let server = home.serve();
    let (longest, too_long) = ("a".repeat(128), "a".repeat(129));
    for (echostr, is_echoed) in [
        ("0", true),
        ("AZaz09_-", true),
        (longest.as_str(), true),
        ("", false),
        (too_long.as_str(), false),
        ("%3Cscript%3Ealert(1)%3C/script%3E", false),
        ("a%20b", false),
        ("a.b", false),
        ("a+b", false),
        ("a%0Ab", false),
        ("a%00", false),
        ("%E4%B8%AD", false),
        ("%FF", false),
    ] {
        let answer = server.get(&format!("/wechat/demo?{URL_CHECK}&echostr={echostr}")).await;
        assert_eq!(answer.status == 200, is_echoed, "{echostr:?}: {answer:?}");
        assert_eq!(answer.body == echostr, is_echoed, "{echostr:?}: {answer:?}");
        assert!(!answer.body.contains("script") && !answer.body.contains("aaaaa") || is_echoed, "{answer:?}");
    }
}

#[tokio::test]
async fn a_url_check_that_no_token_signed_is_not_echoed() {
    let home = Home::new();
    let server = home.serve();
    let altered = URL_CHECK.replace("f464b24f", "f464b24e");
    let other_nonce = URL_CHECK.replace("1514711492", "1514711493");
    for (path, query) in [
        ("/wechat/demo", altered.as_str()),
        ("/wechat/demo", &other_nonce),
        ("/wechat/demo", "timestamp=1714036504&nonce=1514711492"),
        ("/wechat/demo", "signature=&timestamp=1714036504&nonce=1514711492"),
        ("/wechat/demo", "signature=f464b24fc39322e44b38aa78f5edd27bd1441696"),
        ("/wechat/unknown", URL_CHECK),
        ("/wechat/demo/unknown", URL_CHECK),
        ("/wechat/demo", ""),
    ] {
        let answer = server.get(&format!("{path}?{query}&echostr=4375120948345356249")).await;
        assert!((400..500).contains(&answer.status), "{query}: {answer:?}");
        assert!(!answer.body.contains("4375120948345356249"), "{query}: {answer:?}");
    }
    let answer = server.get(&format!("/wechat/demo?{URL_CHECK}")).await;
    assert!((400..500).contains(&answer.status), "without echostr: {answer:?}");
}

/// The app whose sandbox AppKey is the document's `12345`, and the longer one as well.
fn documented() -> Home {
    Home::with(|text| {
        let sandbox = format!("sandbox_keys = [{{ value = \"{SANDBOX_KEY}\" }}]");
        let both = format!(
            "sandbox_keys = [{{ value = \"12345\" }}, {{ value = \"{SANDBOX_KEY}\", state = \"accepted\" }}]"
        );
        text.replace(&sandbox, &both)
    })
}

async fn post(server: &Server, query: &str, body: &str) -> (u16, String) {
    let answer = server.post(&format!("/wechat/demo?{query}"), "application/json", body.to_owned()).await;
    (answer.status, answer.body)
}

#[tokio::test]
async fn the_documented_signatures_of_pushes_are_accepted_and_the_wrong_environments_is_refused() {
    let game = Game::with_roles("[]");
    let home = documented();
    home.reconfigure(|text| game.configured(text));
    let server = home.serve();
    let wrong_environment = signed_message(Writing::Json, GOODS, PRODUCTION_GOODS, WRONG_ENVIRONMENT_SIG);
    let (status, body) = post(&server, PLAIN_PUSH, &wrong_environment).await;
    assert_eq!(status, 200, "{body}");
    assert!(body.starts_with(r#"{"ErrCode":40301,"ErrMsg":""#), "{body}");
    let held = waiting(&home);
    assert_eq!(held.len(), 1);
    assert_eq!(held[0]["out_trade_no"], "ORD-20260101-0001");
    assert_eq!(held[0]["event"], GOODS);

    let no_roles = r#"{"ErrCode":0,"ErrMsg":"Success","RecentPlayedRoleList":[]}"#;
    for (event, payload, sig, answer) in [
        (GOODS, SANDBOX_GOODS, SANDBOX_GOODS_SIG, SUCCESS_JSON),
        (ROLES, ROLE_LIST, ROLE_LIST_SIG, no_roles),
        (GOODS, PRODUCTION_GOODS, PRODUCTION_GOODS_SIG, SUCCESS_JSON),
        (GOODS, PRODUCTION_GOODS, &PRODUCTION_GOODS_SIG.to_uppercase(), SUCCESS_JSON),
    ] {
        let message = signed_message(Writing::Json, event, payload, sig);
        assert_eq!(post(&server, PLAIN_PUSH, &message).await, (200, answer.to_owned()), "{payload}");
    }
    assert_eq!(
        recorded(&home, "example_out_trade_no"),
        ["sandboxOrder-demo.example_out_trade_no GoodsDelivered"]
    );
    let events = history(&home, "ORD-20260101-0001");
    let delivered: Vec<&Value> =
        events.iter().filter(|event| event["event_type"] == "GoodsDelivered").collect();
    assert_eq!(delivered.len(), 1);
    assert_eq!(delivered[0]["stream"], "order-demo.ORD-20260101-0001");
    assert_eq!(delivered[0]["evidence"]["payload"], PRODUCTION_GOODS);
    assert_eq!(delivered[0]["evidence"]["verified_env"], 0);
    assert_eq!(delivered[0]["data"]["attach"], r#"{"k":"a/b&c=d"}"#);
    // The signature still waits for a person: the right push does not decide about the wrong one.
    assert_eq!(waiting(&home).len(), 1);
}

#[tokio::test]
async fn the_documented_plain_url_signature_is_needed_by_every_plain_push() {
    let home = documented();
    let server = home.serve();
    let message = signed_message(Writing::Json, GOODS, SANDBOX_GOODS, SANDBOX_GOODS_SIG);
    for query in [
        PLAIN_PUSH.replace("899cf89e", "899cf89f"),
        PLAIN_PUSH.replace("timestamp=1714037059", "timestamp=1714037058"),
        PLAIN_PUSH.replace("&nonce=486452656", ""),
        String::new(),
    ] {
        let (status, body) = post(&server, &query, &message).await;
        assert!(status == 200 && body.starts_with(r#"{"ErrCode":40101,"#), "{query}: {status} {body}");
    }
    assert!(history(&home, "example_out_trade_no").is_empty());
    assert_eq!(post(&server, PLAIN_PUSH, &message).await, (200, SUCCESS_JSON.to_owned()));
}

#[tokio::test]
async fn the_documented_encrypted_push_is_opened_and_its_unknown_event_answered_success() {
    let home = Home::secure();
    let server = home.serve();
    let as_json = format!(r#"{{"ToUserName":"gh_97417a04a28d","Encrypt":"{ENCRYPTED_PUSH}"}}"#);
    let as_xml = format!(
        "<xml><ToUserName><![CDATA[gh_97417a04a28d]]></ToUserName><Encrypt><![CDATA[{ENCRYPTED_PUSH}]]></Encrypt></xml>"
    );
    let altered_query = ENCRYPTED_PUSH_QUERY.replace("046e02f8", "046e02f9");
    let altered_body = as_json.replace("+qdx1OKC", "+qdx1OKD");
    for (query, body, answer) in [
        (ENCRYPTED_PUSH_QUERY, &as_json, SUCCESS_JSON),
        (ENCRYPTED_PUSH_QUERY, &as_xml, SUCCESS_XML),
        (&altered_query, &as_json, r#"{"ErrCode":40101,"#),
        (&altered_query, &as_xml, "<xml><ErrCode>40101</ErrCode>"),
        (ENCRYPTED_PUSH_QUERY, &altered_body, r#"{"ErrCode":40101,"#),
    ] {
        let (status, text) = post(&server, query, body).await;
        assert!(status == 200 && text.starts_with(answer), "{query} {body}: {status} {text}");
    }
}

#[test]
fn the_documented_encrypted_answer_is_made_byte_for_byte() {
    let key = AesKey::parse(&Secret::new(AES_KEY.to_owned())).unwrap();
    let encrypt = key.encrypt(b"707722b803182950", r#"{"demo_resp":"good luck"}"#, APP_ID);
    assert_eq!(
        encrypt,
        "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ=="
    );
    let signature = sha1_of_sorted([TOKEN, "1713424427", "415670741", &encrypt]);
    assert_eq!(signature, "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1");
}

/// The text of one field of an encrypted answer.
fn field(answer: &str, writing: Writing, name: &str) -> String {
    match writing {
        Writing::Json => match &serde_json::from_str::<Value>(answer).unwrap()[name] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        },
        Writing::XmlCdata | Writing::XmlEscaped => {
            let text = answer.split_once(&format!("<{name}>")).unwrap().1;
            let text = text.split_once(&format!("</{name}>")).unwrap().0;
            text.trim_start_matches("<![CDATA[").trim_end_matches("]]>").to_owned()
        }
    }
}

#[tokio::test]
async fn where_the_app_says_so_gifts_are_answered_encrypted_and_everything_else_in_clear() {
    let home =
        Home::with(|text| text.replace("mode = \"plain\"", "mode = \"security\"\nreply = \"encrypted\""));
    let server = home.serve();
    for (number, writing) in Writing::ALL.into_iter().enumerate() {
        let push: PushRequest = DEMO.secure(writing, &gift(writing, &format!("GIFT-{number}"), "0", "2"));
        let answer = server.push(&push).await;
        let encrypt = field(&answer.body, writing, "Encrypt");
        let (timestamp, nonce) =
            (field(&answer.body, writing, "TimeStamp"), field(&answer.body, writing, "Nonce"));
        let signature = sha1_of_sorted([TOKEN, &timestamp, &nonce, &encrypt]);
        assert_eq!(field(&answer.body, writing, "MsgSignature"), signature, "{answer:?}");
        let key = AesKey::parse(&Secret::new(AES_KEY.to_owned())).unwrap();
        let inside = decrypt(&[key], &encrypt, APP_ID).unwrap();
        assert_eq!(inside, success(writing));
        if writing == Writing::Json {
            let fields: serde_json::Map<String, Value> = serde_json::from_str(&answer.body).unwrap();
            let mut names: Vec<_> = fields.keys().collect();
            names.sort();
            assert_eq!(names, ["Encrypt", "MsgSignature", "Nonce", "TimeStamp"]);
            assert!(answer.body.contains(&format!("\"TimeStamp\":{timestamp},")), "a number: {answer:?}");
        }
        let goods = PRODUCTION_GOODS.replace("ORD-20260101-0001", &format!("ORDER-{number}"));
        let sig = pay_event_sig(PRODUCTION_KEY, GOODS, &goods);
        let push = DEMO.secure(writing, &signed_message(writing, GOODS, &goods, &sig));
        assert_eq!(server.push(&push).await.body, success(writing));
    }
}
