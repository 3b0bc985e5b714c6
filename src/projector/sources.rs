//! What the parameters of `on/*.sql` stand for: the fields of the event, and what every event has.

use crate::codec;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// By its place among the event's fields in the catalogue.
    Field(usize),
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
    /// Every event has these; they go before a field of the same name.
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
            let fields = codec::catalogue().get(kind)?.fields;
            fields.iter().position(|field| *field == name).map(Self::Field)
        })
    }

    /// Each once.
    pub fn names(kind: usize) -> impl Iterator<Item = &'static str> {
        let of_every = Self::OF_EVERY_EVENT.map(|(name, _)| name);
        let fields = codec::catalogue().get(kind).map_or(&[][..], |event| event.fields);
        fields.iter().copied().filter(move |field| !of_every.contains(field)).chain(of_every)
    }
}
