//! Reads `[bill_profile.NAME]`: how a file is laid out that holds a bill and is none of WeChat Pay's own.

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, FixedOffset};

use super::bill_rows;
use super::place::{Placed, quoted};
use super::section::Section;
use crate::bill::{
    AmountUnit, ColumnRule, Constants, Days, Encoding, Field, Figure, FigureRule, Format, LineEnds, Need,
    OtherColumns, Profile, Profiles, RowRule, SkipRule, SummaryRule, TimeFormat, TimeRule, beijing,
};
use crate::domain::bill::{BillKind, Covers, MerchantId};

const HEADER_ROW_MAX: u64 = 1000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    Trade,
    Funds,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FileFormat {
    Csv,
    Xlsx,
}

const CONTENTS: [(&str, Content); 2] = [("trade", Content::Trade), ("funds", Content::Funds)];
const COVERS: [(&str, Covers); 3] =
    [("payments", Covers::Payments), ("refunds", Covers::Refunds), ("both", Covers::Both)];
const FORMATS: [(&str, FileFormat); 2] = [("csv", FileFormat::Csv), ("xlsx", FileFormat::Xlsx)];
const ENCODINGS: [(&str, Encoding); 2] = [("utf-8", Encoding::Utf8), ("gbk", Encoding::Gbk)];
const UNITS: [(&str, AmountUnit); 2] = [("yuan", AmountUnit::Yuan), ("fen", AmountUnit::Fen)];
const UNKNOWN_COLUMNS: [(&str, bool); 2] = [("refuse", false), ("ignore", true)];

/// The profiles that are right.
pub fn read(root: &mut Section<'_>) -> Vec<Profile> {
    let sections = root.named_sections("bill_profile");
    sections.into_iter().filter_map(|(name, section)| read_profile(name, section)).collect()
}

fn read_profile(name: &str, mut section: Section<'_>) -> Option<Profile> {
    let kind = read_name(name, &section);
    let content = required_choice(&mut section, "kind", &CONTENTS);
    let covers = read_covers(&mut section, content);
    let format = read_format(&mut section);
    let mut columns = read_columns(&mut section, content);
    check_columns(&section, &columns, content, covers);
    let rows = match content {
        Some(Content::Funds) => bill_rows::direction(&mut section, &mut columns).map(RowRule::Funds),
        Some(Content::Trade) => bill_rows::row_kind(&mut section, covers, &mut columns).map(RowRule::Trade),
        None => None,
    };
    let constants = read_constants(&mut section);
    let unit = section.choice("amount_unit", &UNITS).map_or(AmountUnit::Yuan, |unit| unit.value);
    let times = read_times(&mut section);
    let other_columns = read_other_columns(&mut section);
    let skips = read_skips(&mut section);
    let footers = filled_texts(&mut section, "remarks_begin");
    let summary = read_totals(&mut section, content);
    if content.is_none() {
        // Whatever they are: one message is enough.
        section.node("row_kind");
        section.node("direction");
    }
    section.finish();
    Some(Profile {
        name: name.to_owned(),
        kind: kind?,
        covers: covers?,
        format: format?,
        columns,
        other_columns,
        rows: rows?,
        constants,
        unit,
        times: times?,
        skips,
        footers,
        summary,
        days: Days::Many,
    })
}

/// A profile's name is the kind of its bills too.
fn read_name(name: &str, section: &Section<'_>) -> Option<BillKind> {
    let is_taken = ["all", "success", "refund", "fundflow"].contains(&name)
        || Profiles::built_in().names().any(|built_in| built_in == name);
    if is_taken {
        section.report("is a name of WeChat Pay's own bills; give the profile another");
        return None;
    }
    let kind = BillKind::parse(name);
    kind.map_err(|_| section.report("a profile's name must be 1 to 32 of the characters a-z, 0-9 and _")).ok()
}

fn required_choice<T: Copy>(section: &mut Section<'_>, key: &'static str, words: &[(&str, T)]) -> Option<T> {
    let choice = section.choice(key, words);
    if !section.has(key) {
        let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        section.report_key(key, format!("is missing: {}", words.join(" or ")));
    }
    choice.map(|choice| choice.value)
}

fn read_covers(section: &mut Section<'_>, content: Option<Content>) -> Option<Covers> {
    match content? {
        Content::Trade => required_choice(section, "covers", &COVERS),
        Content::Funds => {
            if section.node("covers").is_some() {
                section.report_key("covers", "is for kind = \"trade\"; leave it out");
            }
            Some(Covers::Funds)
        }
    }
}

fn read_format(section: &mut Section<'_>) -> Option<Format> {
    let format = section.choice("format", &FORMATS);
    if format.is_none() && section.has("format") {
        for key in ["sheet", "delimiter", "quote", "encoding", "header_row", "lines_in_cells"] {
            section.node(key);
        }
        return None;
    }
    let header_line = section.number("header_row", 1..=HEADER_ROW_MAX, 1);
    let sheet = section.text("sheet");
    let delimiter = read_character(section, "delimiter");
    let quote = match section.text("quote") {
        Some(text) if text.value.is_empty() => None,
        Some(_) => read_character(section, "quote"),
        None => Some(b'"'),
    };
    let encoding = section.choice("encoding", &ENCODINGS);
    let line_ends = read_line_ends(section);
    match format.map_or(FileFormat::Csv, |format| format.value) {
        FileFormat::Xlsx => {
            for key in ["delimiter", "quote", "encoding", "lines_in_cells"] {
                if section.has(key) {
                    section.report_key(key, "is for format = \"csv\"; leave it out");
                }
            }
            Some(Format::Xlsx { sheet: sheet.map(|sheet| sheet.value), header_line })
        }
        FileFormat::Csv => {
            if section.has("sheet") {
                section.report_key("sheet", "is for format = \"xlsx\"; leave it out");
            }
            let delimiter = delimiter.unwrap_or(b',');
            if quote == Some(delimiter) {
                section.report_key("quote", "is the delimiter too; choose another");
            }
            let encoding = encoding.map_or(Encoding::Utf8, |encoding| encoding.value);
            Some(Format::Csv { delimiter, quote, encoding, header_line, line_ends })
        }
    }
}

/// Unless the profile says so, lines may stand in cells only where totals tell that none was lost in one.
fn read_line_ends(section: &mut Section<'_>) -> LineEnds {
    let may_hold_them = section.flag("lines_in_cells").unwrap_or_else(|| section.has("totals"));
    if may_hold_them { LineEnds::WithinCells } else { LineEnds::EndRows }
}

fn read_character(section: &mut Section<'_>, key: &'static str) -> Option<u8> {
    let text = section.text(key)?;
    match text.value.as_bytes() {
        [byte] if (byte.is_ascii_punctuation() || *byte == b'\t' || *byte == b' ') => Some(*byte),
        _ => {
            let message =
                format!("must be one character such as \",\" or \"\\t\", not {}", quoted(&text.value));
            text.report(section.problems(), message);
            None
        }
    }
}

/// One text or a list of texts, none of them empty.
pub fn filled_texts(section: &mut Section<'_>, key: &'static str) -> Vec<String> {
    let is_list = section.node(key).is_some_and(|node| node.value.as_list().is_some());
    let texts: Vec<Placed<String>> =
        if is_list { section.texts(key) } else { section.text(key).into_iter().collect() };
    if is_list && texts.is_empty() {
        section.report_key(key, "is an empty list; write a text, or leave it out");
    }
    for text in texts.iter().filter(|text| text.value.trim().is_empty()) {
        text.report(section.problems(), "is empty; write a text, or leave it out");
    }
    texts.into_iter().map(|text| text.value.trim().to_owned()).collect()
}

fn read_columns(section: &mut Section<'_>, content: Option<Content>) -> Vec<ColumnRule> {
    let mut columns = section.section("columns");
    let fields: Vec<Field> = match content {
        Some(Content::Trade) => Field::of_trade().collect(),
        Some(Content::Funds) => Field::of_funds().collect(),
        None => Field::ALL.to_vec(),
    };
    let mut rules = Vec::new();
    for field in fields {
        if columns.node(field.key()).is_some() {
            let names = filled_texts(&mut columns, field.key());
            rules.push(ColumnRule { field, names, need: Need::Required });
        } else {
            columns.node(field.key());
        }
    }
    columns.finish();
    rules
}

fn check_columns(
    section: &Section<'_>,
    columns: &[ColumnRule],
    content: Option<Content>,
    covers: Option<Covers>,
) {
    let has = |field: &Field| columns.iter().any(|rule| rule.field == *field);
    let mut wanted: Vec<&[Field]> = match content {
        Some(Content::Trade) => vec![&[Field::TradedAt], &[Field::TransactionId]],
        Some(Content::Funds) => vec![&[Field::BookedAt], &[Field::AmountFen]],
        None => return,
    };
    if matches!(covers, Some(Covers::Payments | Covers::Both)) {
        wanted.push(&[Field::OrderFen, Field::SettlementFen, Field::AmountFen]);
    }
    if matches!(covers, Some(Covers::Refunds | Covers::Both)) {
        wanted.push(&[Field::AppliedRefundFen, Field::RefundFen, Field::AmountFen]);
    }
    for fields in wanted.into_iter().filter(|fields| !fields.iter().any(has)) {
        let keys: Vec<_> = fields.iter().map(|field| field.key()).collect();
        section.report_key("columns", format!("must name the column of {}", keys.join(" or ")));
    }
}

fn read_constants(section: &mut Section<'_>) -> Constants {
    let mut constants = section.section("constants");
    let problems = constants.problems();
    let merchant = constants.text("merchant").and_then(|text| {
        let merchant = MerchantId::parse(&text.value);
        merchant.map_err(|error| text.report(problems, error.to_string())).ok()
    });
    let [app_id, currency] = ["app_id", "currency"].map(|key| {
        let text = constants.text(key)?;
        if text.value.trim().is_empty() {
            text.report(problems, "is empty; write a text, or leave it out");
        }
        Some(text.value)
    });
    constants.finish();
    Constants { merchant, app_id, currency }
}

fn read_times(section: &mut Section<'_>) -> Option<TimeRule> {
    let problems = section.problems();
    let zone = match section.text("time_zone") {
        None => beijing(),
        Some(text) => match text.value.parse::<FixedOffset>() {
            Ok(zone) => zone,
            Err(_) => {
                let message = format!("must be an offset such as \"+08:00\", not {}", quoted(&text.value));
                text.report(problems, message);
                return None;
            }
        },
    };
    let Some(text) = section.text("time_format") else {
        return Some(TimeRule { format: TimeFormat::Plain, zone });
    };
    let items = StrftimeItems::new(&text.value).parse_to_owned().ok();
    let rule = items.map(|items| (is_whole_moment(&items, zone), items));
    let Some((true, items)) = rule else {
        let message = format!(
            "must be a format of a date and time such as \"%Y/%m/%d %H:%M:%S\", not {}",
            quoted(&text.value)
        );
        text.report(problems, message);
        return None;
    };
    Some(TimeRule { format: TimeFormat::Strftime(items), zone })
}

/// Whether what is written with the format can be read again, at least the day.
fn is_whole_moment(items: &[Item<'static>], zone: FixedOffset) -> bool {
    use std::fmt::Write;
    let Some(moment) = DateTime::from_timestamp(1_767_225_906, 0) else { return false };
    let moment = moment.with_timezone(&zone);
    let mut written = String::new();
    // A format that cannot be written is an error here, and no panic.
    if write!(written, "{}", moment.format_with_items(items.iter())).is_err() {
        return false;
    }
    let rule = TimeRule { format: TimeFormat::Strftime(items.to_vec()), zone };
    let read = rule.parse(&written);
    read.is_some_and(|read| read.with_timezone(&zone).date_naive() == moment.date_naive())
}

fn read_other_columns(section: &mut Section<'_>) -> OtherColumns {
    let ignored = filled_texts(section, "ignored_columns");
    let all = section.choice("unknown_columns", &UNKNOWN_COLUMNS);
    match (all.map(|all| all.value), ignored.is_empty()) {
        (Some(true), _) => OtherColumns::Ignored,
        (Some(false) | None, true) => OtherColumns::Refused,
        (Some(false) | None, false) => OtherColumns::IgnoredIf(ignored),
    }
}

fn read_skips(section: &mut Section<'_>) -> Vec<SkipRule> {
    let Some(items) = section.items("skip_rows") else { return Vec::new() };
    let mut rules = Vec::with_capacity(items.written);
    for mut item in items.sections {
        let column = filled_texts(&mut item, "column");
        let words = filled_texts(&mut item, "is");
        if !item.has("column") || !item.has("is") {
            item.report("must be { column = \"…\", is = [\"…\"] }");
        }
        item.finish();
        rules.extend(column.into_iter().next().map(|column| SkipRule { column, words }));
    }
    rules
}

fn read_totals(section: &mut Section<'_>, content: Option<Content>) -> SummaryRule {
    if !section.has("totals") {
        section.node("totals");
        return SummaryRule::None;
    }
    let mut totals = section.section("totals");
    let first_cell = filled_texts(&mut totals, "first_cell").into_iter().next();
    if !totals.has("first_cell") {
        totals.report("must say how the row of totals begins: first_cell = \"合计\"");
    }
    let mut columns = totals.section("columns");
    let mut figures = Vec::new();
    for figure in
        Figure::ALL.into_iter().filter(|figure| content.is_none_or(|content| fits(*figure, content)))
    {
        let names = if columns.node(figure.as_str()).is_some() {
            filled_texts(&mut columns, figure.as_str())
        } else {
            continue;
        };
        figures.push(FigureRule { figure, names, need: Need::Required });
    }
    if figures.is_empty() {
        columns.report("must name the column of at least one figure, such as order_fen = \"金额\"");
    }
    columns.finish();
    totals.finish();
    SummaryRule::Row { first_cell: first_cell.unwrap_or_default(), figures }
}

fn fits(figure: Figure, content: Content) -> bool {
    match figure {
        Figure::Rows => true,
        Figure::Incomes | Figure::IncomeFen | Figure::Expenses | Figure::ExpenseFen => {
            content == Content::Funds
        }
        Figure::Payments
        | Figure::Refunds
        | Figure::OrderFen
        | Figure::SettlementFen
        | Figure::CouponFen
        | Figure::RefundFen
        | Figure::CouponRefundFen
        | Figure::AppliedRefundFen
        | Figure::FeeMillifen => content == Content::Trade,
    }
}
