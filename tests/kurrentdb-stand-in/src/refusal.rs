//! The errors of the protocol: a status, its text, and the metadata by which clients know the kind.

/// The codes of gRPC that are used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Unimplemented = 12,
    Unavailable = 14,
}

#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) metadata: Vec<(&'static str, String)>,
}

impl Refusal {
    fn plain(code: Code, message: &str) -> Self {
        Self { code, message: message.to_owned(), metadata: Vec::new() }
    }

    fn of_kind(code: Code, message: String, kind: &str) -> Self {
        Self { code, message, metadata: vec![("exception", kind.to_owned())] }
    }

    fn with(mut self, key: &'static str, value: String) -> Self {
        self.metadata.push((key, value));
        self
    }

    pub(crate) fn invalid(message: &str) -> Self {
        Self::plain(Code::InvalidArgument, message)
    }

    /// Where no record begins. Up to 25.0 it is this, an error that tells little.
    pub(crate) fn invalid_position() -> Self {
        Self::plain(Code::Unknown, "Unexpected FilteredReadAllResult: InvalidPosition")
    }

    pub(crate) fn unimplemented(message: &str) -> Self {
        Self::plain(Code::Unimplemented, message)
    }

    pub(crate) fn access_denied() -> Self {
        Self::of_kind(Code::PermissionDenied, "Access Denied".to_owned(), "access-denied")
    }

    pub(crate) fn deadline_exceeded() -> Self {
        Self::plain(Code::DeadlineExceeded, "Deadline Exceeded")
    }

    pub(crate) fn message_too_large() -> Self {
        Self::plain(Code::ResourceExhausted, "Received message exceeds the maximum configured message size.")
    }

    pub(crate) fn not_ready() -> Self {
        Self::plain(Code::Unavailable, "Server Is Not Ready")
    }

    pub(crate) fn too_busy() -> Self {
        Self::plain(Code::Unavailable, "Server Is Too Busy")
    }

    pub(crate) fn not_leader(host: &str, port: u16) -> Self {
        Self::of_kind(Code::NotFound, "Leader info available".to_owned(), "not-leader")
            .with("leader-endpoint-host", host.to_owned())
            .with("leader-endpoint-port", port.to_string())
    }

    pub(crate) fn stream_deleted(stream: &str) -> Self {
        let message = format!("Event stream '{stream}' is deleted.");
        Self::of_kind(Code::FailedPrecondition, message, "stream-deleted")
            .with("stream-name", stream.to_owned())
    }

    pub(crate) fn append_too_large(bytes_max: usize) -> Self {
        let message = format!("Maximum Append Size of {bytes_max} Exceeded.");
        Self::of_kind(Code::InvalidArgument, message, "maximum-append-size-exceeded")
            .with("maximum-append-size", bytes_max.to_string())
    }

    pub(crate) fn metadata_missing(property: &str) -> Self {
        let message = format!("Required Metadata Property '{property}' is missing");
        Self::of_kind(Code::InvalidArgument, message, "missing-required-metadata-property")
            .with("required-metadata-properties", "type,content-type".to_owned())
    }

    /// Deletions answer a wrong expectation by an error; appends by a message.
    pub(crate) fn wrong_expected_version(
        operation: &str,
        stream: &str,
        expected: i64,
        actual: Option<u64>,
    ) -> Self {
        let actual = actual.map_or_else(|| "-1".to_owned(), |actual| actual.to_string());
        let message = format!(
            "{operation} failed due to WrongExpectedVersion. \
             Stream: {stream}, Expected version: {expected}, Actual version: {actual}"
        );
        Self::of_kind(Code::FailedPrecondition, message, "wrong-expected-version")
            .with("stream-name", stream.to_owned())
            .with("expected-version", expected.to_string())
            .with("actual-version", actual)
    }
}
