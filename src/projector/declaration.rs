//! What a file's first comment declares: whose events a folder sees, and what a named question takes and
//! gives.

use super::problem::{Problem, known_names};
use super::script;
use crate::config::Role;
use crate::table::{Column, Unit};

/// Whose events a folder sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environments {
    /// Sandbox events never reach it.
    Production,
    Both,
}

impl Environments {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Both => "both",
        }
    }
}

/// A named question, as its header declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryDeclaration {
    pub projection: String,
    pub name: String,
    /// What it answers.
    pub title: String,
    /// Who may ask besides audit and admin, who may always.
    pub roles: Vec<Role>,
    pub parameters: Vec<Parameter>,
    pub columns: Vec<Column>,
    pub next: Option<Next>,
    /// Other projections whose tables it joins.
    pub uses: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    pub name: String,
    pub kind: ParameterKind,
    pub required: bool,
    pub default: Option<String>,
    /// Of a number.
    pub max: Option<i64>,
    /// Of a text: the words it may be; empty where it may be any.
    pub words: Vec<String>,
    pub help: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    Text,
    Integer,
    /// Integer fen.
    Fen,
    /// RFC 3339.
    Moment,
    /// `2026-01-01`, in Beijing.
    Day,
    /// `true` or `false`.
    Flag,
    /// A place in the log.
    Position,
}

impl ParameterKind {
    pub const WORDS: [(&str, Self); 7] = [
        ("text", Self::Text),
        ("integer", Self::Integer),
        ("fen", Self::Fen),
        ("moment", Self::Moment),
        ("day", Self::Day),
        ("flag", Self::Flag),
        ("position", Self::Position),
    ];

    pub fn as_str(self) -> &'static str {
        Self::WORDS.into_iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }
}

/// The next page is asked with `parameter` set to the last row's `column`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    pub parameter: String,
    pub column: String,
}

/// What the first comment of `schema.sql` says: the question, and whose events are seen.
pub fn of_schema(file: &str, text: &str, problems: &mut Vec<Problem>) -> (String, Environments) {
    let mut question = String::new();
    let mut environments = None;
    let mut last_line = None;
    for (line, content) in script::header(text) {
        let Some(value) = content.strip_prefix("environments:") else {
            // What stands after a gap is about the first table.
            if last_line.is_none_or(|last| last + 1 == line) {
                add_line(&mut question, content);
                last_line = Some(line);
            }
            continue;
        };
        environments = match value.trim() {
            "production" => Some(Environments::Production),
            "both" => Some(Environments::Both),
            other => {
                let remedy = "write `-- environments: production` or `-- environments: both`";
                problems.push(Problem::new(file, line, format!("environments cannot be {other:?}"), remedy));
                Some(Environments::Production)
            }
        };
    }
    if question.is_empty() {
        let remedy = "begin the file with `-- ` and the question that this projection answers";
        problems.push(Problem::new(file, 1, "does not say what it answers", remedy));
    }
    if environments.is_none() {
        let remedy = "write `-- environments: production` or `-- environments: both` into the first comment";
        problems.push(Problem::new(file, 1, "does not say whose events it sees", remedy));
    }
    (question, environments.unwrap_or(Environments::Production))
}

fn add_line(text: &mut String, line: &str) {
    if !text.is_empty() && !line.is_empty() {
        text.push(' ');
    }
    text.push_str(line);
}

/// Reads a query's header.
pub struct HeaderReader<'a> {
    file: &'a str,
    problems: &'a mut Vec<Problem>,
}

impl<'a> HeaderReader<'a> {
    pub fn new(file: &'a str, problems: &'a mut Vec<Problem>) -> Self {
        Self { file, problems }
    }

    pub fn read(mut self, projection: &str, name: &str, text: &str) -> QueryDeclaration {
        let mut query = QueryDeclaration {
            projection: projection.to_owned(),
            name: name.to_owned(),
            title: String::new(),
            roles: Vec::new(),
            parameters: Vec::new(),
            columns: Vec::new(),
            next: None,
            uses: Vec::new(),
        };
        let mut has_role = false;
        let before = self.problems.len();
        for (line, content) in script::header(text) {
            match content.split_once(':').map(|(key, value)| (key.trim(), value.trim())) {
                Some(("role", value)) => {
                    has_role = true;
                    query.roles.extend(self.roles(line, value));
                }
                Some(("uses", value)) => {
                    let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
                    query.uses.extend(names.map(str::to_owned));
                }
                Some(("parameter", value)) => query.parameters.extend(self.parameter(line, value)),
                Some(("column", value)) => query.columns.extend(self.column(line, value)),
                Some(("next", value)) => query.next = self.next(line, value).or(query.next),
                _ => add_line(&mut query.title, content),
            }
        }
        if query.title.is_empty() {
            self.wrong(1, "does not say what it answers", "begin the file with `-- ` and the question");
        }
        if !has_role {
            self.wrong(1, "does not say who may ask", "write `-- role: finance` into the first comment");
        }
        self.check_twice(text, "parameter", names(&query.parameters));
        self.check_twice(text, "column", query.columns.iter().map(|column| column.name.as_str()));
        // What is not understood may be what is not found.
        if self.problems.len() == before {
            self.check_next(text, &query);
        }
        query
    }

    fn wrong(&mut self, line: usize, message: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(Problem::new(self.file, line, message, remedy));
    }

    fn roles(&mut self, line: usize, value: &str) -> Vec<Role> {
        let mut roles = Vec::new();
        for word in value.split(',').map(str::trim) {
            match Role::parse(word) {
                Some(role) => roles.push(role),
                None => {
                    let known = known_names(word, Role::WORDS.map(|(word, _)| word));
                    self.wrong(line, format!("there is no role {word:?}"), known);
                }
            }
        }
        roles
    }

    /// `NAME KIND [of WORD,WORD] [required] [= DEFAULT] [max N] [| help]`
    fn parameter(&mut self, line: usize, value: &str) -> Option<Parameter> {
        const SHAPE: &str =
            "write `-- parameter: NAME TYPE [of WORD,WORD] [required] [= DEFAULT] [max N] [| what it means]`";
        let (declared, help) = value.split_once('|').unwrap_or((value, ""));
        let mut words = declared.split_whitespace();
        let (Some(name), Some(kind)) = (words.next(), words.next()) else {
            self.wrong(line, "a parameter needs a name and a type", SHAPE);
            return None;
        };
        let Some((_, kind)) = ParameterKind::WORDS.into_iter().find(|(word, _)| *word == kind) else {
            let known = known_names(kind, ParameterKind::WORDS.map(|(word, _)| word));
            self.wrong(line, format!("there is no parameter type {kind:?}"), known);
            return None;
        };
        let mut parameter = Parameter {
            name: name.to_owned(),
            kind,
            required: false,
            default: None,
            max: None,
            words: Vec::new(),
            help: help.trim().to_owned(),
        };
        while let Some(word) = words.next() {
            let is_understood = match word {
                "required" => {
                    parameter.required = true;
                    true
                }
                "=" => {
                    parameter.default = words.next().map(str::to_owned);
                    parameter.default.is_some()
                }
                "of" => {
                    let listed = words.next().unwrap_or_default().split(',');
                    parameter.words = listed.filter(|word| !word.is_empty()).map(str::to_owned).collect();
                    !parameter.words.is_empty()
                }
                "max" => {
                    parameter.max = words.next().and_then(|number| number.parse().ok());
                    parameter.max.is_some()
                }
                _ => false,
            };
            if !is_understood {
                self.wrong(line, format!("{word:?} is not understood"), SHAPE);
                return None;
            }
        }
        Some(parameter)
    }

    /// `NAME UNIT [| label]`
    fn column(&mut self, line: usize, value: &str) -> Option<Column> {
        let (declared, label) = value.split_once('|').unwrap_or((value, ""));
        let words: Vec<_> = declared.split_whitespace().collect();
        let [name, unit] = words.as_slice() else {
            self.wrong(line, "a column needs a name and a unit", "write `-- column: NAME UNIT [| label]`");
            return None;
        };
        let Some(unit) = Unit::parse(unit) else {
            let known = known_names(unit, Unit::WORDS.map(|(word, _)| word));
            self.wrong(line, format!("there is no unit {unit:?}"), known);
            return None;
        };
        Some(Column { name: (*name).to_owned(), unit, label: label.trim().to_owned() })
    }

    fn next(&mut self, line: usize, value: &str) -> Option<Next> {
        let named = value.split_once('=').map(|(one, other)| (one.trim(), other.trim()));
        let Some((parameter, column)) = named else {
            self.wrong(
                line,
                "does not say how the next page is asked",
                "write `-- next: PARAMETER = COLUMN`",
            );
            return None;
        };
        Some(Next { parameter: parameter.to_owned(), column: column.to_owned() })
    }

    fn check_twice<'n>(&mut self, text: &str, key: &str, names: impl Iterator<Item = &'n str>) {
        let mut known = Vec::new();
        for name in names {
            if known.contains(&name) {
                let line = declared_lines(text, key, name).last().unwrap_or(1);
                self.wrong(line, format!("the {key} {name} is declared twice"), "take one out");
            }
            known.push(name);
        }
    }

    fn check_next(&mut self, text: &str, query: &QueryDeclaration) {
        let Some(next) = &query.next else { return };
        let line = line_of(text, "next", &next.parameter);
        if !query.parameters.iter().any(|parameter| parameter.name == next.parameter) {
            let message = format!("next: there is no parameter {:?}", next.parameter);
            self.wrong(line, message, known_names(&next.parameter, names(&query.parameters)));
        }
        if !query.columns.iter().any(|column| column.name == next.column) {
            let columns = query.columns.iter().map(|column| column.name.as_str());
            let message = format!("next: there is no column {:?}", next.column);
            self.wrong(line, message, known_names(&next.column, columns));
        }
        if !query.parameters.iter().any(|parameter| parameter.name == "limit") {
            let remedy = "declare `-- parameter: limit integer = 50 max 1000` and use it";
            self.wrong(line, "pages need a parameter limit", remedy);
        }
    }
}

/// The lines of the header that declare this name, or list it.
fn declared_lines<'t>(text: &'t str, key: &'t str, name: &'t str) -> impl Iterator<Item = usize> + 't {
    let declares = move |content: &str| {
        let value = content.strip_prefix(key).and_then(|rest| rest.trim_start().strip_prefix(':'));
        value.is_some_and(|value| value.split([' ', '\t', ',', '=', '|']).any(|word| word == name))
    };
    script::header(text).into_iter().filter(move |(_, content)| declares(content)).map(|(line, _)| line)
}

/// The first line of the header that declares this name.
pub fn line_of(text: &str, key: &str, name: &str) -> usize {
    declared_lines(text, key, name).next().unwrap_or(1)
}

pub fn names(parameters: &[Parameter]) -> impl Iterator<Item = &str> {
    parameters.iter().map(|parameter| parameter.name.as_str())
}
