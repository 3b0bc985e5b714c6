//! The delivery feed of `orders`: what a game server has to act upon, in the order of the log.

use super::folded::{Folded, text};
use super::told::{Granted, Pushed, Refused, coins, gift, goods, refund};

const FEED: &str = "orders/deliveries";
const APP: (&str, &str) = ("app", "demo");

async fn a_day(folded: &Folded) {
    folded
        .happened([
            Pushed(goods("A").paid("M1", "T1")),
            Pushed(goods("S").sandbox()),
            Pushed(gift("G1", &[("gem", 2)])),
            Pushed(coins("C")),
            Pushed(goods("A").priced(1)),
            Pushed(refund("R1", 200).paid("", "T1")),
            Pushed(refund("RS", 600).of_order("S").sandbox()),
            Granted("A"),
            Pushed(goods("B").by("oBert").zone(None)),
            Refused("B"),
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn items_come_once_in_the_order_of_the_log_and_each_feed_has_its_environment() {
    let folded = Folded::built_in().await;
    a_day(&folded).await;
    let columns = ["kind", "out_trade_no", "order_id", "refund_id", "open_id", "informational"];
    for (env, items) in [
        (
            "production",
            vec![
                ["goods", "A", "-", "-", "oAnna", "0"],
                ["gift", "-", "G1", "-", "oAnna", "0"],
                ["coins", "C", "-", "-", "oAnna", "1"],
                ["refund", "A", "-", "R1", "oAnna", "0"],
                ["goods", "B", "-", "-", "oBert", "0"],
            ],
        ),
        ("sandbox", vec![["goods", "S", "-", "-", "oAnna", "0"], ["refund", "S", "-", "RS", "oAnna", "0"]]),
    ] {
        assert_eq!(folded.columns(FEED, &[APP, ("env", env)], columns).await, items, "{env}");
    }
    assert_eq!(folded.rows(FEED, &[("app", "other")]).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_says_all_that_a_game_server_needs() {
    let folded = Folded::built_in().await;
    a_day(&folded).await;
    let rows = folded.rows(FEED, &[APP]).await;
    for (place, known) in [
        (
            0,
            "amount_fen=600 at=2025-12-31T16:01:00.000Z attach=attached grant_state=granted informational=0 \
             kind=goods mch_order_no=M1 open_id=oAnna order_source=1 out_trade_no=A product_id=gem quantity=1 \
             refunded_fen=200 transaction_id=T1 zone_id=1",
        ),
        (
            1,
            "at=2025-12-31T16:03:00.000Z gift_id=G gift_type_id=7 goods=[{\"id\":\"gem\",\"num\":2}] \
             informational=0 kind=gift open_id=oAnna order_id=G1 send_time=1767196800 zone_id=1",
        ),
        (
            2,
            "amount_fen=600 at=2025-12-31T16:04:00.000Z grant_state=none informational=1 kind=coins open_id=oAnna \
             out_trade_no=C quantity=60 refunded_fen=0 zone_id=1",
        ),
        (
            3,
            "at=2025-12-31T16:06:00.000Z grant_state=granted informational=0 kind=refund mch_order_no=M1 \
             open_id=oAnna out_trade_no=A product_id=gem quantity=1 refund_amount_fen=200 refund_id=R1 \
             refund_source=2 transaction_id=T1 zone_id=1",
        ),
    ] {
        let told = rows[place].iter().filter(|(name, _)| !["position", "refunds"].contains(&name.as_str()));
        let told = told.map(|(name, cell)| (name, text(cell))).filter(|(_, text)| text != "-");
        let told: Vec<_> = told.map(|(name, text)| format!("{name}={text}")).collect();
        assert_eq!(told.join(" "), known);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_known_before_the_grant_is_shown_with_the_goods() {
    let folded = Folded::built_in().await;
    folded.told(1, refund("R1", 200).paid("", "T1")).await;
    let columns = ["kind", "open_id", "out_trade_no", "refunded_fen"];
    // Of whom it is nobody knows yet.
    assert_eq!(folded.columns(FEED, &[APP], columns).await, [["refund", "-", "-", "-"]]);
    folded.told(2, goods("A").paid("", "T1")).await;
    folded.told(3, refund("R2", 300).of_order("A")).await;
    let items =
        [["refund", "oAnna", "A", "-"], ["goods", "oAnna", "A", "500"], ["refund", "oAnna", "A", "-"]];
    assert_eq!(folded.columns(FEED, &[APP], columns).await, items);
    let [refunds] = &folded.columns(FEED, &[APP, ("after", "3")], ["refund_id"]).await[..] else {
        panic!("one item stands after the order");
    };
    assert_eq!(refunds, &["R2"]);
    let shown = &folded.columns(FEED, &[APP], ["refunds"]).await[1][0];
    let shown: serde_json::Value = serde_json::from_str(shown).unwrap();
    let brief =
        |refund: &serde_json::Value| (refund["refund_id"].clone(), refund["refund_amount_fen"].clone());
    let refunds: Vec<_> = shown.as_array().unwrap().iter().map(brief).collect();
    assert_eq!(refunds, [("R1".into(), 200.into()), ("R2".into(), 300.into())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_on_from_the_last_position_misses_nothing_and_sees_nothing_twice() {
    let folded = Folded::built_in().await;
    for number in 0..20 {
        folded.told(number, goods(&format!("N{number}"))).await;
        folded.told(number, gift(&format!("G{number}"), &[("gem", 1)])).await;
        folded.told(number, refund(&format!("R{number}"), 1).of_order(&format!("N{number}"))).await;
        folded.told(number, goods(&format!("N{number}")).sandbox()).await;
    }
    let whole = folded.columns(FEED, &[APP], ["position"]).await.concat();
    assert_eq!(whole.len(), 60);
    for limit in ["1", "7", "60"] {
        let (mut after, mut paged) = ("0".to_owned(), Vec::new());
        loop {
            let page = folded.columns(FEED, &[APP, ("after", &after), ("limit", limit)], ["position"]).await;
            let Some([last]) = page.last() else { break };
            after.clone_from(last);
            paged.extend(page.concat());
        }
        assert_eq!(paged, whole, "{limit} a page");
    }
}
