//! The stable codes of what can go wrong at the admin listener, each with its HTTP status.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal, $status:ident;)+) => {
        /// Stable words for programs; the message beside says it to people.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Code {
            $($(#[doc = $doc])+ #[serde(rename = $word)] $name,)+
        }

        impl Code {
            pub const ALL: &[Self] = &[$(Self::$name),+];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)+ }
            }
        }
    };
}

codes! {
    /// The request is no HTTP, URL or JSON that can be read.
    Malformed = "malformed", BAD_REQUEST;
    /// No access token was sent.
    TokenMissing = "token_missing", UNAUTHORIZED;
    /// No such access token is configured.
    TokenUnknown = "token_unknown", UNAUTHORIZED;
    /// The access token held until a moment that has passed.
    TokenExpired = "token_expired", UNAUTHORIZED;
    /// The token's role may not do this.
    Role = "role", FORBIDDEN;
    /// The token is for another app.
    Scope = "scope", FORBIDDEN;
    /// There is no such path.
    NoSuchPath = "no_such_path", NOT_FOUND;
    /// No app of this name is configured.
    UnknownApp = "unknown_app", NOT_FOUND;
    /// No order is recorded under this number.
    UnknownOrder = "unknown_order", NOT_FOUND;
    /// There is no projection of this name.
    UnknownProjection = "unknown_projection", NOT_FOUND;
    /// The projection has no query of this name.
    UnknownQuery = "unknown_query", NOT_FOUND;
    /// No push is in quarantine under this id.
    NotHeld = "not_held", NOT_FOUND;
    /// No merchant of this number is configured.
    UnknownMerchant = "unknown_merchant", NOT_FOUND;
    /// No row of the reconciliation has this case's kind and id.
    UnknownCase = "unknown_case", NOT_FOUND;
    /// No bill of the merchant has this payment without an order.
    UnknownPayment = "unknown_payment", NOT_FOUND;
    /// Nobody has proposed to recover an order of this number.
    UnknownRecovery = "unknown_recovery", NOT_FOUND;
    /// No report is filed under this hash.
    UnknownReport = "unknown_report", NOT_FOUND;
    /// The path takes other methods.
    Method = "method", METHOD_NOT_ALLOWED;
    /// None of the formats that Accept names can be given.
    NotAcceptable = "not_acceptable", NOT_ACCEPTABLE;
    /// The body did not come in time.
    BodySlow = "body_slow", REQUEST_TIMEOUT;
    /// The push in quarantine has been decided about before, otherwise.
    Decided = "decided", CONFLICT;
    /// The push would be accepted now, so it cannot be dismissed.
    WouldBeAccepted = "would_be_accepted", CONFLICT;
    /// A different content stands under the push's number.
    Conflict = "conflict", CONFLICT;
    /// Something else has been said of the order before, and stands.
    GrantStands = "grant_stands", CONFLICT;
    /// Nothing has been granted, so there is nothing to revoke.
    NotGranted = "not_granted", CONFLICT;
    /// WeChat has credited the coins itself.
    NothingToGrant = "nothing_to_grant", CONFLICT;
    /// The cursor is of another log: begin anew.
    OtherLog = "other_log", CONFLICT;
    /// Another file stands for the same merchant, day and kind: import it with a reason to supersede that one.
    BillDiffers = "bill_differs", CONFLICT;
    /// A file stands for the day, so it is not empty.
    BillStands = "bill_stands", CONFLICT;
    /// The case is not as it was judged, or needs no judgement.
    CaseStands = "case_stands", CONFLICT;
    /// The recovered order is not in a state that allows this.
    RecoveryStands = "recovery_stands", CONFLICT;
    /// The period is not in a state that allows this.
    PeriodStands = "period_stands", CONFLICT;
    /// It takes a second person: who began may not finish.
    SamePerson = "same_person", CONFLICT;
    /// The server has no key to seal the log with.
    NotSealing = "not_sealing", CONFLICT;
    /// What If-Match names is not what stands.
    Precondition = "precondition", PRECONDITION_FAILED;
    /// The body is larger than allowed.
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE;
    /// The body is not sent as application/json.
    ContentType = "content_type", UNSUPPORTED_MEDIA_TYPE;
    /// A parameter of the path or the query is wrong, missing or unknown.
    Parameter = "parameter", UNPROCESSABLE_ENTITY;
    /// A field of the body is wrong, missing or unknown.
    Body = "body", UNPROCESSABLE_ENTITY;
    /// The reason is missing or too long.
    Reason = "reason", UNPROCESSABLE_ENTITY;
    /// The bill file cannot be read or does not add up; nothing of it was appended.
    BillUnreadable = "bill_unreadable", UNPROCESSABLE_ENTITY;
    /// The file with cases cannot be read; nothing of it was taken.
    CaseFileUnreadable = "case_file_unreadable", UNPROCESSABLE_ENTITY;
    /// The question takes too long: narrow it.
    TooSlow = "too_slow", UNPROCESSABLE_ENTITY;
    /// The answer would be too large: narrow the question.
    TooLarge = "too_large", UNPROCESSABLE_ENTITY;
    /// Too many access tokens were refused.
    TooManyFailures = "too_many_failures", TOO_MANY_REQUESTS;
    /// The app's quota for today is used up.
    OverQuota = "over_quota", TOO_MANY_REQUESTS;
    /// As many bills or reports are under way as may be at once.
    TooManyAtOnce = "too_many_at_once", TOO_MANY_REQUESTS;
    /// It failed; the server's log says why.
    Internal = "internal", INTERNAL_SERVER_ERROR;
    /// The disk beside the log has no room for an upload, a report or a state of the past.
    NoRoom = "no_room", SERVICE_UNAVAILABLE;
    /// The log cannot be written now.
    StoreUnavailable = "store_unavailable", SERVICE_UNAVAILABLE;
    /// The projection has not come to `min_position`, or to what `as_of` means.
    Behind = "behind", SERVICE_UNAVAILABLE;
    /// The projection is being built and cannot answer yet.
    NotBuilt = "not_built", SERVICE_UNAVAILABLE;
    /// The state that `as_of` means could not be folded; it is tried again after a while.
    AsOfFailed = "as_of_failed", SERVICE_UNAVAILABLE;
    /// The server is about to end.
    Closing = "closing", SERVICE_UNAVAILABLE;
    /// As many reports as can be made at once are being made.
    TooManyReports = "too_many_reports", SERVICE_UNAVAILABLE;
    /// Too many wait for deliveries already.
    TooManyWaiting = "too_many_waiting", SERVICE_UNAVAILABLE;
}

impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        let words = Self::ALL.iter().map(|code| code.as_str());
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("Stable words for programs; the message beside says it to people"))
            .enum_values(Some(words))
            .into()
    }
}

impl ToSchema for Code {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_written_as_its_word_and_means_an_error() {
        let mut words: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert!(code.status().as_u16() >= 400, "{code:?}");
        }
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Code::ALL.len());
    }
}
