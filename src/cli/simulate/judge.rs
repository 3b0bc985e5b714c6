//! Compares what was answered with what the protocol demands.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use hyper::body::Bytes;

use super::plan::{Kind, PlannedPush};
use super::play::Outcome;

/// What came instead of, or as, the demanded answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Got {
    Code(u32),
    /// A success that is not byte for byte the one that the same number got before.
    AnotherSuccess,
    /// A success that WeChat's client takes for a failure.
    SuccessWithStatus(u16),
    Malformed(String),
    Nothing(&'static str),
}

impl fmt::Display for Got {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "{code}"),
            Self::AnotherSuccess => f.write_str("0, but other bytes than before"),
            Self::SuccessWithStatus(status) => write!(f, "0, but with HTTP status {status}"),
            Self::Malformed(problem) => f.write_str(problem),
            Self::Nothing(failure) => write!(f, "no answer: {failure}"),
        }
    }
}

/// One line of the result: pushes of the same sort with the same answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sort {
    pub kind: Kind,
    pub family: &'static str,
    pub got: Got,
}

impl Sort {
    pub fn is_right(&self) -> bool {
        self.got == Got::Code(self.kind.demanded().number())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    pub number: String,
    pub body: String,
}

#[derive(Debug, Default)]
pub struct Judgement {
    pub counts: BTreeMap<Sort, u64>,
    /// One for each wrong sort.
    pub examples: BTreeMap<Sort, Example>,
    /// Repeats and conflicts of numbers whose first push was not accepted: nothing is demanded of them.
    /// Also pushes that got no answer and that WeChat does not repeat, where an outage is being played.
    pub not_judged: u64,
}

impl Judgement {
    pub fn wrong(&self) -> u64 {
        self.counts.iter().filter(|(sort, _)| !sort.is_right()).map(|(_, count)| count).sum()
    }
}

/// What is demanded when no answer comes to a push that WeChat does not repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrepeated {
    AnAnswer,
    /// The server may be away for a while.
    Nothing,
}

pub fn judge(
    waves: &[Vec<PlannedPush>; 2],
    outcomes: &[Vec<Option<Outcome>>; 2],
    unrepeated: Unrepeated,
) -> Judgement {
    let mut judgement = Judgement::default();
    let unaccepted = unaccepted(&waves[0], &outcomes[0]);
    let mut successes: HashMap<&str, Bytes> = HashMap::new();
    for (wave, (pushes, outcomes)) in waves.iter().zip(outcomes).enumerate() {
        for (push, outcome) in pushes.iter().zip(outcomes) {
            let builds_on_first = wave > 0 && matches!(push.kind, Kind::Repeat | Kind::Conflict);
            let was_missed = unrepeated == Unrepeated::Nothing
                && push.family.repeats_s().is_empty()
                && matches!(outcome, Some(Outcome::NoAnswer(_)));
            if was_missed || builds_on_first && unaccepted.contains(&*push.number) {
                judgement.not_judged += 1;
                continue;
            }
            let sort = Sort {
                kind: push.kind,
                family: push.family.as_str(),
                got: got(push, outcome, &mut successes),
            };
            if !sort.is_right() && !judgement.examples.contains_key(&sort) {
                let example = Example { number: push.number.to_string(), body: shown(outcome) };
                judgement.examples.insert(sort.clone(), example);
            }
            *judgement.counts.entry(sort).or_default() += 1;
        }
    }
    judgement
}

/// Numbers that no push of the first wave got accepted.
fn unaccepted<'a>(pushes: &'a [PlannedPush], outcomes: &[Option<Outcome>]) -> HashSet<&'a str> {
    let firsts = || pushes.iter().zip(outcomes).filter(|(push, _)| is_of_its_number(push.kind));
    let accepted = |outcome: &Option<Outcome>| matches!(outcome, Some(Outcome::Answered { code: Ok(0), .. }));
    let mut numbers: HashSet<&str> = firsts().map(|(push, _)| &*push.number).collect();
    for (push, _) in firsts().filter(|(_, outcome)| accepted(outcome)) {
        numbers.remove(&*push.number);
    }
    numbers
}

/// Whether all pushes of this kind under one number must get the same success.
fn is_of_its_number(kind: Kind) -> bool {
    match kind {
        Kind::First | Kind::Repeat => true,
        Kind::Conflict | Kind::Tampered | Kind::OtherEnvironmentKey | Kind::Mock | Kind::Query => false,
    }
}

fn got<'a>(push: &'a PlannedPush, outcome: &Option<Outcome>, successes: &mut HashMap<&'a str, Bytes>) -> Got {
    match outcome {
        None => Got::Nothing("it was not sent"),
        Some(Outcome::NoAnswer(failure)) => Got::Nothing(failure.as_str()),
        Some(Outcome::Answered { code: Err(problem), .. }) => Got::Malformed(problem.clone()),
        Some(Outcome::Answered { answer, code: Ok(0) }) if !(200..300).contains(&answer.status) => {
            Got::SuccessWithStatus(answer.status)
        }
        Some(Outcome::Answered { answer, code: Ok(0) }) if is_of_its_number(push.kind) => {
            let before = successes.entry(&push.number).or_insert_with(|| answer.body.clone());
            if *before == answer.body { Got::Code(0) } else { Got::AnotherSuccess }
        }
        Some(Outcome::Answered { code: Ok(code), .. }) => Got::Code(*code),
    }
}

/// The beginning of the answer, on one line and harmless to a terminal.
fn shown(outcome: &Option<Outcome>) -> String {
    match outcome {
        Some(Outcome::Answered { answer, .. }) => {
            let text = String::from_utf8_lossy(&answer.body);
            text.trim().chars().take(300).map(|c| if c.is_control() { ' ' } else { c }).collect()
        }
        Some(Outcome::NoAnswer(_)) | None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::simulate::client::{Answered, Failure};
    use crate::cli::simulate::push::PushRequest;
    use crate::wechat::Format;
    use crate::wechat::event_name::Family;

    fn push(kind: Kind, number: &str) -> PlannedPush {
        let request = PushRequest::default();
        PlannedPush { kind, family: Family::Goods, number: number.into(), format: Format::Json, request }
    }

    fn answered(code: u32, body: &'static str) -> Option<Outcome> {
        let answer = Answered { status: 200, body: Bytes::from_static(body.as_bytes()) };
        Some(Outcome::Answered { answer, code: Ok(code) })
    }

    fn count_of(judgement: &Judgement, kind: Kind, got: Got) -> u64 {
        judgement.counts.get(&Sort { kind, family: "goods", got }).copied().unwrap_or(0)
    }

    #[test]
    fn each_answer_is_held_against_what_the_protocol_demands() {
        use Kind::{Conflict, First, OtherEnvironmentKey, Repeat, Tampered};
        for (kind, code, right) in [
            (First, 0, true),
            (First, 50301, false),
            (Repeat, 0, true),
            (Repeat, 40901, false),
            (Conflict, 40901, true),
            (Conflict, 0, false),
            (Tampered, 40101, true),
            (Tampered, 0, false),
            (OtherEnvironmentKey, 40301, true),
            (OtherEnvironmentKey, 40101, false),
        ] {
            let judgement = judge(
                &[vec![push(kind, "1")], vec![]],
                &[vec![answered(code, "x")], vec![]],
                Unrepeated::AnAnswer,
            );
            assert_eq!(judgement.wrong() == 0, right, "{kind:?} answered {code}");
        }
    }

    #[test]
    fn a_repeat_that_gets_another_success_than_the_first_is_wrong() {
        let waves = [vec![push(Kind::First, "1"), push(Kind::First, "2")], vec![push(Kind::Repeat, "1")]];
        let outcomes = [vec![answered(0, "a"), answered(0, "b")], vec![answered(0, "b")]];
        let judgement = judge(&waves, &outcomes, Unrepeated::AnAnswer);
        assert_eq!(count_of(&judgement, Kind::Repeat, Got::AnotherSuccess), 1);
        assert_eq!(judgement.wrong(), 1);
    }

    #[test]
    fn a_number_whose_first_push_failed_says_nothing_about_its_conflict() {
        let waves = [vec![push(Kind::First, "1")], vec![push(Kind::Conflict, "1")]];
        let refused = Some(Outcome::NoAnswer(Failure::Refused));
        let judgement = judge(&waves, &[vec![refused], vec![answered(0, "a")]], Unrepeated::AnAnswer);
        assert_eq!((judgement.wrong(), judgement.not_judged), (1, 1));
    }
}
