//! Reads a stream or the whole log, a page at a time, so that nobody holds the log for long.

use std::sync::Arc;

use fancy_regex::Regex;

use crate::{
    log::{Log, Record},
    refusal::Refusal,
    wire::{
        Position, StreamIdentifier, Uuid,
        read::{
            AllOptions, FilterBy, FilterExpression, Filtering, FromPosition, FromRevision, HowMany, ReadAt,
            ReadContent, ReadEvent, ReadOptions, ReadResponse, RecordedEvent, StreamNotFound, StreamOptions,
            UuidWanted, What,
        },
    },
};

/// How many records one look at the log takes.
const PAGE_RECORDS: usize = 256;
/// The page of the real server, which shows in what it says of truncated streams.
const SERVER_PAGE_EVENTS: u64 = 32;

/// A read under way. Each page is a list of answers; an empty one is the last.
#[derive(Debug)]
pub(crate) struct Reading {
    from: Source,
    is_forwards: bool,
    left: u64,
    ids_as_text: bool,
    /// Records at the end of the log that are not shown.
    hidden: usize,
}

/// What one look at the log brought.
#[derive(Debug)]
pub(crate) enum Look {
    /// Answers; none when all is said.
    Found(Vec<ReadResponse>),
    /// All of a page was passed over by the filter.
    Nothing,
}

#[derive(Debug)]
enum Source {
    /// Answers that are complete.
    Said(Vec<ReadContent>),
    /// Events of a stream from a number on, down to or up to a bound; and what is said at the end.
    Stream { name: String, next: Option<u64>, first: u64, last: u64, at_end: Vec<ReadContent> },
    /// Records of the log from an index on.
    All { next: Option<usize>, filter: Option<Filter> },
}

#[derive(Debug)]
enum Filter {
    Stream(Pattern),
    EventType(Pattern),
}

#[derive(Debug)]
enum Pattern {
    Prefixes(Vec<String>),
    /// With look-around, which .NET has too and clients use.
    Expression(Box<Regex>),
}

impl Reading {
    /// Finds where to begin. Reads that the stand-in does not know are refused.
    pub(crate) fn begin(log: &Log, options: ReadOptions, hidden: usize) -> Result<Self, Refusal> {
        let left = match options.how_many {
            Some(HowMany::Count(count)) => count,
            Some(HowMany::Subscription(())) => {
                return Err(Refusal::unimplemented("subscriptions are not in the stand-in: read pages"));
            }
            None => return Err(Refusal::invalid("the read says no count")),
        };
        let is_forwards = options.direction == 0;
        let wanted = options.uuid.and_then(|option| option.wanted);
        let compatibility = options.control.map_or(0, |control| control.compatibility);
        let from = match (options.what, options.filtering) {
            (Some(What::Stream(stream)), Some(Filtering::NoFilter(()))) => {
                begin_stream(log, &stream, is_forwards, left, compatibility)?
            }
            (Some(What::All(all)), Some(filtering)) => begin_all(log, all, is_forwards, filtering)?,
            _ => return Err(Refusal::invalid("the combination of stream and filter is invalid")),
        };
        Ok(Self { from, is_forwards, left, ids_as_text: wanted == Some(UuidWanted::Text(())), hidden })
    }

    /// The next answers; none when all is said.
    pub(crate) fn next_page(&mut self, log: &Log) -> Look {
        loop {
            let (contents, looked_at) = self.look(log);
            if !contents.is_empty() || looked_at == 0 {
                let response = |content| ReadResponse { content: Some(content) };
                return Look::Found(contents.into_iter().map(response).collect());
            }
            if looked_at >= PAGE_RECORDS {
                return Look::Nothing;
            }
        }
    }

    /// What is said next, and how many records were looked at for it; of none, it is all that will be said.
    fn look(&mut self, log: &Log) -> (Vec<ReadContent>, usize) {
        let page = usize::try_from(self.left).unwrap_or(usize::MAX).min(PAGE_RECORDS);
        let forwards = self.is_forwards;
        let records = match &mut self.from {
            Source::Said(said) => return (std::mem::take(said), 0),
            Source::Stream { name, next, first, last, at_end } => {
                let records = look_in_stream(log, name, next, (*first, *last), page, forwards);
                if records.is_empty() {
                    return (std::mem::take(at_end), 0);
                }
                records
            }
            Source::All { next, filter, .. } => {
                let hidden = if filter.is_some() { self.hidden } else { 0 };
                let page = if page == 0 { 0 } else { PAGE_RECORDS };
                let records = look_in_log(log, next, page, forwards, hidden);
                if records.is_empty() {
                    return (Vec::new(), 0);
                }
                records
            }
        };
        let filter = match &self.from {
            Source::All { filter, .. } => filter.as_ref(),
            Source::Said(_) | Source::Stream { .. } => None,
        };
        let looked_at = records.len();
        let mut contents = Vec::with_capacity(looked_at);
        for record in records {
            if self.left > 0 && filter.is_none_or(|filter| filter.takes(&record)) {
                self.left -= 1;
                contents.push(ReadContent::Event(event(&record, self.ids_as_text)));
            }
        }
        (contents, looked_at)
    }
}

fn begin_stream(
    log: &Log,
    options: &StreamOptions,
    is_forwards: bool,
    count: u64,
    compatibility: u32,
) -> Result<Source, Refusal> {
    let name = stream_name(options.stream.as_ref())?;
    let written = log.lock();
    let stream = written.streams.get(name.as_str());
    if stream.is_some_and(|stream| stream.is_tombstoned) {
        return Err(Refusal::stream_deleted(&name));
    }
    let Some((stream, last)) = stream
        .filter(|stream| !stream.is_soft_deleted())
        .and_then(|stream| stream.last().map(|last| (stream, last)))
    else {
        let stream = Some(StreamIdentifier::of(&name));
        return Ok(Source::Said(vec![ReadContent::StreamNotFound(StreamNotFound { stream })]));
    };
    let first = stream.truncate_before;
    let from = match (options.from, is_forwards) {
        (Some(FromRevision::Revision(revision)), _) => revision,
        (Some(FromRevision::Start(())), _) => 0,
        (Some(FromRevision::End(())), false) => last,
        (Some(FromRevision::End(())), true) => last + 1,
        (None, _) => return Err(Refusal::invalid("the read says no revision to begin at")),
    };
    let mut said = Vec::new();
    if compatibility >= 1 {
        let page = count.min(SERVER_PAGE_EVENTS);
        if is_forwards && from > last + 1 {
            said.push(ReadContent::FirstStreamPosition(last + 1));
        } else if is_forwards && from.saturating_add(page) <= first {
            said.push(ReadContent::FirstStreamPosition(first));
        }
        said.push(ReadContent::LastStreamPosition(last));
    }
    let next = if is_forwards { Some(from.max(first)) } else { Some(from.min(last)) };
    Ok(Source::Stream { name, next, first, last, at_end: said })
}

fn look_in_stream(
    log: &Log,
    name: &str,
    next: &mut Option<u64>,
    (first, last): (u64, u64),
    page: usize,
    is_forwards: bool,
) -> Vec<Arc<Record>> {
    let written = log.lock();
    let mut records = Vec::new();
    let Some(stream) = written.streams.get(name) else { return records };
    while let Some(revision) = *next
        && records.len() < page
        && (first..=last).contains(&revision)
    {
        let index = usize::try_from(revision).ok().and_then(|at| stream.events.get(at));
        let Some(record) = index.and_then(|index| written.records.get(*index)) else { break };
        records.push(Arc::clone(record));
        *next = if is_forwards { revision.checked_add(1) } else { revision.checked_sub(1) };
    }
    records
}

fn begin_all(
    log: &Log,
    options: AllOptions,
    is_forwards: bool,
    filtering: Filtering,
) -> Result<Source, Refusal> {
    let filter = match filtering {
        Filtering::NoFilter(()) => None,
        Filtering::Filter(filter) => Some(match filter.by {
            Some(FilterBy::Stream(expression)) => Filter::Stream(Pattern::read(expression)?),
            Some(FilterBy::EventType(expression)) => Filter::EventType(Pattern::read(expression)?),
            None => return Err(Refusal::invalid("the filter says neither stream nor event type")),
        }),
    };
    let written = log.lock();
    let end = written.records.len();
    let index = match options.from {
        Some(FromPosition::Start(())) => 0,
        Some(FromPosition::End(())) => end,
        // What the clients send for the end.
        Some(FromPosition::Position(Position { commit: u64::MAX, .. })) => end,
        Some(FromPosition::Position(position)) => {
            let index = written.index_at(position.commit);
            let stands = written.records.get(index).map_or_else(|| written.end(), |record| record.position);
            if stands != position.commit || position.prepare > position.commit {
                return Err(Refusal::invalid_position());
            }
            index
        }
        None => return Err(Refusal::invalid("the read says no position to begin at")),
    };
    // Forwards includes the record that stands there, backwards does not.
    let next = if is_forwards { Some(index) } else { index.checked_sub(1) };
    Ok(Source::All { next, filter })
}

fn look_in_log(
    log: &Log,
    next: &mut Option<usize>,
    page: usize,
    is_forwards: bool,
    hidden: usize,
) -> Vec<Arc<Record>> {
    let written = log.lock();
    let shown = written.records.len().saturating_sub(hidden);
    let mut records = Vec::with_capacity(page);
    while let Some(index) = *next
        && records.len() < page
    {
        let Some(record) = written.records.get(index) else { break };
        if index < shown {
            records.push(Arc::clone(record));
        } else if is_forwards {
            break;
        }
        *next = if is_forwards { index.checked_add(1) } else { index.checked_sub(1) };
    }
    records
}

impl Filter {
    fn takes(&self, record: &Record) -> bool {
        match self {
            Self::Stream(pattern) => pattern.matches(&record.stream),
            Self::EventType(pattern) => pattern.matches(&record.event.event_type),
        }
    }
}

impl Pattern {
    fn read(expression: FilterExpression) -> Result<Self, Refusal> {
        if expression.regex.is_empty() {
            return Ok(Self::Prefixes(expression.prefixes));
        }
        Regex::new(&expression.regex)
            .map(|expression| Self::Expression(Box::new(expression)))
            .map_err(|error| Refusal::invalid(&format!("the filter's expression is not readable: {error}")))
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Prefixes(prefixes) => prefixes.iter().any(|prefix| text.starts_with(prefix)),
            // One that gives up on a text has not found it there.
            Self::Expression(expression) => expression.is_match(text).unwrap_or(false),
        }
    }
}

fn event(record: &Record, ids_as_text: bool) -> ReadEvent {
    let id = if ids_as_text { Uuid::text(record.event.id) } else { Uuid::halves(record.event.id) };
    let content_type = if record.event.is_json { "application/json" } else { "application/octet-stream" };
    let metadata = [
        ("type", record.event.event_type.clone()),
        ("content-type", content_type.to_owned()),
        ("created", record.created_ticks.to_string()),
    ];
    let event = RecordedEvent {
        id: Some(id),
        stream: Some(StreamIdentifier::of(&record.stream)),
        revision: record.revision,
        prepare_position: record.append_position,
        commit_position: record.position,
        metadata: metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
        custom_metadata: record.event.metadata.clone(),
        data: record.event.data.clone(),
    };
    ReadEvent { event: Some(event), link: None, at: Some(ReadAt::CommitPosition(record.position)) }
}

/// A stream's name, which must be there and be text.
pub(crate) fn stream_name(stream: Option<&StreamIdentifier>) -> Result<String, Refusal> {
    let name = stream.map_or_else(Default::default, |stream| stream.name.clone());
    match std::str::from_utf8(&name) {
        Ok(name) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err(Refusal::invalid("the request names no stream")),
    }
}
