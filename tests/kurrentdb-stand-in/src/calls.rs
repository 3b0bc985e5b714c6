//! The calls themselves: from a request's messages to what the log says to them.

use h2::RecvStream;

use crate::{
    clock,
    cluster::{Node, Seen, Shared},
    commit::Outcome,
    counters::{Counters, count},
    faults::On,
    frames::Frames,
    log::Event,
    reading::{Reading, stream_name},
    refusal::Refusal,
    service::{Call, End, next_chunk, only},
    wire::{
        Position, Uuid,
        append::{
            AppendOptions, AppendPart, AppendRequest, AppendResponse, AppendResult, AppendSuccess,
            CurrentRevision, ExpectedRevision, ProposedMessage, WrittenAt, WrongExpectedVersion,
        },
        delete::{DeleteRequest, DeleteResponse, DeletedAt},
        members::{ClusterInfo, EndPoint, MemberInfo, SupportedMethod, SupportedMethods},
        read::{ReadRequest, What},
    },
};

/// The version of the server whose answers are modelled.
const SERVER_VERSION: &str = "25.0.0";

pub(crate) async fn append(call: &mut Call, body: &mut RecvStream) -> Result<AppendResponse, End> {
    let (options, events) = receive(call, body).await?;
    let shared = std::sync::Arc::clone(&call.shared);
    count(&shared.counters.appends_seen);
    call.before(On::Append).await?;
    call.check_leader()?;
    let stream = stream_name(options.stream.as_ref())?;
    let expected = options.expected.ok_or_else(|| Refusal::invalid("the append expects nothing"))?;
    if call.is_twice() {
        apply(&shared, &stream, expected, events.clone());
    }
    let outcome = match call.effect_delay() {
        None => apply(&shared, &stream, expected, events),
        Some(delay) => {
            let stream = stream.clone();
            let late = tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                apply(&shared, &stream, expected, events)
            });
            call.until_deadline(late).await?
        }
    };
    call.after().await?;
    let result = match outcome {
        Outcome::Appended { last, position } => AppendResult::Success(success(last, position)),
        Outcome::Repeated { last, position } => AppendResult::Success(success(Some(last), position)),
        Outcome::WrongExpectedVersion { current } => {
            AppendResult::WrongExpectedVersion(WrongExpectedVersion::new(expected, current))
        }
        Outcome::StreamDeleted => return Err(Refusal::stream_deleted(&stream).into()),
    };
    Ok(AppendResponse { result: Some(result) })
}

fn apply(shared: &Shared, stream: &str, expected: ExpectedRevision, events: Vec<Event>) -> Outcome {
    let event_count = events.len();
    let outcome = shared.log.append(stream, expected, events);
    note(&shared.counters, outcome, event_count);
    outcome
}

/// Options first, then the events; over the limit nothing more is read.
async fn receive(call: &Call, body: &mut RecvStream) -> Result<(AppendOptions, Vec<Event>), End> {
    let bytes_max = call.shared.options.append_bytes_max;
    let (mut messages, mut options, mut events, mut bytes) = (Frames::default(), None, Vec::new(), 0);
    while let Some(chunk) = next_chunk(body).await? {
        messages.push(&chunk);
        while let Some(request) = messages.next::<AppendRequest>()? {
            match request.part {
                Some(AppendPart::Options(first)) if options.is_none() => options = Some(first),
                Some(AppendPart::Proposed(proposed)) if options.is_some() => {
                    let event = event(proposed)?;
                    // What it takes on disk; the type's letters take two bytes each there.
                    bytes += event.data.len() + event.metadata.len() + event.event_type.len() * 2;
                    if bytes > bytes_max {
                        return Err(Refusal::append_too_large(bytes_max).into());
                    }
                    events.push(event);
                }
                _ => return Err(Refusal::invalid("an append is its options, then events").into()),
            }
        }
    }
    let options = options.ok_or_else(|| Refusal::invalid("the append has no options"))?;
    Ok((options, events))
}

fn event(proposed: ProposedMessage) -> Result<Event, Refusal> {
    let ProposedMessage { id, mut metadata, custom_metadata, data } = proposed;
    let event_type = metadata.remove("type").ok_or_else(|| Refusal::metadata_missing("type"))?;
    let content_type =
        metadata.get("content-type").ok_or_else(|| Refusal::metadata_missing("content-type"))?;
    let is_json = content_type == "application/json";
    let id = id.and_then(|id| id.read()).ok_or_else(|| Refusal::invalid("the event has no readable id"))?;
    Ok(Event { id, event_type, is_json, data, metadata: custom_metadata })
}

fn note(counters: &Counters, outcome: Outcome, event_count: usize) {
    match outcome {
        Outcome::Appended { .. } => {
            count(&counters.appends_applied);
            let written = u64::try_from(event_count).unwrap_or(u64::MAX);
            counters.events_written.fetch_add(written, std::sync::atomic::Ordering::Relaxed);
        }
        Outcome::Repeated { .. } => count(&counters.appends_repeated),
        Outcome::WrongExpectedVersion { .. } | Outcome::StreamDeleted => count(&counters.appends_refused),
    }
}

fn success(last: Option<u64>, position: Option<u64>) -> AppendSuccess {
    AppendSuccess {
        current: Some(last.map_or(CurrentRevision::NoStream(()), CurrentRevision::Revision)),
        at: Some(position.map_or(WrittenAt::NoPosition(()), |at| {
            WrittenAt::Position(Position { commit: at, prepare: at })
        })),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deletion {
    Soft,
    ForEver,
}

pub(crate) async fn delete(
    call: &mut Call,
    body: &mut RecvStream,
    deletion: Deletion,
) -> Result<DeleteResponse, End> {
    let request: DeleteRequest = only(body).await?;
    call.before(On::Delete).await?;
    call.check_leader()?;
    let options = request.options.ok_or_else(|| Refusal::invalid("the deletion has no options"))?;
    let stream = stream_name(options.stream.as_ref())?;
    let expected = options.expected.ok_or_else(|| Refusal::invalid("the deletion expects nothing"))?;
    let outcome = match deletion {
        Deletion::Soft => call.shared.log.delete(&stream, expected),
        Deletion::ForEver => call.shared.log.tombstone(&stream, expected),
    };
    call.after().await?;
    match outcome {
        Outcome::Appended { position, .. } | Outcome::Repeated { position, .. } => {
            let at = position.map_or(DeletedAt::NoPosition(()), |at| {
                DeletedAt::Position(Position { commit: at, prepare: at })
            });
            Ok(DeleteResponse { at: Some(at) })
        }
        Outcome::WrongExpectedVersion { current } => {
            let expected = expected_number(expected);
            Err(Refusal::wrong_expected_version("Delete", &stream, expected, current).into())
        }
        Outcome::StreamDeleted => Err(Refusal::stream_deleted(&stream).into()),
    }
}

/// The numbers that the server writes for what is expected.
fn expected_number(expected: ExpectedRevision) -> i64 {
    match expected {
        ExpectedRevision::Revision(revision) => i64::try_from(revision).unwrap_or(i64::MAX),
        ExpectedRevision::NoStream(()) => -1,
        ExpectedRevision::Any(()) => -2,
        ExpectedRevision::StreamExists(()) => -4,
    }
}

pub(crate) async fn begin_read(call: &mut Call, body: &mut RecvStream) -> Result<Reading, End> {
    let request: ReadRequest = only(body).await?;
    count(&call.shared.counters.reads);
    let options = request.options.ok_or_else(|| Refusal::invalid("the read has no options"))?;
    let is_all = matches!(options.what, Some(What::All(_)));
    call.before(if is_all { On::ReadAll } else { On::ReadStream }).await?;
    if call.requires_leader {
        call.check_leader()?;
    }
    Ok(Reading::begin(&call.shared.log, options, call.shared.faults.hidden())?)
}

pub(crate) async fn gossip(call: &mut Call, body: &mut RecvStream) -> Result<ClusterInfo, End> {
    while next_chunk(body).await?.is_some() {}
    call.before(On::Gossip).await?;
    let seen = call.shared.seen();
    let member = |(node, seen): (&Node, Seen)| {
        let address = node.address;
        let end_point = EndPoint { address: address.ip().to_string(), port: u32::from(address.port()) };
        MemberInfo {
            instance_id: Some(Uuid::halves(node.id)),
            time_stamp: clock::ticks_now().cast_signed(),
            state: seen.state.into(),
            is_alive: seen.is_alive,
            http_end_point: Some(end_point),
        }
    };
    let members = call.shared.nodes.iter().zip(seen).map(member).collect();
    call.after().await?;
    Ok(ClusterInfo { members })
}

pub(crate) async fn server_features(call: &mut Call, body: &mut RecvStream) -> Result<SupportedMethods, End> {
    while next_chunk(body).await?.is_some() {}
    call.before(On::ServerFeatures).await?;
    let supported = |service: &str, method: &str, features: &[&str]| SupportedMethod {
        method: method.to_owned(),
        service: service.to_owned(),
        features: features.iter().map(ToString::to_string).collect(),
    };
    let streams = "event_store.client.streams.streams";
    let methods = vec![
        supported(streams, "append", &[]),
        supported(streams, "read", &["position", "events"]),
        supported(streams, "delete", &[]),
        supported(streams, "tombstone", &[]),
        supported("event_store.client.gossip.gossip", "read", &[]),
        supported("event_store.client.server_features.serverfeatures", "getsupportedmethods", &[]),
    ];
    call.after().await?;
    Ok(SupportedMethods { methods, server_version: SERVER_VERSION.to_owned() })
}
