//! Draws a plan: fills the two waves with pushes, kind by kind, from one seeded generator.

use std::sync::Arc;

use chrono::DateTime;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use super::bill::Traded;
use super::catalogue;
use super::plan::{Kind, Plan, PlannedPush, Sequence, Settings};
use super::push::{Maker, Manner, Signing, Stamp, Writing};
use super::share::Share;
use crate::domain::environment::Environment;
use crate::domain::push::{OrderSource, Push};
use crate::wechat::App;
use crate::wechat::event_name::{COINS, Family, GIFT, GOODS, REFUND, ROLE_QUERY};
use crate::wechat::payload::Business;

/// A number with its content, as it is pushed once or several times.
struct Item {
    number: Arc<str>,
    event: &'static str,
    business: Business,
    writing: Writing,
    create_time: i64,
}

/// Pushes that are sent directly after one another, and so at the same time where connections allow.
type Burst = Vec<PlannedPush>;

pub struct Planner<'a> {
    maker: Maker<'a>,
    rng: StdRng,
    settings: &'a Settings,
    waves: [Vec<Burst>; 2],
    traded: Vec<Traded>,
}

impl<'a> Planner<'a> {
    pub fn new(app: &'a App, settings: &'a Settings) -> Self {
        Self {
            maker: Maker::new(app, settings.channel, settings.mode),
            rng: StdRng::seed_from_u64(settings.seed),
            settings,
            waves: [Vec::new(), Vec::new()],
            traded: Vec::new(),
        }
    }

    pub fn plan(mut self, app: &App) -> anyhow::Result<Plan> {
        let (orders, sample) = self.orders()?;
        self.first_pushes_and_repeats(&orders, sample)?;
        self.conflicts(&orders, sample)?;
        self.refunds(&orders, sample)?;
        self.forgeries(&orders)?;
        self.mocks()?;
        self.role_queries(app)?;
        self.gifts()?;
        let rest = orders.iter().enumerate().filter(|(index, _)| *index != sample);
        let shown = orders.get(sample).into_iter().chain(rest.map(|(_, order)| order));
        let sample_orders = shown.take(5).map(|order| Arc::clone(&order.number)).collect();
        let traded = std::mem::take(&mut self.traded);
        Ok(Plan { waves: self.in_sequence(), sample_orders, traded })
    }

    /// The orders, and the index of the one that will be the sample: goods, and in production, where
    /// there are any such.
    fn orders(&mut self) -> anyhow::Result<(Vec<Item>, usize)> {
        let Settings { orders, shares, seed, .. } = *self.settings;
        let coins = self.chosen(orders, shares.coins, None);
        let sandbox = self.chosen(orders, shares.sandbox, None);
        let mut items = Vec::with_capacity(orders);
        for index in 0..orders {
            let env = if sandbox[index] { Environment::Sandbox } else { Environment::Production };
            let number = format!("S{seed:016x}{index:08}");
            let item = match coins[index] {
                true => {
                    let coins = catalogue::coins(&mut self.rng, seed, env, &number)?;
                    self.item(&number, COINS[index % COINS.len()], Business::Fact(Push::Coins(coins)))
                }
                false => self.goods(&number, env, index)?,
            };
            items.push(item);
        }
        let sample = (0..orders).find(|index| !coins[*index] && !sandbox[*index]).unwrap_or(0);
        Ok((items, sample))
    }

    /// Goods under each of their event names in turn, the first two of which are bought in the game.
    fn goods(&mut self, number: &str, env: Environment, turn: usize) -> anyhow::Result<Item> {
        let event = GOODS[turn % GOODS.len()];
        let source = if GOODS[..2].contains(&event) { OrderSource::InGame } else { OrderSource::Mall };
        let goods = catalogue::goods(&mut self.rng, self.settings.seed, env, source, number)?;
        Ok(self.item(number, event, Business::Fact(Push::Goods(goods))))
    }

    fn first_pushes_and_repeats(&mut self, orders: &[Item], sample: usize) -> anyhow::Result<()> {
        let repeated = self.chosen(orders.len(), self.settings.shares.repeats, Some(sample));
        for (order, repeated) in orders.iter().zip(repeated) {
            self.trade(order);
            let mut burst = vec![self.push(Kind::First, order)?];
            for repeat in 0..if repeated { self.rng.random_range(1..=3) } else { 0 } {
                let push = self.push(Kind::Repeat, order)?;
                match (repeat, self.rng.random_range(0..3)) {
                    (0, _) | (_, 0) => burst.push(push),
                    (_, 1) => self.waves[0].push(vec![push]),
                    _ => self.waves[1].push(vec![push]),
                }
            }
            burst.shuffle(&mut self.rng);
            self.waves[0].push(burst);
        }
        Ok(())
    }

    fn trade(&mut self, item: &Item) {
        if let (Business::Fact(push), Some(at)) =
            (&item.business, DateTime::from_timestamp(item.create_time, 0))
        {
            self.traded.push(Traded { push: push.clone(), at });
        }
    }

    fn conflicts(&mut self, orders: &[Item], sample: usize) -> anyhow::Result<()> {
        let conflicting = self.chosen(orders.len(), self.settings.shares.conflicts, Some(sample));
        for (order, _) in orders.iter().zip(conflicting).filter(|(_, conflicting)| *conflicting) {
            let Business::Fact(push) = &order.business else { continue };
            let business = Business::Fact(catalogue::at_another_price(push));
            let other = Item { number: Arc::clone(&order.number), business, ..*order };
            let push = self.push(Kind::Conflict, &other)?;
            self.waves[1].push(vec![push]);
        }
        Ok(())
    }

    fn refunds(&mut self, orders: &[Item], sample: usize) -> anyhow::Result<()> {
        let Settings { shares, seed, .. } = *self.settings;
        let refunded = self.chosen(orders.len(), shares.refunds, Some(sample));
        let refunded: Vec<&Item> =
            orders.iter().zip(refunded).filter_map(|(order, refunded)| refunded.then_some(order)).collect();
        let repeated = self.chosen(refunded.len(), shares.repeats, None);
        for (index, (order, repeated)) in refunded.into_iter().zip(repeated).enumerate() {
            let Business::Fact(push) = &order.business else { continue };
            let number = format!("R{seed:016x}{index:08}");
            let Some(refund) = catalogue::refund_of(&mut self.rng, push, &number)? else { continue };
            let refund = self.item(&number, REFUND, Business::Fact(Push::Refund(refund)));
            self.trade(&refund);
            let mut burst = vec![self.push(Kind::First, &refund)?];
            for _ in 0..if repeated { self.rng.random_range(1..=3) } else { 0 } {
                burst.push(self.push(Kind::Repeat, &refund)?);
            }
            self.waves[1].push(burst);
        }
        Ok(())
    }

    /// Tampered pushes and such with the other environment's key: half of them under a number that also
    /// has a good push, half under a number of their own.
    fn forgeries(&mut self, orders: &[Item]) -> anyhow::Result<()> {
        let shares = self.settings.shares;
        let altered = [Signing::AlteredSignature, Signing::AlteredPayload, Signing::AlteredUrl];
        for (kind, share, prefix, signings) in [
            (Kind::Tampered, shares.tampered, 'T', &altered[..]),
            (Kind::OtherEnvironmentKey, shares.wrong_env, 'W', &[Signing::OtherEnvironment][..]),
        ] {
            for index in 0..share.of(self.settings.orders) {
                let own;
                let item = match index % 2 == 0 && !orders.is_empty() {
                    true => &orders[self.rng.random_range(0..orders.len())],
                    false => {
                        let number = format!("{prefix}{:016x}{index:08}", self.settings.seed);
                        own = self.goods(&number, self.main_env(), index)?;
                        &own
                    }
                };
                let push = self.signed_push(kind, item, signings[index % signings.len()])?;
                self.waves[0].push(vec![push]);
            }
        }
        Ok(())
    }

    fn mocks(&mut self) -> anyhow::Result<()> {
        let Settings { orders, shares, seed, .. } = *self.settings;
        let env = self.main_env();
        for index in 0..shares.mocks.of(orders) {
            let number = format!("M{seed:016x}{index:08}");
            let goods = self.goods(&number, env, index)?;
            let item = match (index % 4, &goods.business) {
                (1, _) => {
                    let coins = catalogue::coins(&mut self.rng, seed, env, &number)?;
                    self.item(&number, COINS[0], Business::Fact(Push::Coins(coins)))
                }
                (2, Business::Fact(push)) => match catalogue::refund_of(&mut self.rng, push, &number)? {
                    Some(refund) => self.item(&number, REFUND, Business::Fact(Push::Refund(refund))),
                    None => goods,
                },
                (3, _) => {
                    let query = catalogue::role_query(&mut self.rng, seed, env)?;
                    self.item(&number, ROLE_QUERY, Business::RoleQuery(query))
                }
                _ => goods,
            };
            // Whether a mock carries a valid signature is not documented, so both come.
            let signing = if index % 2 == 0 { Signing::AlteredSignature } else { Signing::Right };
            let push = self.signed_push(Kind::Mock, &item, signing)?;
            self.waves[0].push(vec![push]);
        }
        Ok(())
    }

    fn role_queries(&mut self, app: &App) -> anyhow::Result<()> {
        let Settings { orders, shares, seed, .. } = *self.settings;
        // A role query names no environment: either key will do.
        let envs: Vec<_> = Environment::ALL.into_iter().filter(|env| !app.keys(*env).is_empty()).collect();
        for index in 0..shares.roles.of(orders) {
            let env = envs.get(index % envs.len().max(1)).copied().unwrap_or(Environment::Production);
            let query = catalogue::role_query(&mut self.rng, seed, env)?;
            let player = query.open_id.as_str().to_owned();
            let item = self.item(&player, ROLE_QUERY, Business::RoleQuery(query));
            let push = self.push(Kind::Query, &item)?;
            self.waves[0].push(vec![push]);
        }
        Ok(())
    }

    fn gifts(&mut self) -> anyhow::Result<()> {
        let Settings { orders, shares, seed, .. } = *self.settings;
        let gifts = shares.gifts.of(orders);
        let repeated = self.chosen(gifts, shares.repeats, None);
        for (index, repeated) in repeated.into_iter().enumerate() {
            let number = format!("G{seed:016x}{index:08}");
            let gift = catalogue::gift(&mut self.rng, seed, &number)?;
            let item = self.item(&number, GIFT, Business::Fact(Push::Gift(gift)));
            let mut burst = vec![self.push(Kind::First, &item)?];
            for _ in 0..if repeated { self.rng.random_range(1..=3) } else { 0 } {
                burst.push(self.push(Kind::Repeat, &item)?);
            }
            self.waves[0].push(burst);
        }
        Ok(())
    }

    /// Where pushes go that stand for no order: production, unless every order is in the sandbox.
    fn main_env(&self) -> Environment {
        match self.settings.shares.sandbox == Share::ALL {
            true => Environment::Sandbox,
            false => Environment::Production,
        }
    }

    fn item(&mut self, number: &str, event: &'static str, business: Business) -> Item {
        let writing = self.settings.writings[self.rng.random_range(0..self.settings.writings.len())];
        let create_time = self.settings.now.timestamp() - self.rng.random_range(0..60);
        Item { number: number.into(), event, business, writing, create_time }
    }

    fn push(&mut self, kind: Kind, item: &Item) -> anyhow::Result<PlannedPush> {
        self.signed_push(kind, item, Signing::Right)
    }

    fn signed_push(&mut self, kind: Kind, item: &Item, signing: Signing) -> anyhow::Result<PlannedPush> {
        let stamp = Stamp {
            create_time: item.create_time,
            timestamp: self.settings.now.timestamp(),
            nonce: self.rng.random(),
            random: self.rng.random(),
        };
        let is_mock = kind == Kind::Mock;
        let manner = Manner { event: item.event, writing: item.writing, signing, is_mock, stamp };
        let request = self.maker.make(&item.business, &manner)?;
        let (family, format) = (Family::of(item.event), item.writing.format());
        Ok(PlannedPush { kind, family, number: Arc::clone(&item.number), format, request })
    }

    /// Exactly the share of `count`, drawn at random; `preferred` among them where there are any.
    fn chosen(&mut self, count: usize, share: Share, preferred: Option<usize>) -> Vec<bool> {
        let amount = share.of(count).min(count);
        let mut drawn = rand::seq::index::sample(&mut self.rng, count, amount).into_vec();
        if let (Some(preferred), Some(last)) = (preferred, amount.checked_sub(1))
            && !drawn.contains(&preferred)
        {
            drawn[last] = preferred;
        }
        let mut chosen = vec![false; count];
        for index in drawn {
            chosen[index] = true;
        }
        chosen
    }

    fn in_sequence(mut self) -> [Vec<PlannedPush>; 2] {
        if self.settings.sequence == Sequence::Shuffled {
            for wave in &mut self.waves {
                wave.shuffle(&mut self.rng);
            }
        }
        self.waves.map(|bursts| bursts.into_iter().flatten().collect())
    }
}
