//! What the parameters of an event's statements stand for: the fields of the event, those of each line it brings,
//! and what every event has.

use crate::codec;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// By its place among the event's fields in the catalogue.
    Field(usize),
    /// By its place among the fields of a line.
    Line(usize),
    Position,
    Stream,
    Version,
    EventId,
    EventType,
    RecordedAt,
    /// The Beijing day of `RecordedAt`.
    Day,
    App,
    /// `production`, `sandbox`, or NULL.
    Env,
    /// What names the thing in the stream: the order number, say.
    Key,
    /// As it was signed; NULL where no push brought the event.
    Payload,
}

impl Source {
    /// Every event has these; they go before a field of the same name, and a line's field before one of the event.
    pub const OF_EVERY_EVENT: [(&str, Self); 11] = [
        ("position", Self::Position),
        ("stream", Self::Stream),
        ("version", Self::Version),
        ("event_id", Self::EventId),
        ("event_type", Self::EventType),
        ("recorded_at", Self::RecordedAt),
        ("day", Self::Day),
        ("app", Self::App),
        ("env", Self::Env),
        ("key", Self::Key),
        ("payload", Self::Payload),
    ];

    /// The source of this name for an event type, by its place in the catalogue.
    pub fn of(kind: usize, name: &str) -> Option<Self> {
        let of_every = Self::OF_EVERY_EVENT.into_iter().find(|(known, _)| *known == name);
        of_every.map(|(_, source)| source).or_else(|| {
            let event = codec::catalogue().get(kind)?;
            let of_line = event.line_fields.iter().position(|field| *field == name).map(Self::Line);
            of_line.or_else(|| {
                event.own_fields().find(|(_, field)| *field == name).map(|(place, _)| Self::Field(place))
            })
        })
    }

    /// Each once.
    pub fn names(kind: usize) -> impl Iterator<Item = &'static str> {
        let of_every = Self::OF_EVERY_EVENT.map(|(name, _)| name);
        let event = codec::catalogue().get(kind);
        let of_lines = event.map_or(&[][..], |event| event.line_fields);
        let own = event.into_iter().flat_map(|event| event.own_fields()).map(|(_, field)| field);
        let own = own.filter(|field| !of_lines.contains(field));
        own.chain(of_lines.iter().copied()).filter(move |field| !of_every.contains(field)).chain(of_every)
    }
}
