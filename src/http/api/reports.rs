//! The reconciliation's report, written to a file beside the log and sent from there, and reports that are filed.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::mpsc;
use tracing::Span;

use super::as_of::Wanted;
use super::bills::{day, known_merchant};
use super::code::Code;
use super::error::{ApiError, Failure};
use super::extract::{self, NoParams, Params, Segments};
use super::finance::PROJECTION;
use super::present::{self, CSV, Format, JSON, XLSX, insert};
use super::questions;
use crate::domain::bill::{MerchantId, Sha256Hex};
use crate::http::Service;
use crate::http::access::{Holder, Permission};
use crate::ledger;
use crate::reconcile::periods;
use crate::reconcile::report::{self, ReportError, Written};
use crate::reconcile::scope::Scope;
use crate::reconcile::source::Sealed;
use crate::spool::Spool;
use crate::{clock, limits};

pub const PATH: &str = "/v1/reconciliation";
pub const FILED_PATH: &str = "/v1/reports/{sha256}";

/// The reconciliation's report: header and all rows, or those of one status.
///
/// The same log, scope, moment and format give the same bytes; the ETag is their SHA-256. CSV holds the rows
/// alone. Needs the role finance, audit or admin.
#[utoipa::path(
    get, path = PATH, tag = "reconciliation", operation_id = "reconciliation", security(("bearer" = [])),
    params(
        ("merchant" = String, Query, description = "商户号", pattern = "^[0-9]{1,32}$", example = "1900000109"),
        ("from" = String, Query, description = "The first accounting day, in Beijing", format = Date, example = "2026-01-01"),
        ("to" = String, Query, description = "The last one", format = Date, example = "2026-01-31"),
        ("status" = Option<String>, Query, description = "Only rows of this status; the sums are of all", pattern = "^[a-z_]{1,40}$", example = "missing_in_bill"),
        ("as_of" = Option<String>, Query, description = "The state as of a position or a moment, which ages are counted to; default: now. X-Ledger-Stopped tells where the read model has stopped before a moment", example = "2026-02-01T00:00:00Z"),
        ("min_position" = Option<String>, Query, description = "The answer must know of this position; waits a little, then 503 `behind`", pattern = "^(0|[1-9][0-9]{0,18})$"),
        ("format" = Option<String>, Query, description = "json, csv or xlsx; goes before Accept", pattern = "^(json|csv|xlsx)$"),
        ("bom" = Option<String>, Query, description = "Of CSV: begin with the mark by which Excel knows UTF-8", pattern = "^(true|false)$"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of a report that is known"),
    ),
    responses(
        (status = 200, description = "The report", content(
            (serde_json::Value = "application/json"),
            (String = "text/csv"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        )),
        (status = 304, description = "The report is that of the ETag"),
        (status = 404, description = "The merchant is not configured, or there is no projection reconciliation", body = Failure),
        (status = 406, description = "Accept names none of the formats", body = Failure),
    ),
)]
pub async fn report(
    holder: Holder,
    State(service): State<Arc<Service>>,
    mut params: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    holder.may(Permission::Report)?;
    holder.may_see_all_apps()?;
    let format = Format::asked(&mut params, &headers)?;
    let wanted = Wanted::taken(&mut params)?;
    let mut scope = take_scope(&mut params)?;
    params.finish("merchant, from, to, status, as_of, min_position, format and bom")?;
    questions::begun(&service).await?;
    questions::within_log(&service, wanted.min_position).await?;
    known_merchant(&service.keys.load().routes, &scope.merchant)?;
    let wait = limits::QUERY_POSITION_WAIT;
    let (state, min_position) = (wanted.state(&service).await?, wanted.min_position);
    let snapshot = match &state {
        Some(state) => {
            scope.as_of = state.at;
            service.projector.snapshot_as_of(PROJECTION, min_position, state, (holder.name(), wait)).await?
        }
        None => service.projector.snapshot(PROJECTION, min_position, wait).await?,
    };
    let (position, stopped) = (snapshot.position(), snapshot.stopped());
    let taken = Sealed::of(snapshot, service.ledger.store().as_ref()).await?;
    let name = format!("reconciliation-{}-{}-{}", scope.merchant, scope.from, scope.to);
    let (spool, span) = (service.spool.clone(), Span::current());
    let write = move || span.in_scope(|| written(&spool, taken, &scope, format));
    let done = tokio::task::spawn_blocking(write).await;
    let (file, written) = done.map_err(|error| ApiError::internal(&error))??;
    let tag = format!("\"{}\"", written.sha256);
    let mut response = if present::is_known(&headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let (content_type, extension) = match format {
            Format::Json => (JSON.to_owned(), "json"),
            Format::Csv(_) => (format!("{CSV}; charset=utf-8; header=present"), "csv"),
            Format::Xlsx => (XLSX.to_owned(), "xlsx"),
        };
        let disposition = format!("attachment; filename=\"{name}.{extension}\"");
        let mut response = ([(header::CONTENT_TYPE, content_type)], send(file)).into_response();
        insert(&mut response, header::CONTENT_DISPOSITION, &disposition);
        insert(&mut response, header::CONTENT_LENGTH, &written.bytes.to_string());
        response
    };
    if let Some(position) = position {
        insert(&mut response, present::POSITION, &position.to_string());
    }
    if let Some(stopped) = stopped {
        insert(&mut response, present::STOPPED, &stopped.to_string());
    }
    insert(&mut response, present::LOG_ID, &service.projector.log_id().0.to_string());
    insert(&mut response, header::ETAG, &tag);
    insert(&mut response, header::VARY, "Accept, Authorization");
    insert(&mut response, header::CACHE_CONTROL, "private, no-cache");
    Ok(response)
}

fn take_scope(params: &mut Params) -> Result<Scope, ApiError> {
    let merchant = params.take_as("merchant", "a merchant's number", |text| MerchantId::parse(text).ok())?;
    let from = params.take_as("from", "a day such as 2026-01-01", day)?;
    let to = params.take_as("to", "a day such as 2026-01-31", day)?;
    let status = params.take_as("status", "a status of a row", status)?;
    let missing = |name: &str| extract::wrong_parameter(name, "is missing");
    let merchant = merchant.ok_or_else(|| missing("merchant"))?;
    let days = (from.ok_or_else(|| missing("from"))?, to.ok_or_else(|| missing("to"))?);
    Scope::new(merchant, days, status, clock::now())
        .map_err(|error| extract::wrong_parameter(error.parameter(), error))
}

fn status(text: &str) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    let is_word = (1..=40).contains(&text.len()) && text.bytes().all(allowed);
    is_word.then(|| text.to_owned())
}

fn written(spool: &Spool, taken: Sealed, scope: &Scope, format: Format) -> Result<(File, Written), ApiError> {
    let no_room = |error: std::io::Error| ApiError::of_spool(&error);
    let file = spool.file().map_err(no_room)?.into_file();
    let format = match format {
        Format::Json => report::Format::Json,
        Format::Csv(bom) => report::Format::Csv(bom),
        Format::Xlsx => report::Format::Xlsx,
    };
    let mut out = BufWriter::new(file);
    let written = report::write_beside(Some(spool.folder()), &taken, scope, format, &mut out)?;
    out.flush().map_err(no_room)?;
    let mut file = out.into_inner().map_err(|error| ApiError::internal(&error))?;
    file.seek(SeekFrom::Start(0)).map_err(no_room)?;
    Ok((file, written))
}

impl From<ReportError> for ApiError {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::Ask(error) => error.into(),
            ReportError::Write(error) => Self::of_spool(&error),
            error => Self::internal(&error),
        }
    }
}

impl From<ledger::ReportError> for ApiError {
    fn from(error: ledger::ReportError) -> Self {
        match error {
            ledger::ReportError::Ledger(error) => error.into(),
            error => Self::internal(&error),
        }
    }
}

/// A file as a body, read as fast as it is taken; who takes nothing for `limits::SEND_WAIT` gets no more.
fn send(mut file: impl Read + Send + 'static) -> Body {
    let (sender, pieces) = mpsc::channel::<std::io::Result<Bytes>>(limits::PIECES_WAITING);
    tokio::spawn(async move {
        loop {
            // No thread is held while the client takes its time.
            let reading = tokio::task::spawn_blocking(move || {
                let piece = piece(&mut file);
                (file, piece)
            });
            let Ok((read_on, piece)) = reading.await else { return };
            file = read_on;
            let is_end = piece.as_ref().is_ok_and(Bytes::is_empty);
            let is_last = piece.is_err();
            // Who has gone takes nothing.
            if is_end || sender.send_timeout(piece, limits::SEND_WAIT).await.is_err() || is_last {
                return;
            }
        }
    });
    Body::from_stream(stream::unfold(pieces, async |mut pieces| Some((pieces.recv().await?, pieces))))
}

/// Empty at the end of the file.
fn piece(file: &mut impl Read) -> std::io::Result<Bytes> {
    let mut piece = vec![0; limits::PIECE_BYTES];
    let read = file.read(&mut piece)?;
    piece.truncate(read);
    Ok(Bytes::from(piece))
}

/// A report that was filed when a period was prepared: a line of JSON, its header, and then its rows as CSV.
///
/// Its SHA-256 is checked before anything is sent. Needs the role finance, audit or admin.
#[utoipa::path(
    get, path = FILED_PATH, tag = "periods", operation_id = "filed_report", security(("bearer" = [])),
    params(("sha256" = String, Path, description = "As the period tells it", pattern = "^[0-9a-f]{64}$")),
    responses((status = 200, description = "The report, byte for byte", body = String, content_type = "text/plain")),
)]
pub async fn filed(
    holder: Holder,
    State(service): State<Arc<Service>>,
    Segments(sha256): Segments<String>,
    _: NoParams,
) -> Result<Response, ApiError> {
    holder.may(Permission::Report)?;
    holder.may_see_all_apps()?;
    let sha256 =
        Sha256Hex::parse(&sha256).map_err(|error| ApiError::at(Code::Parameter, "path.sha256", error))?;
    let Some(file) = periods::filed(&service.desk(), &sha256).await? else {
        return Err(ApiError::new(Code::UnknownReport, format!("no report {sha256} is filed")));
    };
    let bytes = file.metadata().map_err(|error| ApiError::internal(&error))?.len();
    let mut response = ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], send(file)).into_response();
    insert(&mut response, header::CONTENT_LENGTH, &bytes.to_string());
    insert(&mut response, header::CONTENT_DISPOSITION, &format!("attachment; filename=\"{sha256}.txt\""));
    insert(&mut response, header::ETAG, &format!("\"{sha256}\""));
    Ok(response)
}
