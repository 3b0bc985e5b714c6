//! Killed in the middle of folding, again and again: no row is lost, and none stands twice.

use std::fs;
use std::path::Path;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::crash::Load;
use super::digests::{Digests, digests, positions};
use super::log_file::LogFile;
use super::own_folder::{put, serve_with};
use super::server::{Home, busy, until};

const KILLS: usize = 20;
/// The last version of the folder that is written before a kill.
const NEWEST: i64 = 18;

/// Rows that would tell of an event folded twice, and sums that would tell of one lost.
fn tally(version: usize) -> [(&'static str, String); 4] {
    let insert = |field: &str| {
        format!(
            "INSERT INTO seen VALUES (:stream, :version, {version});\n\
             INSERT INTO sums VALUES (:event_type, 1, {field})\n\
             ON CONFLICT DO UPDATE SET events = events + 1, fen = fen + excluded.fen;"
        )
    };
    [
        (
            "schema.sql",
            "-- What was seen?\n-- environments: both\n
             CREATE TABLE seen (stream TEXT NOT NULL, version INTEGER NOT NULL, made_by INTEGER NOT NULL) STRICT;
             CREATE INDEX seen_by_stream ON seen (stream);
             CREATE TABLE sums (event_type TEXT PRIMARY KEY, events INTEGER NOT NULL, fen INTEGER NOT NULL) STRICT;"
                .into(),
        ),
        ("on/GoodsDelivered.sql", insert(":actual_price_fen")),
        ("on/RefundSucceeded.sql", insert(":refund_amount_fen")),
        ("on/PushQuarantined.sql", insert(":money_at_stake")),
    ]
}

fn write(dir: &Path, version: usize) {
    let files = tally(version);
    put(dir, "tally", &files.each_ref().map(|(path, text)| (*path, text.as_str())));
}

/// The same log folded from its beginning into another folder.
fn folded_afresh(home: &Home, dir: &Path) -> Digests {
    let fresh = home.folder().join("fresh");
    home.reconfigure(|text| text.replace(&home.views().display().to_string(), &fresh.display().to_string()));
    let output = home.run(&["projections", "list", "--projections", dir.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    digests(&fresh)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_20_times_while_folding_and_building_every_table_is_that_of_a_fresh_fold() {
    let _turn = busy().await;
    let seed = rand::random::<u32>();
    eprintln!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(u64::from(seed));
    let home = Home::new();
    let dir = home.folder().join("mine");
    write(&dir, 0);
    let mut server = serve_with(&home, &dir);
    let load = Load::start(server.push);
    load.until_answered(2000).await;
    for kill in 1..=KILLS {
        // Now and then in the middle of a build that replaces another, or of taking it over.
        match kill % 4 {
            0 => {}
            1 => {
                write(&dir, kill);
                server.signal("HUP");
                server.logged("the configuration is reloaded").await;
            }
            2 => {
                write(&dir, kill);
                server.signal("HUP");
                server.logged("is built projection=\"tally\"").await;
            }
            _ => {
                server.admin("POST", "/v1/projections/orders/rebuild", "{}").await;
                server.admin("POST", "/v1/projections/operations/rebuild", "{}").await;
            }
        }
        load.until_answered(load.answered() + rng.random_range(0..400)).await;
        server.kill();
        server = serve_with(&home, &dir);
        load.place.send_replace(Some(server.push));
    }
    load.until_answered(load.answered() + 500).await;
    let (_, _) = load.stop().await;
    let log = LogFile::open(&home.store());
    let last = log.count("SELECT max(position) FROM events");
    for projection in
        ["tally", "orders", "inventory", "environments", "roles", "operations", "reconciliation"]
    {
        until(&format!("seed {seed}: {projection} stands at {last}"), || {
            positions(&home.views()).get(projection) == Some(&Some(last.unsigned_abs()))
        })
        .await;
    }
    until(&format!("seed {seed}: the newest version of the folder answers, wholly"), || {
        let file = super::digests::current(&home.views(), "tally").unwrap();
        let versions =
            super::digests::open(&file).query_row("SELECT min(made_by), max(made_by) FROM seen", [], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
            });
        versions.is_ok_and(|versions| versions == (NEWEST, NEWEST))
    })
    .await;
    let complaints = server.complaints().into_iter().filter(|line| line.contains("projection"));
    assert_eq!(complaints.collect::<Vec<_>>(), [""; 0]);
    assert!(server.terminate().success());
    let survived = digests(&home.views());
    for entry in fs::read_dir(home.views()).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_dir())
    {
        let files =
            fs::read_dir(entry.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let left: Vec<_> = files.filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm")).collect();
        assert_eq!(
            left.len(),
            2,
            "current and its file, and nothing of builds that were interrupted: {left:?}"
        );
    }
    let seen = super::digests::open(&super::digests::current(&home.views(), "tally").unwrap());
    let count = |sql: &str| seen.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(
        count("SELECT count(*) FROM seen"),
        count("SELECT count(DISTINCT stream || version) FROM seen")
    );
    let sql =
        "SELECT count(*) FROM events WHERE type IN ('GoodsDelivered', 'RefundSucceeded', 'PushQuarantined')";
    assert_eq!(count("SELECT count(*) FROM seen"), log.count(sql));
    eprintln!("{} events: {survived:#?}", log.count("SELECT count(*) FROM events"));
    assert_eq!(survived, folded_afresh(&home, &dir), "seed {seed}");
}
