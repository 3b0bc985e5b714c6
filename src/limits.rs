//! Every limit of the program, in one place. Those with a key in `[limits]` of the configuration are
//! defaults; the others are fixed.

use std::time::Duration;

// What arrives.

/// `limits.body_bytes_max`: a push larger than this is refused with 41301.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Objects and lists inside one another, in JSON and in XML.
pub const NESTING_DEPTH_MAX: usize = 32;
/// Room for so many fields is made before an object is read.
pub const FIELDS_EXPECTED: usize = 8;
/// In objects of so many fields, a duplicate is found by looking at each; in larger ones by hashes.
pub const FIELDS_LOOKED_THROUGH_MAX: usize = 24;
/// The URL parameters of a push, together.
pub const QUERY_BYTES_MAX: usize = 4 * 1024;
/// The URL parameters of a request to the admin listener, together.
pub const ADMIN_QUERY_BYTES_MAX: usize = 8 * 1024;
/// An id that is looked up.
pub const LOOKUP_CHARS_MAX: usize = 128;
/// Ids of a payment that `find` looks up as well, because what it found under another number names them.
pub const LOOKUP_PAYMENTS_MAX: usize = 4;
/// Ids that `history` looks up in the read models, one leading to the next: an order, its refunds, its payment.
pub const HISTORY_LOOKUPS_MAX: usize = 16;
/// Of what was sent, at most so much is repeated in an error.
pub const ECHOED_CHARS_MAX: usize = 200;
/// An `echostr` that is answered.
pub const ECHOSTR_CHARS_MAX: usize = 128;
/// Roles in one answer to a role list query.
pub const ROLES_IN_ANSWER_MAX: u32 = 20;
/// `limits.connections_max`: connections to the push listener at once; more wait to be accepted.
pub const CONNECTIONS_MAX: usize = 4096;
/// Connections to the admin listener at once.
pub const ADMIN_CONNECTIONS_MAX: usize = 256;
/// A body sent to the admin listener.
pub const ADMIN_BODY_BYTES_MAX: usize = 64 * 1024;

/// Access tokens that are refused a second, from one address and from all together, and at once after a quiet
/// time; beyond that the answer is 429. A token that is right is never refused for it.
pub const ACCESS_FAILURES_PER_SECOND_OF_PEER: u32 = 1;
pub const ACCESS_FAILURES_BURST_OF_PEER: u32 = 20;
pub const ACCESS_FAILURES_PER_SECOND: u32 = 20;
pub const ACCESS_FAILURES_BURST: u32 = 200;
/// When somebody beyond that may try again.
pub const ACCESS_RETRY_AFTER: Duration = Duration::from_secs(1);
/// Addresses whose failures are counted one by one; the one that has been quiet longest makes room.
pub const ACCESS_PEERS_MAX: usize = 1024;
/// A request id that is taken over from who asks.
pub const REQUEST_ID_CHARS_MAX: usize = 64;

/// Roles that a game may tell of a player in one request.
pub const ROLES_IN_REPORT_MAX: usize = 50;

/// A price or refund in a push: a hundred billion yuan. More is quarantined.
pub const PRICE_FEN_MAX: i64 = 10_000_000_000_000;
/// A price times its quantity, whatever the price means.
pub const PRICE_TIMES_QUANTITY_MAX: i64 = 10_000_000_000_000_000;

// How long things may take. WeChat waits 3 s.

/// A payment's push may come so long after it: WeChat has given up repeating it then.
pub const PUSH_DUE_WITHIN: Duration = Duration::from_secs(24 * 3600 + 4 * 60);

/// A request's head must have come within this time; also how long an idle connection is kept, which is
/// longer than reverse proxies keep theirs (60 s by custom), so that it is they who close.
pub const HEAD_WAIT: Duration = Duration::from_secs(75);
/// A request's head: line and headers.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// The same at the admin listener, where what is too long is answered in the envelope.
pub const ADMIN_HEAD_BYTES_MAX: usize = 128 * 1024;
/// After an error in accepting connections (too many open files), the pause before the next try.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// A push's body must have come within this time after its head.
pub const BODY_WAIT: Duration = Duration::from_secs(2);
/// A body sent to the admin listener must have come within this time after its head.
pub const ADMIN_BODY_WAIT: Duration = Duration::from_secs(10);
/// `limits.append_wait_ms`: slower than this, and the push is answered 50301.
pub const APPEND_WAIT: Duration = Duration::from_millis(2000);
/// A push is answered within this time after its head, whatever happens: WeChat waits 3 s.
pub const ANSWER_WAIT: Duration = Duration::from_millis(2700);
/// Bodies of pushes held in memory at once; more wait for their turn within `BODY_WAIT`.
pub const BODIES_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The ledger's directory of roles must answer within this time.
pub const ROLES_WAIT: Duration = Duration::from_millis(1500);
/// Of that, how long the directory may need to know all that was reported; the rest is for asking it.
pub const ROLES_POSITION_WAIT: Duration = Duration::from_millis(1300);
/// The game's own server must have answered for a player's roles within this time, connecting included.
pub const ROLES_URL_WAIT: Duration = Duration::from_millis(1500);
/// A larger answer of the game's own server is none.
pub const ROLES_URL_BYTES_MAX: usize = 256 * 1024;
/// After SIGTERM, in-flight pushes are answered within this time.
pub const DRAIN_WAIT: Duration = Duration::from_secs(5);
/// Who gives an append up after this time has found the store slow.
pub const SLOW_AFTER: Duration = Duration::from_millis(500);
/// How often an append is decided again after another writer was faster.
pub const DECIDE_TRIES_MAX: usize = 8;

/// A role that a game says was played later than this from now would be the most recent for ever; clocks differ
/// a little.
pub const PLAYED_AHEAD_MAX: Duration = Duration::from_secs(5 * 60);

// The store.

/// `limits.queue_appends_max`: appends waiting to be written; more are refused at once.
pub const QUEUE_APPENDS_MAX: usize = 4096;
/// Appends of one transaction.
pub const GROUP_APPENDS_MAX: usize = 512;
/// A stream is read and written in pieces of this many events.
pub const READ_PAGE_EVENTS_MAX: usize = 1000;
/// A page that is read ends with the event that brings its data and metadata to this many bytes.
pub const READ_PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The data and metadata of one event, together.
pub const EVENT_BYTES_MAX: usize = 1024 * 1024;
/// The write-ahead log is folded into the database file when it has grown to this many pages of 4 KiB.
pub const WAL_PAGES: u32 = 8192;
/// While it is folded beside the writer, what has come meanwhile is folded too, so many times at most, until no
/// more than so many pages are left for the writer.
pub const CHECKPOINT_PASSES_MAX: usize = 8;
pub const CHECKPOINT_REST_PAGES: u32 = 256;
/// How long a statement waits for another process that holds the database.
pub const BUSY_WAIT: Duration = Duration::from_millis(250);
/// While the store refuses writes, it is tried this often.
pub const PROBE_INTERVAL: Duration = Duration::from_millis(500);
/// A store that is overloaded again and again is told of this often, and of any other fault that comes and
/// goes so many times within that time.
pub const FAULT_TOLD_AGAIN_AFTER: Duration = Duration::from_secs(60);
pub const FAULT_TOLD_TIMES: usize = 5;
/// After this many groups of pushes in a row a waiting command gets its turn.
pub const GROUPS_BEFORE_COMMAND: u32 = 16;
/// At the start, how long readers of other processes may keep the write-ahead log from being folded.
pub const FOLD_WAIT: Duration = Duration::from_secs(5);
/// How often that is tried meanwhile.
pub const FOLD_TRY_INTERVAL: Duration = Duration::from_millis(20);
/// Connections that read, at once.
pub const READERS_MAX: usize = 4;
/// Where several processes write to the log, what the others decide in quarantine is read this often at most.
pub const DECISIONS_READ_EVERY: Duration = Duration::from_secs(1);
/// What has stood in the log for so long, every node of a cluster shows: what is no decision there is not read again.
pub const DECISIONS_SETTLE: Duration = Duration::from_secs(10);

// KurrentDB.

/// A try of an append is answered within the first time, or the client is built anew and it is sent again, as often as
/// the second time leaves room; after that nobody can tell what became of it.
pub const KURRENTDB_TRY_WAIT: Duration = Duration::from_millis(1200);
pub const KURRENTDB_APPEND_WAIT: Duration = Duration::from_millis(2500);
/// How often something is read before it is said that it cannot be, and how often an append goes to another leader
/// before the client is built anew.
pub const KURRENTDB_TRIES_MAX: usize = 3;
/// A client that was built so short a time ago is given this time before another one is built.
pub const KURRENTDB_REBUILD_PAUSE: Duration = Duration::from_millis(200);
/// Between two looks for the leader, and how long one node may take to say who it is.
pub const KURRENTDB_DISCOVERY_PAUSE: Duration = Duration::from_millis(10);
pub const KURRENTDB_GOSSIP_WAIT: Duration = Duration::from_millis(400);
/// The next event of a stream must come within this time.
pub const KURRENTDB_STREAM_WAIT: Duration = Duration::from_millis(1200);
/// The next event of ours must come within this time while the server looks through its whole log for it; then what
/// it looks through is read here.
pub const KURRENTDB_LOG_WAIT: Duration = Duration::from_secs(2);
/// A page that has taken this long ends with what has come.
pub const KURRENTDB_PAGE_WAIT: Duration = Duration::from_secs(10);
/// How many records the server looks through at once for those that are ours.
pub const KURRENTDB_SEARCH_WINDOW: u32 = 1024;
/// How often the log is asked whether others have written; this is also how a server is found again that was away.
pub const KURRENTDB_POLL: Duration = Duration::from_millis(250);
/// As many new events of others are read one by one to find the last of them; of more, it is asked for.
pub const KURRENTDB_POLL_EVENTS: usize = 32;
/// A log is opened within this time, or not at all.
pub const KURRENTDB_OPEN_WAIT: Duration = Duration::from_secs(10);
/// What a server says is repeated in messages up to so many characters.
pub const KURRENTDB_TOLD_CHARS_MAX: usize = 200;
/// The letters that the names of a ledger's streams may begin with.
pub const KURRENTDB_PREFIX_CHARS_MAX: usize = 32;

// Copying a log.

/// Events that are handed from reading to writing at once, and the bytes of data and metadata after which a page ends.
pub const COPY_PAGE_EVENTS: usize = 2_000;
pub const COPY_PAGE_BYTES: usize = 2 * 1024 * 1024;
/// Pages that have been read and wait to be written.
pub const COPY_PAGES_WAITING: usize = 4;
/// Events of one transaction of a copy, and after how many bytes of data and metadata it ends. The index over streams
/// is written about once a transaction, and each waits for the disk.
pub const COPY_TRANSACTION_EVENTS: usize = 200_000;
pub const COPY_TRANSACTION_BYTES: usize = 512 * 1024 * 1024;
/// It ends after this time too: what is lost when the copy is killed is not much work.
pub const COPY_TRANSACTION_WAIT: Duration = Duration::from_secs(10);
/// So many events or more are written straight into the file of a copy, and not by way of its write-ahead log.
pub const COPY_BULK_EVENTS_MIN: u64 = 10_000;
/// Memory for the pages of a log that is being written as a copy: the index over the streams of a million events finds
/// room.
pub const COPY_CACHE_BYTES: usize = 64 * 1024 * 1024;
/// Its write-ahead log is folded into its file when it has grown to this many pages.
pub const COPY_WAL_PAGES: u32 = 32_768;
/// How often a copy that follows its source looks for more.
pub const COPY_POLL: Duration = Duration::from_millis(200);
/// A copy that follows and has found nothing new for this time becomes one file, without a write-ahead log.
pub const COPY_IDLE: Duration = Duration::from_secs(2);
/// Events of a copy that are held against its source before it goes on there, over all of its length.
pub const COPY_SAMPLES: u64 = 64;
/// How long a copy waits for a source that is locked: a server that starts or stops holds it for a moment.
pub const COPY_LOCKED_WAIT: Duration = Duration::from_secs(30);
/// How long a copy waits for a cluster that is away, as while it elects a leader, without that anything is copied. One
/// that follows waits for as long as it takes.
pub const COPY_AWAY_WAIT: Duration = Duration::from_secs(60);

// What may accumulate.

/// `limits.quarantine_bytes_per_day`: what one app may add to quarantine and mocks in a day.
pub const QUARANTINE_BYTES_PER_DAY: u64 = 64 * 1024 * 1024;
/// `limits.sandbox_bytes_per_day`: what one app may add to its sandbox streams in a day.
pub const SANDBOX_BYTES_PER_DAY: u64 = 256 * 1024 * 1024;
/// The refused ring: entries older than this go.
pub const REFUSED_AGE: Duration = Duration::from_secs(7 * 24 * 3600);
/// The refused ring: the oldest entries go when the kept requests exceed this.
pub const REFUSED_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The refused ring: new entries a second from who knows a Token, and at once after a quiet time; more are only counted.
pub const REFUSED_PER_SECOND: u32 = 50;
pub const REFUSED_BURST: u32 = 500;
/// The same for requests that anybody may have sent: those without a signature by one of the app's Tokens.
pub const REFUSED_STRANGERS_PER_SECOND: u32 = 10;
pub const REFUSED_STRANGERS_BURST: u32 = 200;
/// The refused ring: entries waiting to be written; more are only counted.
pub const REFUSED_QUEUE_MAX: usize = 1024;
/// Rows that a list command or answer shows unless told otherwise.
pub const LIST_ROWS: u32 = 50;
/// Rows of one sheet of an Excel file, below its header: Excel takes 1,048,576 with it.
pub const XLSX_SHEET_ROWS_MAX: usize = 1_048_575;
/// Characters of one cell of an Excel file, as Excel counts them; a longer text is cut and ends with `…`.
pub const XLSX_CELL_CHARS_MAX: usize = 32_767;
/// A report of more rows than this is packed as files larger than 4 GiB must be.
pub const XLSX_REPORT_ROWS_LARGE: i64 = 250_000;
/// Columns of a sheet, as many as Excel has.
pub const XLSX_COLUMNS_MAX: u32 = 16_384;
/// Different texts of an Excel file that is read.
pub const XLSX_STRINGS_MAX: usize = 1_000_000;
/// The texts of one row of it.
pub const XLSX_ROW_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Days of one report: a year and a month.
pub const REPORT_DAYS_MAX: i64 = 397;
/// A report's rows, edited and sent back to resolve cases: the file, and an Excel file when it is unpacked.
pub const CASE_FILE_BYTES_MAX: usize = 16 * 1024 * 1024;
pub const CASE_FILE_UNPACKED_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Cases that one file resolves.
pub const CASE_FILE_ROWS_MAX: usize = 10_000;
/// Of them, so many are recorded at once.
pub const CASES_AT_ONCE: usize = 8;
/// What is wrong with such a file, told at once.
pub const CASE_FILE_PROBLEMS_MAX: usize = 20;
/// The facts of a case, as a row of the report tells them.
pub const CASE_FACTS_CHARS_MAX: usize = 4000;
/// The status of a row, as who resolves its case has seen it.
pub const STATUS_CHARS_MAX: usize = 100;
/// The reason a person gives for a decision.
pub const REASON_CHARS_MAX: usize = 1000;

// Bill files.

/// What a bill file may be when it is unpacked.
pub const BILL_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// A packed bill file may unpack to so many times its size; below so many bytes nobody looks.
pub const BILL_PACKED_TIMES_MAX: u64 = 200;
pub const BILL_UNGUARDED_BYTES: u64 = 16 * 1024 * 1024;
/// One cell of a bill file, and one line: however it is escaped, it fits into one event of the log.
pub const BILL_CELL_BYTES_MAX: usize = 8 * 1024;
pub const BILL_LINE_BYTES_MAX: usize = 64 * 1024;
/// Columns of a bill file.
pub const BILL_COLUMNS_MAX: usize = 256;
/// Days of one file, where a profile takes several.
pub const BILL_DAYS_MAX: usize = 400;
/// What an Excel file may be when it is unpacked: its texts are held in memory.
pub const BILL_SHEET_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// An amount in a bill: a hundred billion yuan. Sums of such can be counted.
pub const BILL_AMOUNT_FEN_MAX: i64 = 10_000_000_000_000;
/// A fee in a bill, and all those of a day: a hundred billion yuan too.
pub const BILL_FEE_MILLIFEN_MAX: i64 = 10_000_000_000_000_000;
/// What the amounts of a day's bill come to, each column by itself.
pub const BILL_DAY_FEN_MAX: i64 = 1_000_000_000_000_000;
/// Different texts of an Excel file.
pub const BILL_SHEET_TEXTS_MAX: u64 = 2_000_000;

// Bills, cases and periods.

/// The data of one event of a bill's lines; more lines become several events.
pub const BILL_CHUNK_BYTES_MAX: usize = 512 * 1024;
/// A bill's stream and a filed report are read in pieces of this many events, which are large.
pub const LARGE_EVENTS_PAGE: usize = 4;
/// A part of a bill or of a report for which the store has been too busy with pushes this long is given up; the
/// next run goes on there.
pub const IMPORT_STORE_WAIT: Duration = Duration::from_secs(60);
/// After this pause it is tried again. After each part that went well the import waits as long as that took, and no
/// longer than this.
pub const IMPORT_PAUSE: Duration = Duration::from_millis(500);
/// Bytes of a filed report's gzip in one event; as base64 they are a third more.
pub const REPORT_PART_BYTES: usize = 360 * 1024;
/// The CSV of a report that is filed.
pub const REPORT_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

// The delivery feed.

/// Items of one page of deliveries, unless told otherwise and at most.
pub const DELIVERIES: u32 = 100;
pub const DELIVERIES_MAX: u32 = 1000;
/// How long who asks for deliveries may wait for some, in seconds.
pub const DELIVERIES_WAIT_S_MAX: u32 = 30;
/// Long polls and streams of deliveries at once.
pub const WAITING_MAX: usize = 128;
/// Who was one too many may come again after this time.
pub const WAITING_RETRY_AFTER: Duration = Duration::from_secs(5);
/// Who waits for deliveries looks again after this time at the earliest.
pub const DELIVERIES_PAUSE: Duration = Duration::from_millis(25);
/// A stream without events sends a comment this often, so that proxies keep it open.
pub const STREAM_KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A client whose stream has ended connects again after this time.
pub const STREAM_RETRY_AFTER: Duration = Duration::from_secs(1);

// Read models.

/// A file of a projection's folder.
pub const PROJECTION_FILE_BYTES_MAX: u64 = 256 * 1024;
/// One text that a statement of a folder makes: it is made in one step, which no deadline ends.
pub const VALUE_BYTES_MAX: i32 = 64 * 1024 * 1024;
/// SQLite must have understood a folder's statements within this time.
pub const PROJECTION_CHECK_WAIT: Duration = Duration::from_secs(5);
/// Events that projections at about the same place share.
pub const FEED_EVENTS_MAX: usize = 16 * READ_PAGE_EVENTS_MAX;
/// And the bytes of their data and metadata.
pub const FEED_BYTES_MAX: usize = 32 * 1024 * 1024;
/// How long a projection waits there for slower ones before it leaves them behind.
pub const FEED_WAIT: Duration = Duration::from_millis(500);
/// Events of one transaction while a projection is built, each line that an event brings counted as one; it is
/// thrown away where it is interrupted.
pub const BUILD_TRANSACTION_EVENTS: u64 = 500_000;
/// Events of one transaction of a projection that follows the log, lines counted likewise.
pub const FOLD_TRANSACTION_EVENTS: u64 = 10_000;
/// Near the log's end a transaction of it ends after this time, so that what it has folded can be seen.
pub const FOLD_TRANSACTION_WAIT: Duration = Duration::from_millis(50);
/// A projection that has caught up waits so long before it looks again: what comes meanwhile shares a transaction.
/// Under load it waits as long as the last transaction took, up to `FOLD_PAUSE_MAX`.
pub const FOLD_PAUSE: Duration = Duration::from_millis(10);
pub const FOLD_PAUSE_MAX: Duration = Duration::from_millis(200);
/// While an append takes longer than this, folding that is far behind pauses before it reads on, as long as that takes, up to
/// `FOLD_PAUSE_MAX`: the disk is slow, and pushes go first.
pub const FOLD_YIELDS_FROM: Duration = Duration::from_millis(20);
/// How long an append that was written says something of the disk.
pub const EFFORT_IS_NEW: Duration = Duration::from_secs(1);
/// A statement of `on/` that runs longer stops its projection. One may be about a whole file of a million lines.
pub const FOLD_EVENT_WAIT: Duration = Duration::from_secs(120);
/// After a fault of file or log, folding is tried again after this time.
pub const FOLD_TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// A log that ends before what was folded may be that of a node that is behind the others: so long, from when the first
/// projection finds it so, they all look again before they are built anew.
pub const LOG_BEHIND_WAIT: Duration = Duration::from_secs(3);
/// Between two of these looks.
pub const LOG_BEHIND_LOOK_AGAIN: Duration = Duration::from_millis(50);
/// A command that waits for a projection which keeps failing gives up after this time.
pub const FOLD_GIVE_UP_AFTER: Duration = Duration::from_secs(5);
/// How long a report waits for a read model that another process folds and that does not move.
pub const FOLD_STANDSTILL: Duration = Duration::from_secs(30);
/// How much folding yields to pushes (`nice`).
pub const FOLD_NICENESS: i32 = 15;
/// Memory for a projection's pages while it is built, when it follows the log, and when it is asked, for each
/// connection.
pub const BUILD_CACHE_BYTES: usize = 48 * 1024 * 1024;
pub const FOLD_CACHE_BYTES: usize = 32 * 1024 * 1024;
pub const VIEW_CACHE_BYTES: usize = 8 * 1024 * 1024;
/// A projection's write-ahead log is folded into its file when it has grown to this many pages.
pub const VIEW_WAL_PAGES: u32 = 1024;
/// A write-ahead log that has grown beyond this is cut to it when it begins anew.
pub const VIEW_WAL_BYTES_KEPT: usize = 16 * 1024 * 1024;
/// Under load it may grow to so many times this before folding waits for that.
pub const VIEW_WAL_TIMES_MAX: u32 = 64;
/// Queries that run at once; more wait for their turn.
pub const QUERIES_MAX: usize = 4;
/// The same, of those that WeChat waits for.
pub const URGENT_QUERIES_MAX: usize = 2;
/// A query that runs longer is ended.
pub const QUERY_WAIT: Duration = Duration::from_secs(2);
/// Reports that are made at once, each from one state of a read model.
pub const REPORTS_MAX: usize = 2;
/// A question of a report that runs longer is ended, passing on its rows included: an Excel file of a million
/// rows takes some minutes.
pub const REPORT_WAIT: Duration = Duration::from_secs(600);
/// Rows of one answer, and the bytes of their texts.
pub const ANSWER_ROWS_MAX: usize = 100_000;
pub const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long an answer waits for `min_position`, or for a projection that is being built.
pub const QUERY_POSITION_WAIT: Duration = Duration::from_secs(2);
/// Who was told that a projection is behind or being built may ask again after this time.
pub const QUERY_RETRY_AFTER: Duration = Duration::from_secs(1);
/// While it waits, it looks at least this often.
pub const QUERY_LOOK_AGAIN: Duration = Duration::from_millis(100);
/// A text given as a parameter of a query.
pub const PARAMETER_CHARS_MAX: usize = 1000;
/// States of the past that are kept to answer questions, each of one projection, and how many are folded at once.
pub const AS_OF_KEPT: usize = 12;
pub const AS_OF_AT_ONCE: usize = 2;
/// How often a folder to work in is made anew where another command removes it before it is locked.
pub const WORKING_TRIES_MAX: usize = 8;
/// Pages of a read model that are taken at once for a comparison; then it may be told to stop.
pub const TAKEN_PAGES: i32 = 1024;
/// What is wrong with a damaged file, shown one by one.
pub const DAMAGES_SHOWN_MAX: u32 = 5;
/// `limits.as_of_bytes_max`: the disk that they may take together.
pub const AS_OF_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;
/// `limits.as_of_free_bytes_min`: so much of the disk below `views.dir` is left to the log and the read models.
pub const AS_OF_FREE_BYTES_MIN: u64 = 1024 * 1024 * 1024;
/// Who finds no room for a state of the past may ask again after this time: others may have been answered by then.
pub const AS_OF_ROOM_RETRY_AFTER: Duration = Duration::from_secs(5);
/// A state that could not be folded is not tried again for this time, and so many are remembered.
pub const AS_OF_FAILED_KEPT: Duration = Duration::from_secs(30);
pub const AS_OF_FAILED_MAX: usize = 64;
/// An event that is folded into the copy of an earlier state costs about so many times one of a build from nothing:
/// the late indexes are there already.
pub const AS_OF_GO_ON_TIMES: u64 = 2;
/// A connection to a state of the past that nobody has used for this long is closed.
pub const AS_OF_IDLE: Duration = Duration::from_secs(60);
/// A value that a comparison of read models shows.
pub const COMPARED_CHARS_MAX: usize = 60;

// Bills.

/// A bill file that is sent to the admin listener.
pub const BILL_UPLOAD_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Files that are received at once.
pub const UPLOADS_MAX: usize = 4;
/// An upload of which nothing has come for this time is given up.
pub const UPLOAD_WAIT: Duration = Duration::from_secs(30);
/// So is one that has come more slowly than this, in bytes a second, for as long.
pub const UPLOAD_RATE_MIN: u64 = 8 * 1024;
/// A file that has come waits so long for its turn to be imported or read.
pub const IMPORT_TURN_WAIT: Duration = Duration::from_secs(60);
/// A client that takes nothing of a report for this time gets no more of it.
pub const SEND_WAIT: Duration = Duration::from_secs(60);
/// Pieces of an upload, or of a report that is sent, that wait for the disk or the network.
pub const PIECES_WAITING: usize = 4;
/// How much of a file is read to be sent at once.
pub const PIECE_BYTES: usize = 64 * 1024;
/// Bill files that a server imports at once, and after which time one who was one too many may come again.
pub const IMPORTS_MAX: usize = 1;
pub const IMPORT_RETRY_AFTER: Duration = Duration::from_secs(5);
/// Files with cases that a server reads at once.
pub const CASE_FILES_MAX: usize = 1;
/// What the lines of one chunk, which is one event, take in the log at most.
pub const IMPORT_CHUNK_BYTES_MAX: usize = 480 * 1024;
/// Lines of all days of a file that are gathered before a chunk goes, full or not.
pub const IMPORT_GATHERED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Chunks that have been read and wait to be appended.
pub const IMPORT_CHUNKS_WAITING: usize = 2;
/// How many lines pass between two words about progress.
pub const IMPORT_SHOWN_EVERY: u64 = 5_000;
/// Lines that are shown of the difference between two files.
pub const BILL_DIFFERENCES_MAX: usize = 100;
/// The name of a bill file.
pub const FILE_NAME_CHARS_MAX: usize = 255;

// Seals.

/// `seal.every_minutes`: how often a server seals the log where something has been recorded, and at most.
pub const SEAL_MINUTES: u64 = 60;
pub const SEAL_MINUTES_MAX: u64 = 24 * 60;
/// Events between two seals; of more, several seals are made. An audit pack carries 65 bytes of each event of the
/// segments it is about.
pub const SEAL_EVENTS_MAX: u64 = 100_000;
/// A server that could not seal tries again after this time.
pub const SEAL_TRY_AGAIN_AFTER: Duration = Duration::from_secs(60);
/// A line of a file of anchors.
pub const ANCHOR_LINE_BYTES_MAX: usize = 4096;
/// Seals of one answer, unless told otherwise and at most.
pub const SEALS: u32 = 50;
pub const SEALS_MAX: u32 = 500;

// Verifying a log.

/// What is found wrong, shown one by one; the rest is only counted.
pub const FINDINGS_SHOWN_MAX: usize = 100;
/// Events that are read at once: few enough that what one core has read, another finds in the cache.
pub const VERIFY_PAGE_EVENTS: usize = 256;
/// Pages of the log that wait for one core, and results that wait to be joined.
pub const VERIFY_PAGES_WAITING: usize = 2;
/// Where events have gone or come in, the next segment is looked for so many events earlier and later.
pub const VERIFY_SHIFTS: i64 = 4;
/// Where positions are missing, it is looked for as many events earlier, up to this.
pub const VERIFY_LOOK_BACK_EVENTS: usize = 4096;
/// How much commands that run for long yield to pushes (`nice`).
pub const COMMAND_NICENESS: i32 = 10;
/// Suppositions of how many events have gone that are followed at once.
pub const VERIFY_SUPPOSITIONS_MAX: usize = 64;
/// A file of `verify --state` is written this often at most.
pub const VERIFY_STATE_PAUSE: Duration = Duration::from_secs(2);
/// Such a file.
pub const VERIFY_STATE_BYTES_MAX: u64 = 1024 * 1024;
