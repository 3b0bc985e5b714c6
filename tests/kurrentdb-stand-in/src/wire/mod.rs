//! The messages of the protocol, by the field numbers of its published `.proto` files.

pub mod append;
pub mod delete;
pub mod members;
pub mod read;

use bytes::Bytes;

/// An id, as two halves or as text.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Uuid {
    #[prost(oneof = "UuidForm", tags = "1, 2")]
    pub form: Option<UuidForm>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum UuidForm {
    #[prost(message, tag = "1")]
    Halves(UuidHalves),
    #[prost(string, tag = "2")]
    Text(String),
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct UuidHalves {
    #[prost(int64, tag = "1")]
    pub most_significant: i64,
    #[prost(int64, tag = "2")]
    pub least_significant: i64,
}

impl Uuid {
    /// In the form that clients send: two halves.
    #[must_use]
    pub fn halves(id: uuid::Uuid) -> Self {
        let (most, least) = id.as_u64_pair();
        let halves =
            UuidHalves { most_significant: most.cast_signed(), least_significant: least.cast_signed() };
        Self { form: Some(UuidForm::Halves(halves)) }
    }

    /// In the form that readers ask for: text.
    #[must_use]
    pub fn text(id: uuid::Uuid) -> Self {
        Self { form: Some(UuidForm::Text(id.to_string())) }
    }

    /// The id itself; none where the text is no UUID or nothing was sent.
    #[must_use]
    pub fn read(&self) -> Option<uuid::Uuid> {
        match self.form.as_ref()? {
            UuidForm::Halves(halves) => Some(uuid::Uuid::from_u64_pair(
                halves.most_significant.cast_unsigned(),
                halves.least_significant.cast_unsigned(),
            )),
            UuidForm::Text(text) => text.parse().ok(),
        }
    }
}

/// The name of a stream; its field number really is 3.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StreamIdentifier {
    #[prost(bytes = "bytes", tag = "3")]
    pub name: Bytes,
}

impl StreamIdentifier {
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self { name: Bytes::copy_from_slice(name.as_bytes()) }
    }
}

/// Both halves of a place in the log.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Position {
    #[prost(uint64, tag = "1")]
    pub commit: u64,
    #[prost(uint64, tag = "2")]
    pub prepare: u64,
}
