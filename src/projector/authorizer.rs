//! What statements of a folder may do: an allow-list that SQLite asks while it prepares a statement, and the
//! functions of our own that they may use.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::{Connection, functions::FunctionFlags, limits::Limit};

use super::moments;
use crate::limits;

/// Whose statements are being prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// The engine's own.
    Engine,
    /// Those of `schema.sql`.
    Schema,
    /// Those of `on/`.
    Fold,
    /// Those of `queries/`.
    Query,
}

/// Tables whose names begin so are the engine's own.
pub const OWN_PREFIX: char = '_';

/// Everything deterministic that SQLite brings along, and our own. No clock, no chance, no files, nothing that
/// depends on what the connection did before.
const FUNCTIONS: &[&str] = &[
    "->",
    "->>",
    "abs",
    "avg",
    "beijing_day",
    "beijing_hour",
    "char",
    "coalesce",
    "concat",
    "concat_ws",
    "count",
    "cume_dist",
    "day_plus",
    "dense_rank",
    "first_value",
    "format",
    "glob",
    "group_concat",
    "hex",
    "if",
    "ifnull",
    "iif",
    "instr",
    "json",
    "json_array",
    "json_array_length",
    "json_each",
    "json_error_position",
    "json_extract",
    "json_group_array",
    "json_group_object",
    "json_insert",
    "json_object",
    "json_patch",
    "json_quote",
    "json_remove",
    "json_replace",
    "json_set",
    "json_tree",
    "json_type",
    "json_valid",
    "lag",
    "last_value",
    "lead",
    "length",
    "like",
    "lower",
    "ltrim",
    "max",
    "min",
    "moment_plus",
    "nth_value",
    "ntile",
    "nullif",
    "octet_length",
    "percent_rank",
    "printf",
    "quote",
    "rank",
    "replace",
    "round",
    "row_number",
    "rtrim",
    "seconds_between",
    "sign",
    "string_agg",
    "substr",
    "substring",
    "sum",
    "total",
    "trim",
    "typeof",
    "unhex",
    "unicode",
    "upper",
];

/// Set by whoever prepares a statement.
#[derive(Clone)]
pub struct Gate {
    phase: Arc<AtomicU8>,
}

impl Gate {
    /// Makes a connection ask before anything is prepared, and adds our functions.
    pub fn install(connection: &mut Connection) -> rusqlite::Result<Self> {
        add_functions(connection)?;
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, limits::VALUE_BYTES_MAX)?;
        let foreign = foreign_modules(connection)?;
        let phase = Arc::new(AtomicU8::new(Phase::Engine as u8));
        let asked = phase.clone();
        let authorize = move |context: AuthContext<'_>| {
            let phase = asked.load(Ordering::Relaxed);
            let is_foreign = |name: &str| foreign.contains(&name.to_ascii_lowercase());
            if is_allowed(phase, &context, is_foreign) { Authorization::Allow } else { Authorization::Deny }
        };
        connection.authorizer(Some(authorize))?;
        Ok(Self { phase })
    }

    /// What `prepare` prepares is judged by the rules of `phase`.
    pub fn within<T>(&self, phase: Phase, prepare: impl FnOnce() -> T) -> T {
        self.phase.store(phase as u8, Ordering::Relaxed);
        let prepared = prepare();
        self.phase.store(Phase::Engine as u8, Ordering::Relaxed);
        prepared
    }
}

/// Tables that SQLite makes up when they are asked for, such as `dbstat`: all but those for JSON.
fn foreign_modules(connection: &Connection) -> rusqlite::Result<BTreeSet<String>> {
    let mut modules =
        connection.prepare("SELECT name FROM pragma_module_list WHERE name NOT LIKE 'json%'")?;
    modules.query_map([], |row| row.get(0))?.collect()
}

fn is_allowed(phase: u8, context: &AuthContext<'_>, is_foreign: impl Fn(&str) -> bool) -> bool {
    if phase == Phase::Engine as u8 {
        return true;
    }
    let (schema, fold) = (phase == Phase::Schema as u8, phase == Phase::Fold as u8);
    // `CREATE TABLE temp.x` is told from others by this alone.
    if phase != Phase::Query as u8 && context.database_name.is_some_and(|name| name != "main") {
        return false;
    }
    match context.action {
        // A table that were filled while it is made could be filled for ever.
        AuthAction::Select | AuthAction::Recursive => !schema,
        AuthAction::Read { table_name, .. } => {
            (is_theirs(table_name) && !is_foreign(table_name)) || (schema && is_catalogue(table_name))
        }
        AuthAction::Function { function_name } => {
            FUNCTIONS.contains(&function_name.to_ascii_lowercase().as_str())
        }
        AuthAction::Insert { table_name }
        | AuthAction::Update { table_name, .. }
        | AuthAction::Delete { table_name } => {
            (fold && is_theirs(table_name)) || (schema && is_catalogue(table_name))
        }
        AuthAction::CreateTable { table_name } => schema && is_theirs(table_name),
        AuthAction::CreateIndex { table_name, index_name } => {
            schema && is_theirs(table_name) && (is_theirs(index_name) || index_name.starts_with("sqlite_"))
        }
        AuthAction::CreateView { view_name } => schema && is_theirs(view_name),
        AuthAction::Reindex { .. } => schema,
        _ => false,
    }
}

fn is_theirs(name: &str) -> bool {
    !name.starts_with(OWN_PREFIX) && !is_catalogue(name) && !name.to_ascii_lowercase().starts_with("pragma_")
}

fn is_catalogue(name: &str) -> bool {
    name.to_ascii_lowercase().starts_with("sqlite_")
}

fn add_functions(connection: &Connection) -> rusqlite::Result<()> {
    // Harmless, so that views, generated columns and constraints may call them too.
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("beijing_day", 1, flags, |context| {
        let moment: Option<String> = context.get(0)?;
        Ok(moment.and_then(|moment| moments::beijing_day(&moment)))
    })?;
    connection.create_scalar_function("beijing_hour", 1, flags, |context| {
        let moment: Option<String> = context.get(0)?;
        Ok(moment.and_then(|moment| moments::beijing_hour(&moment)))
    })?;
    connection.create_scalar_function("moment_plus", 2, flags, |context| {
        let (moment, seconds): (Option<String>, Option<i64>) = (context.get(0)?, context.get(1)?);
        Ok(moment.zip(seconds).and_then(|(moment, seconds)| moments::moment_plus(&moment, seconds)))
    })?;
    connection.create_scalar_function("day_plus", 2, flags, |context| {
        let (day, days): (Option<String>, Option<i64>) = (context.get(0)?, context.get(1)?);
        Ok(day.zip(days).and_then(|(day, days)| moments::day_plus(&day, days)))
    })?;
    connection.create_scalar_function("seconds_between", 2, flags, |context| {
        let (earlier, later): (Option<String>, Option<String>) = (context.get(0)?, context.get(1)?);
        Ok(earlier.zip(later).and_then(|(earlier, later)| moments::seconds_between(&earlier, &later)))
    })
}
