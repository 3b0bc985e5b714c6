use proptest::prelude::*;

use super::super::samples;
use super::*;

const MINUTE_MS: i64 = 60_000;

fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_767_225_600_000 + minutes * MINUTE_MS).unwrap()
}

fn role(role_id: &str, role_name: &str, minutes: i64) -> PlayedRole {
    let fields = samples::role_fields();
    let (role_id, role_name) = (role_id.into(), role_name.into());
    PlayedRole::new(RoleFields { role_id, role_name, played_at: at(minutes), ..fields }).unwrap()
}

fn open_id() -> OpenId {
    OpenId::parse("oTest").unwrap()
}

fn decide(player: &Player, roles: &[PlayedRole]) -> Vec<Event> {
    player.decide(Environment::Production, &open_id(), roles)
}

/// Lets the reports come one after the other; how many events each appended.
fn told(reports: &[PlayedRole]) -> Vec<usize> {
    let (mut player, mut told) = (Player::default(), Vec::new());
    for report in reports {
        let events = decide(&player, std::slice::from_ref(report));
        told.push(events.len());
        player = events.iter().fold(player, Player::evolve);
    }
    told
}

#[test]
fn a_role_is_kept_when_it_is_new_or_changed_and_hourly_while_it_is_played() {
    for (reports, kept) in [
        (vec![role("1", "龙", 0), role("1", "龙", 0)], vec![1, 0]),
        (vec![role("1", "龙", 0), role("1", "龙", 59), role("1", "龙", 60)], vec![1, 0, 1]),
        // Counted from what was recorded last, not from what came last.
        (
            vec![role("1", "龙", 0), role("1", "龙", 40), role("1", "龙", 70), role("1", "龙", 129)],
            vec![1, 0, 1, 0],
        ),
        (vec![role("1", "龙", 100), role("1", "龙", 0)], vec![1, 0]),
        (
            vec![role("1", "龙", 0), role("1", "虎", 0), role("1", "龙", 0), role("1", "龙", 0)],
            vec![1, 1, 1, 0],
        ),
        // A change is kept, whenever that was played; activity goes on from the latest.
        (
            vec![role("1", "龙", 100), role("1", "虎", 0), role("1", "虎", 159), role("1", "虎", 160)],
            vec![1, 1, 0, 1],
        ),
        (vec![role("1", "龙", 0), role("2", "龙", 0), role("1", "龙", 1)], vec![1, 1, 0]),
    ] {
        assert_eq!(told(&reports), kept, "{reports:#?}");
    }
}

#[test]
fn each_field_of_a_role_but_its_time_is_a_change() {
    type Change = fn(&mut RoleFields);
    let changes: [Change; 5] = [
        |role| role.role_name.push('二'),
        |role| role.zones[1].1.push('二'),
        |role| role.zones.truncate(1),
        |role| role.midas_zone_id.push('2'),
        |role| role.attach = None,
    ];
    for change in changes {
        let mut fields = samples::role_fields();
        change(&mut fields);
        let reports = [samples::role(), PlayedRole::new(fields).unwrap()];
        assert_eq!(told(&reports), vec![1, 1], "{:?}", reports[1]);
    }
}

#[test]
fn several_roles_in_one_report_are_several_events() {
    let report = [role("1", "龙", 0), role("2", "虎", 0), role("1", "龙", 0), role("1", "豹", 0)];
    let events = decide(&Player::default(), &report);
    let kept: Vec<_> = events
        .iter()
        .map(|event| match event {
            Event::RoleReported { role, revision, .. } => (role.role_id(), role.role_name(), *revision),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kept, [("2", "虎", 0), ("1", "豹", 0)], "the last word on each role");
}

#[test]
fn a_role_that_cannot_be_one_is_refused_with_its_field() {
    type Spoil = fn(&mut RoleFields);
    let cases: [(Spoil, &str); 11] = [
        (|role| role.role_id.clear(), "role_id: is empty"),
        (|role| role.role_name.clear(), "role_name: is empty"),
        (|role| role.midas_zone_id.clear(), "midas_zone_id: is empty"),
        (|role| role.zones[1].0.clear(), "zones[1].zone_id: is empty"),
        (|role| role.zones[0].1.clear(), "zones[0].zone_name: is empty"),
        (|role| role.role_id = "界".repeat(129), "role_id: is 129 characters long, at most 128 are allowed"),
        (|role| role.role_name = "a\u{0}b".into(), "role_name: has a control character as character 2"),
        (
            |role| role.attach = Some("x".repeat(1025)),
            "attach: is 1025 characters long, at most 1024 are allowed",
        ),
        (
            |role| role.zones = vec![("1".into(), "一".into()); 17],
            "zones: has 17 levels, at most 16 are allowed",
        ),
        (
            |role| role.played_at = DateTime::from_timestamp(-1, 0).unwrap(),
            "played_at: is in the year 1969, must be from 1970 to 9999",
        ),
        (
            |role| role.played_at = DateTime::<Utc>::MAX_UTC,
            "played_at: is in the year 262142, must be from 1970 to 9999",
        ),
    ];
    for (spoil, problem) in cases {
        let mut fields = samples::role_fields();
        spoil(&mut fields);
        assert_eq!(PlayedRole::new(fields).unwrap_err().to_string(), problem);
    }
    let mut fields = samples::role_fields();
    (fields.attach, fields.zones) = (Some(String::new()), vec![]);
    let role = PlayedRole::new(fields).unwrap();
    assert_eq!((role.attach(), role.zones()), (None, &[][..]));
}

fn any_report() -> impl Strategy<Value = PlayedRole> {
    let id = prop::sample::select(vec!["1", "2"]);
    let name = prop::sample::select(vec!["龙", "虎"]);
    (id, name, 0..300_i64).prop_map(|(id, name, minutes)| role(id, name, minutes))
}

fn any_reports(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Vec<PlayedRole>>> {
    prop::collection::vec(prop::collection::vec(any_report(), 1..4), count)
}

proptest! {
    #[test]
    fn the_same_report_twice_in_any_reachable_state_yields_nothing_the_second_time(
        before in any_reports(0..8),
        report in prop::collection::vec(any_report(), 1..4),
    ) {
        let reached = before.iter().fold(Player::default(), |player, report| {
            decide(&player, report).iter().fold(player, Player::evolve)
        });
        let reached = decide(&reached, &report).iter().fold(reached, Player::evolve);
        prop_assert_eq!(decide(&reached, &report), vec![]);
    }

    #[test]
    fn every_recorded_report_is_a_fact_of_its_own_and_the_last_says_what_a_role_is(
        reports in any_reports(1..12),
    ) {
        let (mut player, mut recorded) = (Player::default(), Vec::<Event>::new());
        for report in &reports {
            for event in decide(&player, report) {
                prop_assert!(!recorded.contains(&event), "twice: {event:?}");
                player = player.evolve(&event);
                recorded.push(event);
            }
        }
        for role_id in ["1", "2"] {
            let last_words = reports.iter().filter_map(|report| {
                report.iter().rev().find(|role| role.role_id() == role_id)
            });
            let last = last_words.clone().next_back().map(|role| &role.content);
            prop_assert_eq!(player.roles.get(role_id).map(|known| &known.content), last);
            // Never more than the interval behind what is known of a role's activity.
            let latest = last_words.map(|role| role.played_at).max();
            if let (Some(latest), Some(known)) = (latest, player.roles.get(role_id)) {
                prop_assert!(latest - known.played_at < ACTIVITY_INTERVAL);
            }
        }
    }
}
