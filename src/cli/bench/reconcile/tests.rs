//! The month at a size for every day: imported, folded and reported in this process.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_report_of_a_month_finds_exactly_what_was_planted_to_the_fen() {
    let folder = tempfile::tempdir().unwrap();
    let month = Month {
        merchant: MerchantId::parse(MERCHANT).unwrap(),
        app: AppSlug::parse(APP).unwrap(),
        app_id: "wx0000000000000001".into(),
        days: SMALL_DAYS,
        orders_per_day: ORDERS_PER_DAY_MIN,
        seed: SEED,
    };
    let run = Run { month, folder: folder.path().to_owned(), lines: 1000 };
    phases::generate(&run).await.unwrap();
    phases::read(&run).unwrap();
    phases::import(&run).await.unwrap();
    phases::fold(&run).await.unwrap();
    let judged = ask::ask(&run).await.unwrap();
    assert_eq!(judged.len(), 2, "summary and first page");
}
