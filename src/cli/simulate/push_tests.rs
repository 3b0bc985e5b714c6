//! What the maker makes is received as what it was meant to be.

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::push::{Maker, Manner, PushRequest, Signing, Stamp, Writing};
use super::sample_app::sample_app;
use super::{catalogue, push};
use crate::clock;
use crate::domain::environment::Environment;
use crate::domain::push::{OrderSource, Push};
use crate::domain::quarantine::Reason;
use crate::wechat::event_name::{COINS, GIFT, GOODS, REFUND, ROLE_QUERY};
use crate::wechat::payload::Business;
use crate::wechat::receive::answer_format;
use crate::wechat::{App, Channel, Code, Matter, Mode, UrlQuery, receive};

const MODES: [Mode; 3] = [Mode::Plain, Mode::Compatible, Mode::Security];
const STAMP: Stamp =
    Stamp { create_time: 1_767_196_800, timestamp: 1_767_196_801, nonce: 7, random: *b"0123456789abcdef" };

fn manner(event: &str, writing: Writing, signing: Signing) -> Manner<'_> {
    Manner { event, writing, signing, is_mock: false, stamp: STAMP }
}

fn received(app: &App, request: &PushRequest) -> Result<Matter, Code> {
    let (path, query) = request.path_and_query.split_once('?').unwrap();
    assert_eq!(path, "/wechat/demo");
    let uri: hyper::Uri = format!("/?{query}").parse().unwrap();
    let axum::extract::Query(query) = axum::extract::Query::<UrlQuery>::try_from_uri(&uri).unwrap();
    let received = receive(app, app.channel(Channel::Default), &query, &request.body, clock::now());
    received.map(|received| received.matter).map_err(|refusal| refusal.code)
}

/// One of each family, several of those that vary.
fn businesses() -> Vec<(&'static str, Business)> {
    let (mut rng, seed) = (StdRng::seed_from_u64(1), 1);
    let mut all = Vec::new();
    for (turn, env) in (0..24).zip(Environment::ALL.into_iter().cycle()) {
        let number = format!("N{turn}");
        let goods = catalogue::goods(&mut rng, seed, env, OrderSource::Mall, &number).unwrap();
        let refund = catalogue::refund_of(&mut rng, &Push::Goods(goods.clone()), &number).unwrap().unwrap();
        let coins = catalogue::coins(&mut rng, seed, env, &number).unwrap();
        let gift = catalogue::gift(&mut rng, seed, &number).unwrap();
        all.push((GOODS[turn % 4], Business::Fact(Push::Goods(goods))));
        all.push((REFUND, Business::Fact(Push::Refund(refund))));
        all.push((COINS[turn % 2], Business::Fact(Push::Coins(coins))));
        all.push((GIFT, Business::Fact(Push::Gift(gift))));
        let query = catalogue::role_query(&mut rng, seed, env).unwrap();
        all.push((ROLE_QUERY, Business::RoleQuery(query)));
    }
    all
}

#[test]
fn every_push_arrives_with_the_content_it_was_made_from() {
    for mode in MODES {
        let app = sample_app(mode);
        let maker = Maker::new(&app, Channel::Default, mode);
        for writing in Writing::ALL {
            for (event, business) in businesses() {
                let request = maker.make(&business, &manner(event, writing, Signing::Right)).unwrap();
                assert_eq!(answer_format(&request.body), writing.format());
                let case = format!("{event} {writing:?} {mode:?}");
                let found = received(&app, &request);
                if let (Mode::Plain, Business::Fact(Push::Gift(_))) = (mode, &business) {
                    assert_eq!(found.unwrap_err(), Code::BadSignature, "{case}");
                    continue;
                }
                let found = match found.unwrap() {
                    Matter::Fact { push, .. } => Some(Business::Fact(push)),
                    Matter::RoleQuery(query) => Some(Business::RoleQuery(query)),
                    Matter::Quarantine { .. }
                    | Matter::Mock { .. }
                    | Matter::Preview
                    | Matter::Ignored
                    | Matter::NoEvent => None,
                };
                assert_eq!(found, Some(business), "{case}");
            }
        }
    }
}

#[test]
fn forged_pushes_are_refused_or_held_by_what_is_wrong_with_them() {
    let forgeries = [
        (Signing::AlteredSignature, Some(Code::BadSignature)),
        (Signing::AlteredPayload, Some(Code::BadSignature)),
        (Signing::AlteredUrl, Some(Code::BadSignature)),
        // Held in quarantine, which is answered 40301.
        (Signing::OtherEnvironment, None),
    ];
    for mode in MODES {
        let app = sample_app(mode);
        let maker = Maker::new(&app, Channel::Default, mode);
        for writing in Writing::ALL {
            for (event, business) in businesses() {
                let Business::Fact(Push::Goods(_) | Push::Coins(_) | Push::Refund(_)) = business else {
                    continue;
                };
                for (signing, refused_as) in forgeries {
                    let request = maker.make(&business, &manner(event, writing, signing)).unwrap();
                    let result = received(&app, &request);
                    let case = format!("{event} {writing:?} {mode:?} {signing:?}: {result:?}");
                    let held =
                        matches!(&result, Ok(Matter::Quarantine { reason: Reason::OtherEnvironmentKey, .. }));
                    assert_eq!(held, refused_as.is_none(), "{case}");
                    assert_eq!(result.err(), refused_as, "{case}");
                }
            }
        }
    }
}

#[test]
fn a_mock_is_received_as_a_mock_whatever_its_signature() {
    for mode in MODES {
        let app = sample_app(mode);
        let maker = Maker::new(&app, Channel::Default, mode);
        for writing in Writing::ALL {
            for signing in [Signing::Right, Signing::AlteredSignature] {
                for (event, business) in businesses() {
                    let manner = Manner { is_mock: true, ..manner(event, writing, signing) };
                    let request = maker.make(&business, &manner).unwrap();
                    let result = received(&app, &request);
                    assert!(matches!(result, Ok(Matter::Mock { .. })), "{event} {writing:?}: {result:?}");
                }
            }
        }
    }
}

#[test]
fn a_push_that_lacks_its_key_is_not_made() {
    let app = App { sandbox_keys: vec![], ..sample_app(Mode::Plain) };
    let (event, business) = businesses().swap_remove(0);
    let manner = manner(event, Writing::Json, Signing::OtherEnvironment);
    for (mode, error) in [
        (Mode::Plain, push::MakeError::NoAppKey(Environment::Sandbox)),
        (Mode::Security, push::MakeError::NoAesKey("security")),
    ] {
        let manner = match mode {
            Mode::Plain | Mode::Compatible => manner,
            Mode::Security => Manner { signing: Signing::Right, ..manner },
        };
        assert_eq!(Maker::new(&app, Channel::Default, mode).make(&business, &manner), Err(error));
    }
}
