//! What is planted adds up, and is the same each time.

use super::*;

fn month() -> Month {
    Month {
        merchant: MerchantId::parse("1900000109").unwrap(),
        app: AppSlug::parse("demo").unwrap(),
        app_id: "wx0000000000000001".into(),
        days: 5,
        orders_per_day: ORDERS_PER_DAY_MIN,
        seed: 7,
    }
}

#[test]
fn what_is_expected_of_each_status_comes_to_what_stands_on_both_sides() {
    let month = month();
    let (mut expected, mut sides) = (Expected::new(), Sides::default());
    for index in 0..month.days {
        let day = month.day(index).unwrap();
        day.expected.into_iter().for_each(|(key, sum)| *expected.entry(key).or_default() += sum);
        sides += day.sides;
    }
    let of = |kind: &str| {
        let mut all = Sum::default();
        expected.iter().filter(|((of, _), _)| of == kind).for_each(|(_, sum)| all += *sum);
        (all.ledger_fen, all.bill_fen)
    };
    assert_eq!(of("payment"), (sides.orders, sides.payments));
    assert_eq!(of("refund"), (sides.ledger_refunds, sides.bill_refunds));
    assert_eq!(expected.len(), 30, "every status of the report, and other_app of both kinds: {expected:#?}");
}

#[test]
fn the_same_seed_gives_the_same_month_and_another_one_another() {
    let text = |seed| {
        let month = Month { seed, ..month() };
        let day = month.day(3).unwrap();
        let facts: Vec<_> =
            day.facts.iter().map(|fact| format!("{} {:?}", fact.stream, fact.events)).collect();
        let lines: Vec<_> =
            day.bills.iter().map(|bill| format!("{:?} {:?}", bill.layout, bill.lines)).collect();
        (facts, lines)
    };
    assert_eq!(text(7), text(7));
    assert_ne!(text(7), text(8));
}
