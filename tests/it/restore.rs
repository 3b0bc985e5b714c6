//! The restore drill: the machine is lost, and a server starts over the copy that another machine has followed.

use serde_json::Value;

use super::asking::{Client, home_of_all_roles};
use super::by_hand::{GOODS, goods, push_of};
use super::copying::{Follower, copied, until_copied};
use super::faulty_disk::FaultyDisk;
use super::log_file::LogFile;
use super::server::Server;

const FEED: &str = "/v1/apps/demo/deliveries?wait=10";

async fn pushed(server: &Server, number: &str) -> u32 {
    server.push(&push_of(GOODS, &goods(number, 0))).await.code()
}

/// The numbers that the feed delivers after a cursor, once there are so many of them, and the cursor behind them.
async fn delivered(game: &Client, after: Option<&str>, count: usize) -> (Vec<String>, String) {
    let (mut numbers, mut after) = (vec![], after.map(str::to_owned));
    loop {
        let query = after.iter().map(|after| format!("&after={after}")).collect::<String>();
        let page = game.get(&format!("{FEED}{query}")).await;
        assert!(page.outcome() == "200" || page.status == 503, "{page:?}");
        if page.status == 503 {
            // The read model is being built from the copy.
            continue;
        }
        let page: Value = page.json();
        let items = page["items"].as_array().unwrap();
        numbers.extend(items.iter().map(|item| item["out_trade_no"].as_str().unwrap().to_owned()));
        let cursor = page["cursor"].as_str().unwrap().to_owned();
        if numbers.len() >= count {
            return (numbers, cursor);
        }
        after = Some(cursor);
    }
}

#[tokio::test]
async fn when_the_machine_is_lost_the_copy_takes_its_place_and_wechats_repeats_complete_it() {
    let disk = FaultyDisk::under(home_of_all_roles());
    let home = disk.home();
    let lost = disk.serve();
    let copy = home.folder().join("other-machine/events.db");
    let follower = Follower::start(&home.store(), &copy);
    for number in ["A", "B", "C"] {
        assert_eq!(pushed(&lost, number).await, 0);
    }
    let (numbers, old_cursor) = delivered(&lost.client("game"), None, 3).await;
    assert_eq!(numbers, ["A", "B", "C"]);
    until_copied(&copy, 3).await;
    // The end of the machine begins with its disk: these are not acknowledged, so WeChat pushes them again.
    disk.fail(&["write ENOSPC *"]);
    for number in ["D", "E"] {
        assert_eq!(pushed(&lost, number).await, 50301, "{number}");
    }
    lost.kill();
    let done = copied(&follower.stop("TERM"));
    std::fs::remove_dir_all(home.store().parent().unwrap()).unwrap();
    let store = |text: String| text.replace(home.store().to_str().unwrap(), copy.to_str().unwrap());
    home.reconfigure(store);
    // The read models of the lost log are there still, and fit no other.
    let server = home.serve();
    let game = server.client("game");
    let (numbers, cursor) = delivered(&game, None, 3).await;
    assert_eq!(numbers, ["A", "B", "C"], "the read models are built anew");
    assert!(cursor.starts_with(done["to_log_id"].as_str().unwrap()), "{cursor}");
    assert!(old_cursor.starts_with(done["from_log_id"].as_str().unwrap()), "{old_cursor}");
    let told = game.get(&format!("{FEED}&after={old_cursor}")).await;
    assert_eq!(told.outcome(), "409 other_log");
    // WeChat comes again with all of them: what the copy has is answered as it was, and delivered no second time.
    for number in ["C", "D", "A", "E", "B"] {
        assert_eq!(pushed(&server, number).await, 0, "{number}");
    }
    let (numbers, _) = delivered(&game, Some(&cursor), 2).await;
    assert_eq!(numbers, ["D", "E"]);
    assert_eq!(delivered(&game, None, 5).await.0, ["A", "B", "C", "D", "E"]);
    assert!(server.complaints().is_empty(), "{}", server.log());
    assert!(server.terminate().success());
    let log = LogFile::open(&copy);
    log.is_gapless();
    log.holds_once(&["A", "B", "C", "D", "E"].map(str::to_owned));
    // What the lost server has said of its apps is not said again.
    assert_eq!(log.types_of("app-demo"), ["AppRegistered"]);
}
