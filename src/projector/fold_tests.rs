use uuid::Uuid;

use super::super::event::Days;
use super::super::file;
use super::super::folder::{Folder, Origin};
use super::*;
use crate::store::{LogId, RecordedEvent, StreamName};

const SCHEMA: &str = "-- What stands in bills?\n-- environments: both\n
CREATE TABLE lines (
    stream TEXT, revision INTEGER, line INTEGER, row TEXT, transaction_id TEXT, order_fen INTEGER,
    UNIQUE (stream, line)
) STRICT;";
const ON_LINES: &str = "-- One after the other.
INSERT INTO lines VALUES (:stream, :revision, :line, :row, :transaction_id, :order_fen);
UPDATE lines SET order_fen = -order_fen WHERE line = :line AND row = 'refund';";

struct Bench {
    definition: std::sync::Arc<Definition>,
    _folder: tempfile::TempDir,
    folding: Folding,
    stop: Stop,
}

fn bench(schema: &str, on: &[(&str, &str)]) -> Bench {
    let files = [("schema.sql", schema)].into_iter().chain(on.iter().copied());
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
    let folder = Folder { name: "tested".to_owned(), origin: Origin::User, files };
    let definition = Definition::check_all(vec![folder]).unwrap().remove(0);
    let folder = tempfile::tempdir().unwrap();
    let connection = file::create(&folder.path().join("tested.db"), &definition, LogId(Uuid::nil())).unwrap();
    let stop = Stop::default();
    let folding = Folding::over(connection, &stop).unwrap();
    folding.begin().unwrap();
    folding.make(&definition.schema).unwrap();
    Bench { definition, _folder: folder, folding, stop }
}

fn event(position: u64, event_type: &str, data: &str) -> Event {
    let recorded = RecordedEvent {
        position: Position::from_number(position),
        stream: StreamName("billday-1900000109.2026-01-01.all".into()),
        version: position,
        id: Uuid::from_u128(position.into()),
        event_type: event_type.into(),
        data: data.into(),
        metadata: r#"{"schema":1,"recorded_at":"2026-01-02T00:00:00.000Z"}"#.into(),
    };
    Event::read(recorded, &mut Days::default())
}

fn lines(position: u64, columns: &str, lines: &str) -> Event {
    event(position, "BillLines", &format!(r#"{{"revision":7,"columns":[{columns}],"lines":[{lines}]}}"#))
}

fn rows(connection: &Connection) -> Vec<String> {
    let sql = "SELECT concat_ws(' ', stream, revision, line, row, coalesce(transaction_id, '-'),
               coalesce(order_fen, '-')) FROM lines ORDER BY line";
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

const COLUMNS: &str = r#""line","row","transaction_id","order_fen""#;

#[test]
fn the_statements_run_for_each_line_with_its_fields_and_those_of_the_event() {
    let bench = bench(SCHEMA, &[("on/BillLines.sql", ON_LINES)]);
    let mut plan = Plan::prepare(&bench.folding, &bench.definition).unwrap();
    let events = [
        lines(1, COLUMNS, r#"[2,"payment","42",100],[3,"refund","中\"",30]"#),
        // Fewer of them, in another order.
        lines(2, r#""row","line""#, r#"["payment",4]"#),
        lines(3, COLUMNS, ""),
    ];
    let folded = plan.fold(&events).unwrap();
    plan.check_point(&folded).unwrap();
    assert_eq!((folded.count, folded.lines), (3, 3));
    let stream = "billday-1900000109.2026-01-01.all";
    let expected = ["7 2 payment 42 100", "7 3 refund 中\" -30", "7 4 payment - -"];
    assert_eq!(rows(&bench.folding.connection), expected.map(|row| format!("{stream} {row}")));
    let checkpoint = file::checkpoint(&bench.folding.connection, "main").unwrap().unwrap();
    assert_eq!(checkpoint.position, Some(Position::from_number(3)));
}

#[test]
fn a_line_that_cannot_be_folded_is_named_with_its_position_and_file() {
    let bench = bench(SCHEMA, &[("on/BillLines.sql", ON_LINES)]);
    let mut plan = Plan::prepare(&bench.folding, &bench.definition).unwrap();
    for (event, problem) in [
        (
            lines(9, COLUMNS, r#"[5,"payment","1",1],[17,"payment","2",2],[17,"payment","3",3]"#),
            "position 9 (BillLines), tested/on/BillLines.sql:2: line 17 of the bill: UNIQUE constraint failed: lines.stream, lines.line",
        ),
        (
            lines(10, r#""row""#, r#"["payment"],["payment",1]"#),
            "position 10 (BillLines), tested/on/BillLines.sql: the event cannot be read: data: the 2. of lines has 2 values, and the first has 1 at line 1 column 66",
        ),
    ] {
        let Err(FoldError::Event(failure)) = plan.fold([&event]).map(|_| ()) else { panic!("{problem}") };
        assert_eq!(failure.to_string(), problem);
    }
}

#[test]
fn who_does_not_fold_lines_does_not_read_them_either() {
    let on = [("on/AppRegistered.sql", "INSERT INTO lines (line) VALUES (1);")];
    let bench = bench(SCHEMA, &on);
    let mut plan = Plan::prepare(&bench.folding, &bench.definition).unwrap();
    let wrong = lines(1, r#""row""#, r#"["payment"],["payment",1]"#);
    assert_eq!(plan.fold([&wrong]).map(|folded| (folded.count, folded.lines)).unwrap(), (1, 0));
    assert!(wrong.lines().is_err(), "they do not fit their columns");
}

#[test]
fn parameters_of_lines_are_known_by_name_and_their_lists_are_none() {
    for (parameter, is_known) in [
        ("line", true),
        ("fee_millifen", true),
        ("revision", true),
        ("key", true),
        ("lines", false),
        ("columns", false),
    ] {
        let sql = format!("INSERT INTO lines (row) VALUES (:{parameter});");
        let files = [("schema.sql", SCHEMA), ("on/BillLines.sql", &sql)];
        let files = files.map(|(path, text)| (path.to_owned(), text.to_owned())).into();
        let folder = Folder { name: "tested".to_owned(), origin: Origin::User, files };
        let checked = Definition::check_all(vec![folder]);
        assert_eq!(checked.is_ok(), is_known, "{parameter}: {checked:?}");
    }
}

const ENDLESS: &str = "INSERT INTO lines (line)
    WITH RECURSIVE r (n) AS (SELECT :line UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r;";

#[test]
fn a_statement_that_runs_for_ever_is_ended_within_its_time_and_names_its_line() {
    let mut bench = bench(SCHEMA, &[("on/BillLines.sql", ENDLESS)]);
    bench.folding.wait = Duration::from_secs(1);
    let mut plan = Plan::prepare(&bench.folding, &bench.definition).unwrap();
    let event = lines(1, COLUMNS, r#"[5,"payment","1",1]"#);
    let Err(FoldError::Event(failure)) = plan.fold([&event]).map(|_| ()) else { panic!("it goes on") };
    assert_eq!((failure.file.as_str(), failure.line), ("tested/on/BillLines.sql", Some(1)));
    assert_eq!(failure.problem, "line 5 of the bill: the statement runs longer than 1 s");
}

#[test]
fn who_is_told_to_stop_ends_the_statement_that_runs() {
    let bench = bench(SCHEMA, &[("on/BillLines.sql", ENDLESS)]);
    let mut plan = Plan::prepare(&bench.folding, &bench.definition).unwrap();
    bench.stop.tell();
    let event = lines(1, COLUMNS, r#"[5,"payment","1",1]"#);
    assert!(matches!(plan.fold([&event]), Err(FoldError::Told)));
}

#[test]
fn who_is_told_to_stop_ends_the_making_of_late_indexes_and_not_the_engines_own_statements() {
    let schema = format!("{SCHEMA}\nCREATE INDEX late ON lines (order_fen);");
    let bench = bench(&schema, &[("on/BillLines.sql", ON_LINES)]);
    bench.stop.tell();
    let many = "INSERT INTO lines (line)
                WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT 20000) SELECT n FROM r";
    bench.folding.connection.execute_batch(many).unwrap();
    assert_eq!(bench.definition.late_indexes.len(), 1);
    let error = bench.folding.make(&bench.definition.late_indexes).unwrap_err();
    assert!(bench.folding.was_stopped(&error), "{error}");
}

#[test]
fn a_question_without_an_answer_ends_the_file_for_this_event_or_line() {
    let on = "SELECT 1 WHERE :row = 'refund';
INSERT INTO lines (stream, line) VALUES (:stream, :line);";
    let bench = bench(SCHEMA, &[("on/BillLines.sql", on)]);
    let mut plan = Plan::prepare(&bench.folding, &bench.definition).unwrap();
    let events = [lines(1, COLUMNS, r#"[2,"payment","42",100],[3,"refund","43",30],[4,"payment","44",100]"#)];
    plan.fold(&events).unwrap();
    assert_eq!(rows(&bench.folding.connection), ["billday-1900000109.2026-01-01.all 3 - -"]);
}

#[test]
fn shared_statements_run_where_their_file_is_named_with_what_each_event_says() {
    let on = "-- then: mark
INSERT INTO lines (stream, line, row) VALUES (:stream, :line, '');
-- then: mark
UPDATE lines SET row = row || 'b' WHERE line = :line;
-- then: mark
SELECT 1 WHERE :line < 3;
-- then: mark";
    let mark = "UPDATE lines SET row = row || 'a' WHERE line = :line;
UPDATE lines SET transaction_id = :transaction_id WHERE line = :line;";
    let bench = bench(SCHEMA, &[("on/BillLines.sql", on), ("then/mark.sql", mark)]);
    let mut plan = Plan::prepare(&bench.folding, &bench.definition).unwrap();
    plan.fold(&[lines(1, COLUMNS, r#"[2,"payment","42",100],[3,"refund","43",30]"#)]).unwrap();
    let stream = "billday-1900000109.2026-01-01.all";
    let expected = ["2 abaa 42 -", "3 aba 43 -"];
    assert_eq!(rows(&bench.folding.connection), expected.map(|row| format!("{stream} {row}")));
}

#[test]
fn a_question_of_a_shared_file_leaves_out_what_stands_behind_its_name_too() {
    let on = "-- then: ask\nINSERT INTO lines (stream, line) VALUES (:stream, :line);";
    let ask = "SELECT 1 WHERE :row = 'refund';";
    let bench = bench(SCHEMA, &[("on/BillLines.sql", on), ("then/ask.sql", ask)]);
    let mut plan = Plan::prepare(&bench.folding, &bench.definition).unwrap();
    plan.fold(&[lines(1, COLUMNS, r#"[2,"payment","42",100],[3,"refund","43",30]"#)]).unwrap();
    assert_eq!(rows(&bench.folding.connection), ["billday-1900000109.2026-01-01.all 3 - -"]);
}

#[test]
fn a_shared_statement_that_fails_is_named_by_its_own_file_and_line() {
    let on = "DELETE FROM lines WHERE line = 0;\n\n\n-- then: keep\nUPDATE lines SET order_fen = :app_id;";
    let keep = "-- Keeps.\nSELECT 1;\nINSERT INTO lines (stream, line) VALUES (:stream, :line);";
    let bench = bench(SCHEMA, &[("on/BillLines.sql", on), ("then/keep.sql", keep)]);
    let mut plan = Plan::prepare(&bench.folding, &bench.definition).unwrap();
    for (event, problem) in [
        (
            lines(9, r#""line""#, "[5],[5]"),
            "position 9 (BillLines), tested/then/keep.sql:3: line 5 of the bill: UNIQUE constraint failed: lines.stream, lines.line",
        ),
        (
            lines(10, r#""line","app_id""#, r#"[6,"wx1"]"#),
            "position 10 (BillLines), tested/on/BillLines.sql:5: line 6 of the bill: cannot store TEXT value in INTEGER column lines.order_fen",
        ),
        (
            lines(11, r#""row""#, r#"["payment"],["payment",1]"#),
            "position 11 (BillLines), tested/on/BillLines.sql: the event cannot be read: data: the 2. of lines has 2 values, and the first has 1 at line 1 column 66",
        ),
    ] {
        let Err(FoldError::Event(failure)) = plan.fold([&event]).map(|_| ()) else { panic!("{problem}") };
        assert_eq!(failure.to_string(), problem);
    }
}
