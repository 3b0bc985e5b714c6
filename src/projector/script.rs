//! Cuts an SQL file into its statements, each with the line it begins at, and knows comments from words.
//! What a statement means is SQLite's business.

/// One statement, without the `;` at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub sql: String,
    /// Of the statement's first word; the file's first line is 1.
    pub line: usize,
    /// The first words in upper case, as far as a kind of statement is told by them.
    pub words: Vec<String>,
}

/// What a file is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Statement(Statement),
    /// `-- then: NAME`: here run the statements of another file.
    Then {
        name: String,
        line: usize,
    },
    Astray {
        line: usize,
        why: Astray,
    },
}

/// Why a comment that begins with `then:` names no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Astray {
    WithinStatement,
    /// None behind it, or several.
    NotOneName,
}

/// How many words tell the kind of a statement: `CREATE TEMP TABLE IF`.
const WORDS: usize = 4;

impl Statement {
    /// The line of the file that a byte of the statement stands in.
    pub fn line_at(&self, offset: usize) -> usize {
        let before = self.sql.as_bytes().iter().take(offset);
        self.line + before.filter(|byte| **byte == b'\n').count()
    }

    /// The name that stands before a word, without its quotes.
    pub fn named_before(&self, word: &str) -> Option<&str> {
        let mut name = None;
        for (piece, part) in pieces(&self.sql) {
            match piece {
                Piece::Word if part.eq_ignore_ascii_case(word) => return name,
                Piece::Word => name = Some(part),
                Piece::Quoted => name = part.get(1..part.len().saturating_sub(1)),
                Piece::Space | Piece::Comment | Piece::End | Piece::Other => {}
            }
        }
        None
    }

    pub fn begins_with(&self, words: &[&str]) -> bool {
        self.words.len() >= words.len() && self.words.iter().zip(words).all(|(mine, word)| mine == word)
    }
}

/// A piece of SQL text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Space,
    Comment,
    /// A name or keyword.
    Word,
    /// A text or a quoted name.
    Quoted,
    End,
    Other,
}

/// The statements of a file, in their order.
pub fn statements(text: &str) -> Vec<Statement> {
    let statement = |part| match part {
        Part::Statement(statement) => Some(statement),
        Part::Then { .. } | Part::Astray { .. } => None,
    };
    parts(text).into_iter().filter_map(statement).collect()
}

/// The same, with the comments between them that name other files.
pub fn parts(text: &str) -> Vec<Part> {
    let mut found = Vec::new();
    let mut open: Option<Statement> = None;
    let mut line = 1;
    for (piece, part) in pieces(text) {
        match piece {
            Piece::End => found.extend(open.take().map(Part::Statement)),
            Piece::Space | Piece::Comment => {
                found.extend(then(part, line, open.as_ref()));
                if let Some(statement) = &mut open {
                    statement.sql.push_str(part);
                }
            }
            Piece::Word | Piece::Quoted | Piece::Other => {
                let statement =
                    open.get_or_insert_with(|| Statement { sql: String::new(), line, words: Vec::new() });
                statement.sql.push_str(part);
                if piece == Piece::Word && statement.words.len() < WORDS {
                    statement.words.push(part.to_ascii_uppercase());
                }
            }
        }
        line += part.matches('\n').count();
    }
    found.extend(open.map(Part::Statement));
    found
}

/// What a comment says of other files, if anything.
fn then(comment: &str, line: usize, open: Option<&Statement>) -> Option<Part> {
    let behind = comment.strip_prefix("--")?.trim_start().strip_prefix("then:")?;
    let mut names = behind.split_whitespace();
    Some(match (open, names.next(), names.next()) {
        (Some(_), ..) => Part::Astray { line, why: Astray::WithinStatement },
        (None, Some(name), None) => Part::Then { name: name.to_owned(), line },
        (None, ..) => Part::Astray { line, why: Astray::NotOneName },
    })
}

/// The comment lines before the first statement, without their `--`, each with its number.
pub fn header(text: &str) -> Vec<(usize, &str)> {
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let before = numbered.take_while(|(_, line)| line.is_empty() || line.starts_with("--"));
    before.filter_map(|(number, line)| Some((number, line.strip_prefix("--")?.trim()))).collect()
}

/// Where a word stands outside comments and quotes: its line.
pub fn line_of_word(text: &str, is_it: impl Fn(&str) -> bool) -> Option<(usize, String)> {
    let mut line = 1;
    for (piece, part) in pieces(text) {
        if piece == Piece::Word && is_it(&part.to_ascii_uppercase()) {
            return Some((line, part.to_owned()));
        }
        line += part.matches('\n').count();
    }
    None
}

/// Whether an expression has a parenthesis outside comments and quotes: all that calls a function has.
pub fn calls(expression: &str) -> bool {
    pieces(expression).any(|(piece, part)| piece == Piece::Other && part == "(")
}

fn pieces(text: &str) -> impl Iterator<Item = (Piece, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, bytes) = first_piece(rest)?;
        let (part, behind) = rest.split_at(bytes);
        rest = behind;
        Some((piece, part))
    })
}

/// What a text begins with, and how many bytes of it.
fn first_piece(text: &str) -> Option<(Piece, usize)> {
    let first = text.chars().next()?;
    let while_all = |allows: fn(char) -> bool| text.find(|c| !allows(c)).unwrap_or(text.len());
    Some(match first {
        ';' => (Piece::End, 1),
        c if c.is_whitespace() => (Piece::Space, while_all(char::is_whitespace)),
        '-' if text.starts_with("--") => (Piece::Comment, text.find('\n').unwrap_or(text.len())),
        '/' if text.starts_with("/*") => {
            (Piece::Comment, text[2..].find("*/").map_or(text.len(), |place| place + 4))
        }
        '\'' | '"' | '`' => (Piece::Quoted, quoted(text, first)),
        '[' => (Piece::Quoted, text.find(']').map_or(text.len(), |place| place + 1)),
        c if is_word(c) => (Piece::Word, while_all(is_word)),
        c => (Piece::Other, c.len_utf8()),
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// The bytes of a quoted text at the beginning; a doubled quote stands for itself.
fn quoted(text: &str, quote: char) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((place, c)) = chars.next() {
        if c == quote {
            if chars.peek().is_some_and(|(_, next)| *next == quote) {
                chars.next();
            } else {
                return place + c.len_utf8();
            }
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_cut_at_semicolons_that_are_not_in_quotes_or_comments() {
        let text = "-- what; it\n\nINSERT INTO a VALUES ('x;''y', \"b;\", [c;], `d;`) -- no;\n;\n/* ; */ UPDATE a\nSET b = 1;\n";
        let found = statements(text);
        let brief: Vec<_> = found.iter().map(|s| (s.line, s.words.join(" "))).collect();
        assert_eq!(brief, [(3, "INSERT INTO A VALUES".into()), (5, "UPDATE A SET B".into())]);
        assert_eq!(found[1].sql, "UPDATE a\nSET b = 1");
        assert_eq!(found[1].line_at(9), 6);
        assert!(found[0].begins_with(&["INSERT"]) && !found[0].begins_with(&["UPDATE"]));
    }

    #[test]
    fn an_index_is_named_before_its_table() {
        for (sql, name) in [
            ("CREATE INDEX i ON t (a)", Some("i")),
            ("create index if not exists main.\"an i\"/* ON */on t (a)", Some("an i")),
            ("CREATE INDEX [i] -- ON\nON t (a)", Some("i")),
            ("CREATE INDEX", None),
        ] {
            assert_eq!(statements(sql)[0].named_before("ON"), name, "{sql}");
        }
    }

    #[test]
    fn a_file_is_named_between_statements_by_a_comment_of_its_own() {
        for (text, name) in [
            ("-- then: a", Some("a")),
            ("SELECT 1;--then:a\r\n", Some("a")),
            ("SELECT 1; --   then: \t a \nSELECT 2", Some("a")),
            ("/* then: a */", None),
            ("-- Then: a", None),
            ("-- then a", None),
            ("-- and then: a", None),
            ("SELECT '-- then: a'", None),
        ] {
            let mut parts = parts(text).into_iter();
            let found = parts.find_map(|part| match part {
                Part::Then { name, .. } => Some(name),
                Part::Statement(_) => None,
                Part::Astray { .. } => panic!("{text}"),
            });
            assert_eq!(found.as_deref(), name, "{text}");
        }
    }

    #[test]
    fn a_file_is_named_where_it_stands_and_not_within_a_statement() {
        let text = "SELECT 1;\n-- then: a\nSELECT 2\n-- then: b\n;\n-- then:\n-- then: c d\nSELECT 3";
        let brief: Vec<_> = parts(text)
            .into_iter()
            .map(|part| match part {
                Part::Statement(statement) => (statement.line, statement.words.concat()),
                Part::Then { name, line } => (line, format!("then {name}")),
                Part::Astray { line, why } => (line, format!("{why:?}")),
            })
            .collect();
        let expected = [
            (1, "SELECT1"),
            (2, "then a"),
            (4, "WithinStatement"),
            (3, "SELECT2"),
            (6, "NotOneName"),
            (7, "NotOneName"),
            (8, "SELECT3"),
        ];
        assert_eq!(brief, expected.map(|(line, what)| (line, what.to_owned())));
    }

    #[test]
    fn what_is_not_closed_goes_to_the_end() {
        for text in ["SELECT 'a;b", "SELECT \"a;b", "SELECT [a;b", "SELECT 1 /* ;"] {
            assert_eq!(statements(text).len(), 1, "{text}");
        }
        assert_eq!(statements(" ; ;-- nothing\n"), []);
    }

    #[test]
    fn the_header_is_the_comment_that_the_file_begins_with() {
        let text = "\n-- One.\n\n--   role: game\nSELECT 1 -- no";
        assert_eq!(header(text), [(2, "One."), (4, "role: game")]);
        assert_eq!(header("SELECT 1"), []);
    }

    #[test]
    fn a_word_is_found_where_it_is_no_comment_and_no_text() {
        let text = "-- current_time\nSELECT 'current_time',\n Current_Time";
        let is_it = |word: &str| word == "CURRENT_TIME";
        assert_eq!(line_of_word(text, is_it), Some((3, "Current_Time".into())));
    }
}
