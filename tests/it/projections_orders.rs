//! What became of an order: its row in `orders`, its refunds, and finding it by anything.

use order_ledger::domain::app::PriceMeaning;
use order_ledger::projector::AskError;

use super::folded::Folded;
use super::told::{Asked, Granted, Happens, Pushed, Refused, Revoked, Told, coins, gift, goods, refund};

const ALL: [(&str, &str); 1] = [("env", "both")];

/// Given these events about order A for 600 fen, then: state, grant, refunded, refunds.
#[tokio::test(flavor = "multi_thread")]
async fn the_state_says_money_before_goods_and_a_refund_never_hides_the_grant() {
    let partly = |id| Pushed(refund(id, 200).of_order("A"));
    let wholly = |id| Pushed(refund(id, 600).of_order("A"));
    let paid = || Pushed(goods("A"));
    for (story, [state, grant, refunded, refunds]) in [
        (vec![paid()], ["delivered", "none", "0", "0"]),
        (vec![paid(), Granted("A")], ["granted", "granted", "0", "0"]),
        (vec![paid(), Refused("A")], ["refused", "refused", "0", "0"]),
        (vec![paid(), Granted("A"), Revoked("A")], ["revoked", "revoked", "0", "0"]),
        (vec![paid(), partly("R1")], ["partly_refunded", "none", "200", "1"]),
        (vec![paid(), wholly("R1")], ["refunded", "none", "600", "1"]),
        (vec![wholly("R1"), paid()], ["refunded", "none", "600", "1"]),
        (vec![paid(), Granted("A"), partly("R1")], ["partly_refunded", "granted", "200", "1"]),
        (vec![paid(), wholly("R1"), Refused("A")], ["refunded", "refused", "600", "1"]),
        (vec![partly("R1"), paid(), partly("R2"), partly("R3")], ["refunded", "none", "600", "3"]),
        (vec![paid(), wholly("R1"), partly("R2")], ["refunded", "none", "800", "2"]),
        (vec![Pushed(goods("A").priced(0))], ["delivered", "none", "0", "0"]),
    ] {
        let folded = Folded::built_in().await;
        folded.happened(story.clone()).await;
        let columns = ["state", "grant_state", "refunded_fen", "refund_count"];
        let found = folded.columns("orders/search", &[], columns).await;
        assert_eq!(found, [[state, grant, refunded, refunds]], "{story:?}");
        // By its state it is found, and by no other.
        for asked in ["delivered", "granted", "refused", "revoked", "refunded", "partly_refunded"] {
            let found = folded.rows("orders/search", &[("state", asked)]).await.len();
            assert_eq!(found, usize::from(asked == state), "{asked}, {story:?}");
        }
    }
}

/// Given these events about orders A (M1, T1) and B, then: the orders that are refunded.
#[tokio::test(flavor = "multi_thread")]
async fn a_refund_belongs_to_the_order_it_names_or_else_to_its_payment() {
    let a = || Pushed(goods("A").paid("M1", "T1"));
    let b = || Pushed(goods("B"));
    let by = |told: Told| Pushed(told);
    let cases: Vec<(Vec<Happens>, &[&str])> = vec![
        (vec![a(), b(), by(refund("R", 1).of_order("B"))], &["B"]),
        // The number goes before the payment.
        (vec![a(), b(), by(refund("R", 1).of_order("B").paid("M1", "T1"))], &["B"]),
        (vec![a(), b(), by(refund("R", 1).paid("", "T1"))], &["A"]),
        (vec![a(), b(), by(refund("R", 1).paid("M1", ""))], &["A"]),
        // The transaction goes before the merchant's number.
        (vec![a(), Pushed(goods("B").paid("M2", "T2")), by(refund("R", 1).paid("M2", "T1"))], &["A"]),
        // The refund comes first.
        (vec![by(refund("R", 1).paid("", "T1")), b(), a()], &["A"]),
        (vec![by(refund("R", 1).of_order("B")), b(), a()], &["B"]),
        // The order's payment ids come later.
        (vec![b(), by(refund("R", 1).paid("", "T9")), Pushed(goods("B").paid("M9", "T9"))], &["B"]),
        // The refund's payment ids come later.
        (vec![a(), by(refund("R", 1)), by(refund("R", 1).paid("", "T1"))], &["A"]),
        // Nothing fits.
        (vec![a(), b(), by(refund("R", 1))], &[]),
        (vec![a(), b(), by(refund("R", 1).of_order("C").paid("M1", "T1"))], &[]),
        (vec![a(), b(), by(refund("R", 1).paid("M1", "T1").sandbox())], &[]),
    ];
    for (story, orders) in cases {
        let folded = Folded::built_in().await;
        folded.happened(story.clone()).await;
        let refunded = [("state", "partly_refunded"), ("env", "both")];
        let found = folded.columns("orders/search", &refunded, ["out_trade_no"]).await;
        assert_eq!(found.concat(), orders, "{story:?}");
        // From the refund's side it is the same.
        let shown = folded.columns("orders/refunds_by_id", &[("id", "R")], ["order_out_trade_no"]).await;
        assert_eq!(shown.concat().iter().filter(|number| *number != "-").count(), orders.len(), "{story:?}");
        assert_eq!(folded.rows("orders/refunds", &[("env", "both")]).await.len(), 1, "{story:?}");
        let unknown = [("without_order", "true"), ("env", "both")];
        assert_eq!(folded.rows("orders/refunds", &unknown).await.len(), 1 - orders.len(), "{story:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn payment_ids_that_come_later_are_added_to_the_order_and_repeats_are_not_counted() {
    let folded = Folded::built_in().await;
    folded
        .happened([
            Pushed(goods("A")),
            Pushed(goods("A")),
            Pushed(goods("A").paid("M1", "")),
            Pushed(goods("A").paid("M1", "T1")),
            Pushed(goods("A").paid("M1", "T1")),
            Pushed(goods("A").priced(1)),
            Pushed(goods("A").priced(1)),
            Pushed(goods("A").by("oBert")),
        ])
        .await;
    let columns = ["mch_order_no", "transaction_id", "conflicts", "delivered_at", "open_id", "amount_fen"];
    let order = [["M1", "T1", "2", "2025-12-31T16:01:00.000Z", "oAnna", "600"]];
    for id in ["A", "M1", "T1"] {
        assert_eq!(folded.columns("orders/by_id", &[("id", id)], columns).await, order, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_shows_everything_that_support_needs_in_both_environments() {
    let folded = Folded::built_in().await;
    folded
        .happened([
            Pushed(goods("A").of("sword", 2).zone(Some("9")).paid("M1", "T1")),
            Pushed(goods("A").sandbox().by("oBert").mall_test()),
            Pushed(refund("R2", 100).of_order("A")),
            Granted("A"),
        ])
        .await;
    let rows = folded.rows("orders/by_id", &[("id", "A")]).await;
    let shown = |place: usize| {
        let fields = rows[place].iter().filter(|(name, _)| *name != "refunds" && *name != "position");
        fields
            .map(|(name, cell)| format!("{name}={}", super::folded::text(cell)))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(rows.len(), 2);
    assert_eq!(
        shown(1),
        "actual_price_fen=600 amount_fen=600 app=demo attach=attached conflicts=0 day=2026-01-01 \
         delivered_at=2025-12-31T16:01:00.000Z env=production grant_at=2025-12-31T16:04:00.000Z grant_by=game \
         grant_reason=said so grant_state=granted kind=goods mch_order_no=M1 open_id=oAnna order_source=1 \
         orig_price_fen=600 out_trade_no=A product_id=sword quantity=2 refund_count=1 refunded_fen=100 \
         state=partly_refunded transaction_id=T1 zone_id=9"
    );
    assert!(shown(0).contains("env=sandbox") && shown(0).contains("order_source=3"), "{}", shown(0));
    let refunds = super::folded::text(&rows[1]["refunds"]);
    let refunds: serde_json::Value = serde_json::from_str(&refunds).unwrap();
    assert_eq!(
        refunds,
        serde_json::json!([{ "refund_id": "R2", "refund_amount_fen": 100, "refund_source": 2,
                             "refunded_at": "2025-12-31T16:03:00.000Z", "position": 4 }])
    );
    let elsewhere = folded.rows("orders/by_id", &[("id", "A"), ("app", "other")]).await;
    assert_eq!(elsewhere.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_amount_is_by_the_meaning_in_force_and_coins_are_always_a_whole_order() {
    let folded = Folded::with_prices(order_ledger::projector::Folder::built_in(), PriceMeaning::Unit).await;
    folded.told(1, goods("unit").of("gem", 3).priced(200)).await;
    folded.told(2, coins("coins").priced(600)).await;
    folded.registered(3, PriceMeaning::Order, None).await;
    folded.told(4, goods("order").of("gem", 3).priced(200)).await;
    folded.registered(5, PriceMeaning::Unit, None).await;
    folded.told(6, goods("unit-again").of("gem", 2).priced(200)).await;
    let amounts = folded.columns("orders/search", &[], ["out_trade_no", "amount_fen"]).await;
    assert_eq!(amounts, [["unit-again", "400"], ["order", "200"], ["coins", "600"], ["unit", "600"]]);
    let of_the_day = folded.columns("environments/summary", &[], ["gross_fen"]).await;
    assert_eq!(of_the_day, [["1800"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_searched_by_anything_newest_first() {
    let folded = Folded::built_in().await;
    let of_the_next_day = 24 * 60 - 5;
    folded
        .happened([
            Pushed(goods("A").paid("M1", "T1")),
            Pushed(goods("B").by("oBert").of("sword", 1).priced(3000)),
            Pushed(coins("C").priced(100)),
            Pushed(goods("S").sandbox().paid("M5", "T5")),
            Pushed(refund("R1", 600).paid("", "T1")),
            Granted("B"),
        ])
        .await;
    folded.told(of_the_next_day + 4, goods("D").by("oBert")).await;
    folded.told(of_the_next_day + 6, goods("E").of("sword", 1)).await;
    let cases: [(Asked<'_>, &str); 27] = [
        (&[], "E D C B A"),
        (&ALL, "E D S C B A"),
        (&[("env", "sandbox")], "S"),
        (&[("app", "demo")], "E D C B A"),
        (&[("app", "demo"), ("env", "both")], "E D S C B A"),
        (&[("app", "other")], ""),
        (&[("id", "A")], "A"),
        (&[("id", "M1")], "A"),
        (&[("id", "T1")], "A"),
        (&[("id", "R1")], "A"),
        (&[("id", "T5")], ""),
        (&[("id", "T5"), ("env", "both")], "S"),
        (&[("id", "nothing")], ""),
        (&[("open_id", "oBert")], "D B"),
        (&[("open_id", "oBert"), ("product_id", "gem")], "D"),
        (&[("id", "A"), ("open_id", "oBert")], ""),
        (&[("product_id", "sword")], "E B"),
        (&[("amount_from_fen", "601")], "B"),
        (&[("amount_to_fen", "100")], "C"),
        (&[("amount_from_fen", "100"), ("amount_to_fen", "600")], "E D C A"),
        (&[("from_day", "2026-01-02")], "E"),
        (&[("to_day", "2026-01-01")], "D C B A"),
        (&[("from_day", "2026-01-01"), ("to_day", "2026-01-01"), ("product_id", "sword")], "B"),
        (&[("from_day", "2026-01-03")], ""),
        (&[("to_day", "2025-12-31")], ""),
        (&[("state", "refunded"), ("product_id", "sword")], ""),
        (&[("state", "granted"), ("open_id", "oBert"), ("amount_from_fen", "3000")], "B"),
    ];
    for (parameters, numbers) in cases {
        let found = folded.columns("orders/search", parameters, ["out_trade_no"]).await.concat().join(" ");
        assert_eq!(found, numbers, "{parameters:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_have_neither_gaps_nor_doubles() {
    let folded = Folded::built_in().await;
    for number in 0..23_i64 {
        let name = format!("N{number}");
        let order = goods(&name).by(if number % 3 == 0 { "oBert" } else { "oAnna" });
        let order = order.of(if number % 2 == 0 { "gem" } else { "sword" }, 1);
        folded.told(number * 200, if number % 5 == 0 { order.sandbox() } else { order }).await;
        if number % 4 == 0 {
            folded.told(number * 200, refund(&format!("R{number}"), 600).of_order(&name)).await;
        }
    }
    let cases: [Asked<'_>; 7] = [
        &ALL,
        &[],
        &[("app", "demo")],
        &[("open_id", "oBert"), ("env", "both")],
        &[("product_id", "sword")],
        &[("state", "refunded"), ("env", "both")],
        &[("from_day", "2026-01-02"), ("to_day", "2026-01-03"), ("env", "both")],
    ];
    for parameters in cases {
        let whole = folded.columns("orders/search", parameters, ["out_trade_no"]).await.concat();
        assert!(whole.len() > 2, "{parameters:?}");
        for limit in ["1", "3", "7"] {
            let (mut paged, mut before) = (Vec::new(), None::<String>);
            loop {
                let mut asked = vec![("limit", limit)];
                asked.extend(parameters);
                asked.extend(before.as_deref().map(|before| ("before", before)));
                let page = folded.columns("orders/search", &asked, ["out_trade_no", "position"]).await;
                let Some([_, position]) = page.last() else { break };
                before = Some(position.clone());
                paged.extend(page.into_iter().map(|[number, _]| number));
            }
            assert_eq!(paged, whole, "{parameters:?}, {limit} a page");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_has_a_thousand_rows_at_most() {
    let folded = Folded::built_in().await;
    for query in ["orders/search", "orders/refunds", "environments/mall_tests", "operations/quarantine"] {
        let refused = folded.ask(query, &[("limit", "1001")]).await.unwrap_err();
        assert!(
            matches!(&refused, AskError::Parameter(text) if text.starts_with("limit: ")),
            "{query}: {refused}"
        );
        assert!(folded.ask(query, &[("limit", "1000")]).await.is_ok(), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_orders_refunds_and_gifts_of_a_player_and_of_a_number_are_found() {
    let folded = Folded::built_in().await;
    folded
        .happened([
            Pushed(goods("A").paid("M1", "T1")),
            Pushed(goods("S").sandbox()),
            Pushed(goods("B").by("oBert")),
            Pushed(gift("G1", &[("gem", 2)])),
            Pushed(gift("G2", &[("gem", 1), ("sword", 1)])),
            Pushed(refund("R1", 100).paid("", "T1")),
            Pushed(refund("R2", 200).of_order("A")),
            Pushed(refund("R2", 300).of_order("A")),
        ])
        .await;
    let numbers = |column| move |query, parameters: &'static [(&str, &str)]| (query, parameters, column);
    let (orders, refunds, gifts) = (numbers("out_trade_no"), numbers("refund_id"), numbers("order_id"));
    for ((query, parameters, column), found) in [
        (orders("by_player", &[("open_id", "oAnna")]), "A"),
        (orders("by_player", &[("open_id", "oAnna"), ("env", "both")]), "S A"),
        (orders("by_player", &[("open_id", "oNobody")]), ""),
        (refunds("refunds_by_id", &[("id", "R1")]), "R1"),
        (refunds("refunds_by_id", &[("id", "T1")]), "R2 R1"),
        (refunds("refunds_by_id", &[("id", "M1")]), "R2 R1"),
        (refunds("refunds_by_id", &[("id", "A")]), "R2 R1"),
        (refunds("refunds_by_id", &[("id", "B")]), ""),
        (refunds("refunds", &[]), "R2 R1"),
        (refunds("refunds", &[("to_day", "2025-12-31")]), ""),
        (refunds("refunds", &[("limit", "1")]), "R2"),
        (gifts("gifts_by_player", &[("open_id", "oAnna")]), "G2 G1"),
        (gifts("gifts_by_player", &[("open_id", "oBert")]), ""),
        (gifts("gifts_by_id", &[("id", "G1")]), "G1"),
        (gifts("gifts_by_id", &[("id", "A")]), ""),
    ] {
        let rows = folded.columns(&format!("orders/{query}"), parameters, [column]).await;
        assert_eq!(rows.concat().join(" "), found, "{query} {parameters:?}");
    }
    let conflicts =
        folded.columns("orders/refunds", &[], ["refund_id", "refund_amount_fen", "conflicts"]).await;
    assert_eq!(conflicts, [["R2", "200", "1"], ["R1", "100", "0"]]);
}
