//! Reads what the rows of a bill profile are: payments or refunds, income or expense.

use super::bill_profiles::filled_texts;
use super::place::quoted;
use super::section::Section;
use crate::bill::{ColumnRule, Field, FundRule, FundWord, Need, TradeRule, TradeWord, WordRule};
use crate::domain::bill::{Covers, RowKind};

/// How a row's kind is told where it is one word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OneKind {
    Payment,
    Refund,
    Sign,
}

const ROW_KINDS: [(&str, OneKind); 3] =
    [("payment", OneKind::Payment), ("refund", OneKind::Refund), ("sign", OneKind::Sign)];
const DIRECTIONS: [(&str, OneKind); 1] = [("sign", OneKind::Sign)];

/// `row_kind`: how a row of a trade bill tells what it is.
pub fn row_kind(
    section: &mut Section<'_>,
    covers: Option<Covers>,
    columns: &mut Vec<ColumnRule>,
) -> Option<TradeRule> {
    let Some(node) = section.node("row_kind") else {
        return match covers? {
            Covers::Payments => Some(TradeRule::All(RowKind::Payment)),
            Covers::Refunds => Some(TradeRule::All(RowKind::Refund)),
            Covers::Both | Covers::Funds => {
                let message =
                    "is missing: \"sign\", or { column = \"…\", payment = [\"…\"], refund = [\"…\"] }";
                section.report_key("row_kind", message);
                None
            }
        };
    };
    if node.value.as_table().is_none() {
        return match section.choice("row_kind", &ROW_KINDS)?.value {
            OneKind::Payment => Some(TradeRule::All(RowKind::Payment)),
            OneKind::Refund => Some(TradeRule::All(RowKind::Refund)),
            OneKind::Sign => by_sign(section, "row_kind", columns).then_some(TradeRule::BySign),
        };
    }
    let mut rule = section.section("row_kind");
    let words =
        [("payment", TradeWord::Payment), ("refund", TradeWord::Refund), ("skip", TradeWord::Skipped)];
    let words = read_words(&mut rule, &words, columns);
    rule.finish();
    Some(TradeRule::ByWord(WordRule { words: words?, others: TradeWord::Refused }))
}

/// `direction`: how a row of a fund flow bill tells what it is.
pub fn direction(section: &mut Section<'_>, columns: &mut Vec<ColumnRule>) -> Option<FundRule> {
    let Some(node) = section.node("direction") else {
        let message = "is missing: \"sign\", or { column = \"…\", in = [\"收入\"], out = [\"支出\"] }";
        section.report_key("direction", message);
        return None;
    };
    if node.value.as_table().is_none() {
        section.choice("direction", &DIRECTIONS)?;
        return by_sign(section, "direction", columns).then_some(FundRule::BySign);
    }
    let mut rule = section.section("direction");
    let words = [("in", FundWord::In), ("out", FundWord::Out), ("skip", FundWord::Skipped)];
    let words = read_words(&mut rule, &words, columns);
    rule.finish();
    Some(FundRule::ByWord(WordRule { words: words?, others: FundWord::Refused }))
}

fn by_sign(section: &Section<'_>, key: &str, columns: &[ColumnRule]) -> bool {
    let has_amount = columns.iter().any(|rule| rule.field == Field::AmountFen);
    if !has_amount {
        section.report_key(key, "\"sign\" is that of amount_fen: name its column in columns");
    }
    has_amount
}

/// A column, and what its words mean.
fn read_words<T: Copy>(
    rule: &mut Section<'_>,
    meanings: &[(&'static str, T)],
    columns: &mut Vec<ColumnRule>,
) -> Option<Vec<(String, T)>> {
    let names = filled_texts(rule, "column");
    if !rule.has("column") {
        rule.report("must have the column of the words: column = \"…\"");
    }
    let mut words: Vec<(String, T)> = Vec::new();
    for (key, meaning) in meanings {
        for word in filled_texts(rule, key) {
            if words.iter().any(|(known, _)| *known == word) {
                rule.report_key(key, format!("{} has a meaning already; keep one", quoted(&word)));
            }
            words.push((word, *meaning));
        }
    }
    if words.is_empty() {
        rule.report("must say what the words of the column mean");
    }
    if names.is_empty() || words.is_empty() {
        return None;
    }
    columns.push(ColumnRule { field: Field::RowWord, names, need: Need::Required });
    Some(words)
}
