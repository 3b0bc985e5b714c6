//! An order, a refund or a gift: a stream that begins with one verified push. Decides what a push means
//! for it.

use super::event::Event;
use super::grant::{Grant, GrantCommand, GrantError};
use super::push::{PaymentIds, Push};
use super::recovery::{Proposal, RecoveredOrder, RecoveryError};

/// What the stream says so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// The push that began it; `None` before any.
    pub first: Option<Push>,
    /// What people have entered in place of the push that did not come.
    pub recovered: Option<Recovered>,
    /// What is known of the payment by now.
    pub payment: PaymentIds,
    /// The different contents that were refused, each once.
    pub conflicts: Vec<Push>,
    /// What the game has said of it.
    pub grant: Grant,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    pub order: RecoveredOrder,
    pub approved_by: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Delivered now or before: WeChat gets the same success each time.
    Success,
    /// The number is taken by a different content.
    Conflict,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What to append; empty for a repeat.
    pub events: Vec<Event>,
    pub answer: Answer,
}

impl Order {
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        events.into_iter().fold(Self::default(), Self::evolve)
    }

    pub fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::GoodsDelivered(goods) => self.begin(Push::Goods(goods.clone())),
            Event::CoinsDelivered(coins) => self.begin(Push::Coins(coins.clone())),
            Event::RefundSucceeded(refund) => self.begin(Push::Refund(refund.clone())),
            Event::GiftDelivered(gift) => self.begin(Push::Gift(gift.clone())),
            Event::OrderRecovered { order, proposed_by: _, approved_by } => {
                self.payment = order.payment.clone();
                self.recovered = Some(Recovered { order: order.clone(), approved_by: approved_by.clone() });
            }
            Event::PaymentIdentified(news) => self.payment.learn(news),
            Event::ConflictingPushReceived(push) => self.conflicts.push(push.clone()),
            Event::GoodsGranted { by, reason } => {
                self.grant = Grant::Granted { by: by.clone(), reason: reason.clone() };
            }
            Event::GrantRefused { by, reason } => {
                self.grant = Grant::Refused { by: by.clone(), reason: reason.clone() };
            }
            Event::GrantRevoked { by, reason } => {
                self.grant = Grant::Revoked { by: by.clone(), reason: reason.clone() };
            }
            // Facts of other streams change nothing here.
            Event::AppRegistered { .. }
            | Event::PriceMeaningChanged { .. }
            | Event::MerchantAssigned { .. }
            | Event::MockReceived(_)
            | Event::RoleReported { .. }
            | Event::PushQuarantined { .. }
            | Event::QuarantineAdopted { .. }
            | Event::QuarantineDismissed { .. }
            | Event::Recovery(_)
            | Event::PaymentClaimed(_)
            | Event::Bill(_)
            | Event::Case(_)
            | Event::Period(_)
            | Event::ReportFiled(_)
            | Event::LedgerSealed(_) => {}
        }
        self
    }

    fn begin(&mut self, push: Push) {
        self.payment = push.payment();
        self.first = Some(push);
    }

    /// The first push of a number is delivered; the same content again is the same success; payment ids
    /// that were absent are added; any other content is a conflict, recorded once. An order that people have
    /// recovered has been told of already.
    pub fn decide(&self, push: &Push) -> Decision {
        let is_same = match (&self.first, &self.recovered, push) {
            (None, None, _) => return Decision { events: vec![delivered(push)], answer: Answer::Success },
            (Some(first), _, _) => push.equals_but_for_payment(first),
            (None, Some(recovered), Push::Goods(goods)) => recovered.order.is_told_by(goods),
            (None, Some(_), Push::Coins(_) | Push::Refund(_) | Push::Gift(_)) => false,
        };
        if !is_same || push.payment().contradicts(&self.payment) {
            let known = self.conflicts.contains(push);
            let events = if known { vec![] } else { vec![Event::ConflictingPushReceived(push.clone())] };
            return Decision { events, answer: Answer::Conflict };
        }
        let news = push.payment().news_to(&self.payment);
        let events = news.map(Event::PaymentIdentified).into_iter().collect();
        Decision { events, answer: Answer::Success }
    }

    /// Takes the place of the push that did not come; nothing where the same has been approved before.
    pub fn decide_recover(&self, proposal: &Proposal, by: &str) -> Result<Option<Event>, RecoveryError> {
        match (&self.first, &self.recovered) {
            (Some(_), _) => Err(RecoveryError::Pushed),
            (None, Some(recovered)) if recovered.order == proposal.order => Ok(None),
            (None, Some(recovered)) => Err(RecoveryError::Recovered { by: recovered.approved_by.clone() }),
            (None, None) => Ok(Some(Event::OrderRecovered {
                order: proposal.order.clone(),
                proposed_by: proposal.by.clone(),
                approved_by: by.to_owned(),
            })),
        }
    }

    /// What the game says of the order. Which `by` and `reason` come with the same word again does not
    /// matter; pushes that contradict the order do not stop a grant.
    pub fn decide_grant(
        &self,
        command: GrantCommand,
        by: &str,
        reason: Option<&str>,
    ) -> Result<Option<Event>, GrantError> {
        match (&self.first, &self.recovered) {
            (Some(Push::Goods(_)), _) | (None, Some(_)) => self.grant.decide(command, by, reason),
            (Some(Push::Coins(_)), _) => Err(GrantError::Coins),
            // Neither is an order.
            (Some(Push::Refund(_) | Push::Gift(_)), _) | (None, None) => Err(GrantError::NotFound),
        }
    }
}

fn delivered(push: &Push) -> Event {
    match push.clone() {
        Push::Goods(goods) => Event::GoodsDelivered(goods),
        Push::Coins(coins) => Event::CoinsDelivered(coins),
        Push::Refund(refund) => Event::RefundSucceeded(refund),
        Push::Gift(gift) => Event::GiftDelivered(gift),
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
