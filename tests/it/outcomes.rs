//! What becomes of a push whose order is known: the same success, payment ids added, or a conflict.

use order_ledger::cli::simulate::Writing;
use serde_json::{Value, json};

use super::by_hand::{
    COINS, DEMO, GOODS, REFUND, SUCCESS_JSON, coins, goods, key_of, pay_event_sig, push, push_of, refund,
    signed_message, success, with, without,
};
use super::looking::{history, recorded};
use super::server::Home;

/// The goods payload in another order of keys and with other white space.
fn rewritten(number: &str) -> String {
    format!(
        "{{ \"GoodsInfo\" : {{\"OrderSource\":1,\"Attach\":\"{{\\\"k\\\":\\\"a\\/b&c=\\u0064\\\"}}\",\n\
         \"ActualPrice\":1200,\"OrigPrice\":\"600\",\"ZoneId\":\"1\",\"Quantity\":2,\"ProductId\":\"gem_60\",\"Added\":9}},\n\
         \"WeChatPayInfo\":{{\"TransactionId\":\"T{number}\",\"MchOrderNo\":\"M{number}\"}},\n\
         \"Env\":0,\"OutTradeNo\":\"{number}\",\"OpenId\":\"oP\",\"Later\":{{\"x\":[]}} }}"
    )
}

#[tokio::test]
async fn the_same_content_is_the_same_success_however_it_is_written_and_sent() {
    let home = Home::new();
    let server = home.serve();
    let payload = goods("N", 0);
    let first = server.push(&push_of(GOODS, &payload)).await;
    assert_eq!(first.body, SUCCESS_JSON);
    let text = payload.to_string();
    assert_eq!(server.push(&push(key_of(0), GOODS, &text)).await, first, "byte for byte");
    assert_eq!(server.push(&push(key_of(0), GOODS, &rewritten("N"))).await, first, "otherwise written");
    let without_payment = without(payload.clone(), "/WeChatPayInfo");
    assert_eq!(server.push(&push_of(GOODS, &without_payment)).await, first, "payment ids left out");
    // All four goods names mean the same thing.
    assert_eq!(server.push(&push_of("minigame_h5_goods_deliver_notify", &payload)).await, first);
    for writing in Writing::ALL {
        let message = signed_message(writing, GOODS, &text, &pay_event_sig(key_of(0), GOODS, &text));
        let message = message.replace("1767225600", "1767999999");
        assert_eq!(server.push(&DEMO.plain(message.clone())).await.body, success(writing));
        assert_eq!(server.push(&DEMO.secure(writing, &message)).await.body, success(writing));
        assert_eq!(server.push(&DEMO.compatible(writing, &message)).await.body, success(writing));
    }
    assert_eq!(recorded(&home, "N"), ["order-demo.N GoodsDelivered"]);
}

#[tokio::test]
async fn payment_ids_that_were_absent_are_added_once_and_then_contradicted_by_others() {
    let home = Home::new();
    let server = home.serve();
    let bare = |payload: Value| without(payload, "/WeChatPayInfo");
    let paid = |payload: Value, ids: Value| with(payload, "/WeChatPayInfo", ids);
    for (event, number, payload) in
        [(GOODS, "G", bare(goods("G", 0))), (COINS, "C", coins("C", 0)), (REFUND, "R", bare(refund("R", 0)))]
    {
        let stream =
            if event == REFUND { "refund-demo.R".to_owned() } else { format!("order-demo.{number}") };
        let identified = format!("{stream} PaymentIdentified");
        let mut expected = vec![recorded_first(event, &stream)];
        for (ids, code, appended) in [
            (None, 0, None),
            (Some(json!({"MchOrderNo": "M"})), 0, Some(identified.clone())),
            (Some(json!({"MchOrderNo": "M"})), 0, None),
            (Some(json!({"MchOrderNo": "M", "TransactionId": "T"})), 0, Some(identified.clone())),
            (Some(json!({"TransactionId": "T"})), 0, None),
            (Some(json!({})), 0, None),
            (None, 0, None),
            (
                Some(json!({"MchOrderNo": "M", "TransactionId": "OTHER"})),
                40901,
                Some(format!("{stream} ConflictingPushReceived")),
            ),
            (Some(json!({"MchOrderNo": "M", "TransactionId": "T"})), 0, None),
        ] {
            let payload = ids.clone().map_or(payload.clone(), |ids| paid(payload.clone(), ids));
            let answer = server.push(&push_of(event, &payload)).await;
            assert_eq!(answer.code(), code, "{event} {ids:?}: {answer:?}");
            expected.extend(appended);
            assert_eq!(recorded(&home, number), expected, "{event} {ids:?}");
        }
    }
}

fn recorded_first(event: &str, stream: &str) -> String {
    let name = match event {
        GOODS => "GoodsDelivered",
        COINS => "CoinsDelivered",
        _ => "RefundSucceeded",
    };
    format!("{stream} {name}")
}

#[tokio::test]
async fn any_other_business_content_is_a_conflict_each_time_and_recorded_once() {
    let home = Home::new();
    let server = home.serve();
    let goods_changes = [
        ("/OpenId", json!("oOther")),
        ("/GoodsInfo/ProductId", json!("gem_61")),
        ("/GoodsInfo/Quantity", json!(3)),
        ("/GoodsInfo/ZoneId", json!("2")),
        ("/GoodsInfo/OrigPrice", json!(601)),
        ("/GoodsInfo/ActualPrice", json!(1199)),
        ("/GoodsInfo/Attach", json!("{}")),
        ("/GoodsInfo/OrderSource", json!(2)),
        ("/WeChatPayInfo/MchOrderNo", json!("M-OTHER")),
        ("/WeChatPayInfo/TransactionId", json!("T-OTHER")),
    ];
    let coin_changes = [
        ("/OpenId", json!("oOther")),
        ("/CoinInfo/BuyQuantity", json!(101)),
        ("/CoinInfo/OrigPrice", json!(1001)),
        ("/CoinInfo/ActualPrice", json!(901)),
    ];
    let refund_changes = [
        ("/RefundAmount", json!(599)),
        ("/RefundSource", json!(1)),
        ("/OutTradeNo", json!("ANOTHER")),
        ("/WeChatPayInfo/TransactionId", json!("T-OTHER")),
    ];
    for (event, number, original, changes, stream) in [
        (GOODS, "G", goods("G", 0), &goods_changes[..], "order-demo.G"),
        (COINS, "C", coins("C", 0), &coin_changes[..], "order-demo.C"),
        (REFUND, "R", refund("R", 0), &refund_changes[..], "refund-demo.R"),
    ] {
        let first = server.push(&push_of(event, &original)).await;
        assert_eq!(first.code(), 0);
        for (pointer, value) in changes {
            let changed = with(original.clone(), pointer, value.clone());
            let answer = server.push(&push_of(event, &changed)).await;
            assert_eq!(answer.code(), 40901, "{event} {pointer}: {answer:?}");
            assert_eq!(server.push(&push_of(event, &changed)).await, answer, "{event} {pointer}");
            let unknown = with(changed, "/Unknown", json!(1));
            assert_eq!(server.push(&push_of(event, &unknown)).await.code(), 40901, "{event} {pointer}");
            assert_eq!(server.push(&push_of(event, &original)).await, first, "the original, after {pointer}");
        }
        let mut expected = vec![recorded_first(event, stream)];
        expected.extend(changes.iter().map(|_| format!("{stream} ConflictingPushReceived")));
        assert_eq!(recorded(&home, number), expected);
    }
    // Coins under the number of a goods order contradict it as well.
    assert_eq!(server.push(&push_of(COINS, &coins("G", 0))).await.code(), 40901);
    assert_eq!(server.push(&push_of(GOODS, &goods("C", 0))).await.code(), 40901);
}

#[tokio::test]
async fn a_conflict_is_answered_in_the_format_of_the_request() {
    let home = Home::new();
    let server = home.serve();
    assert_eq!(server.push(&push_of(GOODS, &goods("N", 0))).await.code(), 0);
    let payload = with(goods("N", 0), "/GoodsInfo/Quantity", json!(9)).to_string();
    for writing in [Writing::XmlCdata, Writing::XmlEscaped] {
        let sig = pay_event_sig(key_of(0), GOODS, &payload);
        let answer = server.push(&DEMO.plain(signed_message(writing, GOODS, &payload, &sig))).await;
        assert!(answer.body.starts_with("<xml><ErrCode>40901</ErrCode><ErrMsg>"), "{answer:?}");
        assert!(answer.body.ends_with("</ErrMsg></xml>"), "{answer:?}");
    }
}

#[tokio::test]
async fn one_number_in_sandbox_and_production_is_two_orders() {
    let home = Home::new();
    let server = home.serve();
    let sandbox = with(goods("N", 1), "/GoodsInfo/ActualPrice", json!(1));
    for payload in [&sandbox, &goods("N", 0), &sandbox, &goods("N", 0)] {
        assert_eq!(server.push(&push_of(GOODS, payload)).await.body, SUCCESS_JSON);
    }
    let mut both = recorded(&home, "N");
    both.sort();
    assert_eq!(both, ["order-demo.N GoodsDelivered", "sandboxOrder-demo.N GoodsDelivered"]);
    assert_eq!(server.push(&push_of(REFUND, &refund("N", 1))).await.code(), 0);
    assert_eq!(server.push(&push_of(REFUND, &refund("N", 0))).await.code(), 0);
    assert_eq!(recorded(&home, "N").len(), 4, "a refund's number is no order's number");
}

#[tokio::test]
async fn an_order_is_refunded_in_parts() {
    let home = Home::new();
    let server = home.serve();
    for number in ["R-1", "R-2", "R-1", "R-2"] {
        assert_eq!(server.push(&push_of(REFUND, &refund(number, 0))).await.code(), 0);
    }
    for number in ["R-1", "R-2"] {
        assert_eq!(recorded(&home, number), [format!("refund-demo.{number} RefundSucceeded")]);
    }
}

#[tokio::test]
async fn every_allowed_order_number_is_an_order() {
    let home = Home::new();
    let server = home.serve();
    for number in ["0", "_by-the-platform", "a|b*c@d_e-f", "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"] {
        assert_eq!(server.push(&push_of(GOODS, &goods(number, 0))).await.code(), 0, "{number}");
        assert_eq!(recorded(&home, number), [format!("order-demo.{number} GoodsDelivered")]);
    }
}

#[tokio::test]
async fn zero_is_a_price_and_a_payment_without_wechat_pay_has_no_ids() {
    let home = Home::new();
    let server = home.serve();
    let free = with(goods("FREE", 0), "/GoodsInfo/ActualPrice", json!(0));
    let free = without(free, "/WeChatPayInfo");
    assert_eq!(server.push(&push_of(GOODS, &free)).await.code(), 0);
    let events = history(&home, "FREE");
    assert_eq!(events[0]["data"]["actual_price_fen"], 0);
    assert!(events[0]["data"]["transaction_id"].is_null());
}
