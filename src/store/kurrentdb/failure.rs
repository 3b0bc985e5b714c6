//! What the client's errors mean: whether what was asked for may have been done, what helps, and what people are told.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use eventstore::{Error as ClientError, GrpcConnectionError};
use futures_util::FutureExt as _;

use super::super::Fault;
use crate::limits;

/// How servers name it in their words, whatever the code; spaces and case do not count.
const INVALID_POSITION: &str = "invalidposition";
/// Of gRPC: the request is looked at and not carried out.
const INVALID_ARGUMENT: i32 = 3;
/// What is told of a stream that has a tombstone.
pub const DELETED_FOR_EVER: &str = "the stream was deleted for ever";

/// The client's words where the login is not accepted before anything is asked.
const DENIED: [&str; 2] = ["status: Unauthenticated", "status: PermissionDenied"];
const WRONG_LOGIN: &str = "the user or the password is wrong, or the user may not do this: check both in the URL, and the user's rights";
const NO_NODE: &str =
    "no node says in time who leads: check that the servers run, and hosts and ports in the URL";
const NO_CONNECTION: &str = "no connection comes about: check that the server runs, and host, port and the options for TLS in the URL";
/// Of the client, which does not say why.
const CONNECT: &str = "(Connect)";

/// Whether what was asked for may have been done all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    None,
    Unknown,
}

/// What helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The client goes to the leader by itself.
    Again,
    Rebuild,
    /// To read from a position at which an event stands.
    Elsewhere,
    Nothing,
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub fault: Fault,
    pub effect: Effect,
    pub remedy: Remedy,
}

impl Failure {
    pub fn late() -> Self {
        Self { fault: Fault::Slow, effect: Effect::Unknown, remedy: Remedy::Rebuild }
    }

    /// Of errors that say nothing of a stream; those are looked at where they come up.
    pub fn of(error: &ClientError) -> Self {
        use Effect::{None, Unknown};
        use Remedy::{Again, Elsewhere, Nothing, Rebuild};
        let (effect, remedy, fault) = match error {
            ClientError::NotLeaderException(_) => {
                (None, Again, Fault::Io("the node that was asked is not the leader".into()))
            }
            // Of a request as a whole, and not of a stream: a node that knows no leader.
            ClientError::ResourceNotFound => (None, Rebuild, Fault::Io("there is no leader".into())),
            ClientError::ConnectionClosed => (None, Rebuild, Fault::Io("the client has given up".into())),
            ClientError::GrpcConnectionError(error) => kept_away(error),
            ClientError::AccessDenied => (None, Nothing, Fault::Denied(WRONG_LOGIN.into())),
            ClientError::ResourceDeleted => (None, Nothing, Fault::Refused(DELETED_FOR_EVER.into())),
            ClientError::UnsupportedFeature => {
                let told = "this server does not know what is asked of it: a newer one is needed";
                (None, Nothing, Fault::Refused(told.into()))
            }
            // A read of the whole log that begins where no event does.
            ClientError::ServerError(told) | ClientError::Grpc { message: told, .. }
                if names_invalid_position(told) =>
            {
                (None, Elsewhere, Fault::Refused("no event stands at this position".into()))
            }
            ClientError::Grpc { code, message } if i32::from(*code) == INVALID_ARGUMENT => {
                (None, Nothing, Fault::Refused(short(message)))
            }
            ClientError::DeadlineExceeded => (Unknown, Rebuild, Fault::Slow),
            ClientError::ServerError(_)
            | ClientError::Grpc { .. }
            | ClientError::InternalParsingError(_)
            | ClientError::ResourceAlreadyExists
            | ClientError::InternalClientError
            | ClientError::InitializationError(_)
            | ClientError::IllegalStateError(_)
            | ClientError::WrongExpectedVersion { .. } => (Unknown, Rebuild, Fault::Io(short(error))),
        };
        Self { fault, effect, remedy }
    }

    /// Says in a refusal what was asked for.
    pub fn of_what(self, what: &dyn std::fmt::Display) -> Self {
        match self.fault {
            Fault::Refused(told) => Self { fault: Fault::Refused(format!("{what}: {told}")), ..self },
            _ => self,
        }
    }
}

fn names_invalid_position(told: &str) -> bool {
    let letters: String = told.chars().filter(char::is_ascii_alphabetic).collect();
    letters.to_ascii_lowercase().contains(INVALID_POSITION)
}

/// Where no request has reached a node.
fn kept_away(error: &GrpcConnectionError) -> (Effect, Remedy, Fault) {
    let told = match error {
        GrpcConnectionError::MaxDiscoveryAttemptReached(_) => NO_NODE.to_owned(),
        GrpcConnectionError::Grpc(told) if DENIED.iter().any(|words| told.contains(words)) => {
            return (Effect::None, Remedy::Nothing, Fault::Denied(WRONG_LOGIN.into()));
        }
        GrpcConnectionError::Grpc(told) if told.contains(CONNECT) => NO_CONNECTION.to_owned(),
        GrpcConnectionError::Grpc(told) => short(told),
    };
    (Effect::None, Remedy::Rebuild, Fault::Unreachable(told))
}

/// What a server says, short enough for a message.
pub fn short(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    // Behind the message stand the answer's headers.
    let text = text.split(", details:").next().unwrap_or(&text);
    let mut told: String = text.chars().take(limits::KURRENTDB_TOLD_CHARS_MAX).collect();
    if told.len() < text.len() {
        told.push('…');
    }
    told
}

/// Within a deadline; and where the client panics, for it takes for granted that answers are whole, that is a failure
/// like others.
pub async fn guarded<T>(
    wait: Duration,
    request: impl Future<Output = Result<T, ClientError>>,
) -> Result<Result<T, ClientError>, Failure> {
    match tokio::time::timeout(wait, AssertUnwindSafe(request).catch_unwind()).await {
        Err(_) => Err(Failure::late()),
        Ok(Ok(answered)) => Ok(answered),
        Ok(Err(_)) => Err(Failure {
            fault: Fault::Io("the server's answer is not whole".into()),
            effect: Effect::Unknown,
            remedy: Remedy::Rebuild,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_that_is_refused_before_anything_is_asked_is_no_server_that_is_away() {
        for (told, is_denied) in [
            ("status: Unauthenticated, message: \"x\"", true),
            ("status: PermissionDenied, message: \"Access Denied\"", true),
            ("status: Unknown, message: \"client error (Connect)\"", false),
            ("status: Unavailable, message: \"Server Is Not Ready\"", false),
        ] {
            let error = ClientError::GrpcConnectionError(GrpcConnectionError::Grpc(told.into()));
            let Failure { fault, effect, remedy } = Failure::of(&error);
            assert_eq!(matches!(fault, Fault::Denied(_)), is_denied, "{told}: {fault:?}");
            assert_eq!(matches!(fault, Fault::Unreachable(_)), !is_denied, "{told}: {fault:?}");
            assert_eq!(effect, Effect::None);
            assert_eq!(remedy == Remedy::Nothing, is_denied, "{told}");
        }
    }

    #[test]
    fn only_a_position_without_an_event_sends_a_read_elsewhere() {
        let told = |words: &str| Failure::of(&ClientError::ServerError(words.into())).remedy;
        assert_eq!(told("Unexpected FilteredReadAllResult: InvalidPosition"), Remedy::Elsewhere);
        assert_eq!(told("Invalid position"), Remedy::Elsewhere);
        assert_eq!(told("the disk is full"), Remedy::Rebuild);
        assert_eq!(Failure::of(&ClientError::AccessDenied).remedy, Remedy::Nothing);
    }

    #[test]
    fn what_is_cut_short_says_so() {
        assert_eq!(short(&"few words, details: [0, 1]"), "few words");
        let long = short(&"ä".repeat(limits::KURRENTDB_TOLD_CHARS_MAX + 1));
        assert!(long.ends_with('…') && long.chars().count() == limits::KURRENTDB_TOLD_CHARS_MAX + 1);
    }
}
