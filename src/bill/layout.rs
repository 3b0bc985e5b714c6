//! Which column of a file is what: its header, held against a profile.

use super::error::{BillError, CellPlace, Echo};
use super::field::Field;
use super::profile::{ColumnRule, FigureRule, Need, OtherColumns, Profile, SummaryRule};
use super::row::Row;
use crate::limits;

#[derive(Debug)]
pub struct Layout<'p> {
    pub profile: &'p Profile,
    /// The header.
    pub names: Vec<String>,
    /// The column of each field, by the field's number.
    columns: [Option<usize>; Field::COUNT],
    /// The column of each of the profile's skip rules.
    pub skips: Vec<usize>,
    /// The column of each figure of a summary that is one row.
    pub figures: Vec<(usize, &'p FigureRule)>,
}

impl<'p> Layout<'p> {
    pub fn of(profile: &'p Profile, header: &Row) -> Result<Self, BillError> {
        let names = names(header)?;
        let mut columns = [None; Field::COUNT];
        for rule in &profile.columns {
            let column = names.iter().position(|name| rule.names.contains(name));
            if column.is_none() && rule.need == Need::Required {
                return Err(missing(header, &rule.names, profile));
            }
            columns[rule.field as usize] = column;
        }
        let find = |name: &String| {
            let column = names.iter().position(|there| there == name);
            column.ok_or_else(|| missing(header, std::slice::from_ref(name), profile))
        };
        let skips = profile.skips.iter().map(|rule| find(&rule.column)).collect::<Result<_, _>>()?;
        let figures = match &profile.summary {
            SummaryRule::None | SummaryRule::Block(_) => Vec::new(),
            SummaryRule::Row { figures, .. } => figure_columns(figures, header, &names, profile)?,
        };
        let layout = Self { profile, names, columns, skips, figures };
        layout.check_others(header.line)?;
        Ok(layout)
    }

    /// Every column must be known, or known to be of no interest.
    fn check_others(&self, line: u64) -> Result<(), BillError> {
        for (index, name) in self.names.iter().enumerate() {
            let is_used = self.columns.contains(&Some(index))
                || self.skips.contains(&index)
                || self.figures.iter().any(|(column, _)| *column == index);
            let is_ignored = match &self.profile.other_columns {
                OtherColumns::Refused => false,
                OtherColumns::IgnoredIf(ignored) => ignored.contains(name),
                OtherColumns::Ignored => true,
            };
            if !is_used && !is_ignored {
                let at = CellPlace::new(line, index + 1, name);
                return Err(match self.twice(name) {
                    Some(first) => BillError::DuplicateColumn { at, first: first + 1 },
                    None => BillError::UnknownColumn { at, profile: self.profile.name.clone() },
                });
            }
        }
        Ok(())
    }

    /// The column that is the same field under another of its names.
    fn twice(&self, name: &String) -> Option<usize> {
        let rule = self.profile.columns.iter().find(|rule| rule.names.contains(name))?;
        self.column(rule.field)
    }

    pub fn column(&self, field: Field) -> Option<usize> {
        self.columns[field as usize]
    }

    /// Where a cell stands.
    pub fn place(&self, row: &Row, column: usize) -> CellPlace {
        let name = self.names.get(column).map_or("", String::as_str);
        CellPlace::new(row.line, column + 1, name)
    }

    /// How well a header fits: its known columns, less those that are missing and those that are not known.
    pub fn fit(profile: &Profile, header: &Row) -> i64 {
        let is_there =
            |rule: &&ColumnRule| header.trimmed().any(|cell| rule.names.iter().any(|name| name == cell));
        let rules: Vec<_> = profile.columns.iter().filter(|rule| rule.field != Field::RowWord).collect();
        let known = rules.iter().filter(|rule| is_there(rule)).count();
        let missing = rules.len() - known;
        let unknown = header.len().saturating_sub(known);
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        if known == 0 { i64::MIN } else { count(known) - count(missing) - count(unknown) }
    }
}

fn names(header: &Row) -> Result<Vec<String>, BillError> {
    if header.len() > limits::BILL_COLUMNS_MAX {
        let at = CellPlace::new(header.line, limits::BILL_COLUMNS_MAX + 1, "");
        return Err(BillError::TooManyColumns { at, columns_max: limits::BILL_COLUMNS_MAX });
    }
    let mut names: Vec<String> = Vec::with_capacity(header.len());
    for cell in header.trimmed() {
        // Columns without a name are no column twice.
        if !cell.is_empty()
            && let Some(first) = names.iter().position(|name| name == cell)
        {
            let at = CellPlace::new(header.line, names.len() + 1, cell);
            return Err(BillError::DuplicateColumn { at, first: first + 1 });
        }
        names.push(cell.to_owned());
    }
    Ok(names)
}

fn missing(header: &Row, names: &[String], profile: &Profile) -> BillError {
    let name = names.join(" / ");
    BillError::MissingColumn { line: header.line, name, profile: profile.name.clone() }
}

/// The columns of the figures that the header has. It must have those that are required.
fn figure_columns<'p>(
    rules: &'p [FigureRule],
    header: &Row,
    names: &[String],
    profile: &Profile,
) -> Result<Vec<(usize, &'p FigureRule)>, BillError> {
    let mut columns = Vec::with_capacity(rules.len());
    for rule in rules {
        match names.iter().position(|name| rule.names.contains(name)) {
            Some(column) => columns.push((column, rule)),
            None if rule.need == Need::Required => return Err(missing(header, &rule.names, profile)),
            None => {}
        }
    }
    Ok(columns)
}

/// The header of a summary, which stands on a line of its own and names figures only.
pub fn of_summary<'p>(
    rules: &'p [FigureRule],
    header: &Row,
    profile: &'p Profile,
) -> Result<Layout<'p>, BillError> {
    let is_figure = |cell: &str| rules.iter().any(|rule| rule.names.iter().any(|name| name == cell));
    if !header.trimmed().any(is_figure) {
        return Err(BillError::NoBacktick { line: header.line });
    }
    let names = names(header)?;
    let figures = figure_columns(rules, header, &names, profile)?;
    let unknown = (0..names.len()).find(|index| !figures.iter().any(|(column, _)| column == index));
    if let Some(index) = unknown {
        let at = CellPlace::new(header.line, index + 1, &names[index]);
        return Err(BillError::UnknownColumn { at, profile: profile.name.clone() });
    }
    Ok(Layout { profile, names, columns: [None; Field::COUNT], skips: Vec::new(), figures })
}

/// What stands in a row's cell that cannot be taken.
pub fn wrong_value(layout: &Layout<'_>, row: &Row, column: usize, expected: &'static str) -> BillError {
    BillError::Value { at: layout.place(row, column), found: Echo::new(row.cell(column)), expected }
}
