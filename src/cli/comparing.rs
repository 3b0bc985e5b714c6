//! Two logs compared, as `verify --against` tells it: equal, the one the beginning of the other, or what differs first.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use super::FOUND_WRONG;
use super::log::LogPlace;
use crate::audit::compare::{Compared, Difference, Place, Verdict, Which, compare};

/// Compares a log with the one that `--against` names, and tells it. A copy may lack what came since; where
/// the log itself lacks something that the other one has, that is found wrong, as any difference.
pub async fn against(log: &LogPlace, against: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let against = LogPlace::named("--against", against)?;
    ensure!(!log.is(&against), "--against names the log itself, {log}: name the copy");
    let other = against.open_to_read().await.context("--against")?;
    let (shown, log) = ([log.to_string(), against.to_string()], log.open_to_read().await?);
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5));
    let template = "{spinner} {human_pos} events compared, {per_sec}";
    bar.set_style(
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    let compared = compare(log.as_ref(), other.as_ref(), &|same| bar.set_position(same)).await;
    bar.finish_and_clear();
    let compared = compared.with_context(|| format!("comparing {} with {}", shown[0], shown[1]))?;
    if json {
        out!("{}", as_json(&shown, &compared));
    } else {
        tell(&shown, &compared);
    }
    Ok(if is_wrong(&compared.verdict) { FOUND_WRONG.into() } else { ExitCode::SUCCESS })
}

fn is_wrong(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Equal | Verdict::Shorter { which: Which::Second, .. } => false,
        Verdict::Shorter { which: Which::First, .. } | Verdict::Differs(_) => true,
    }
}

fn tell([log, copy]: &[String; 2], Compared { log_ids: [own, other], same, verdict }: &Compared) {
    match verdict {
        Verdict::Equal => out!("equal: {same} events are the same in both"),
        Verdict::Shorter { which: Which::Second, missing, .. } => out!(
            "{same} events are the same in both; {missing} events of {log} are missing in {copy}, which ends before"
        ),
        Verdict::Shorter { which: Which::First, missing, first } => {
            out!(
                "{same} events are the same in both; {log} ends there, and {copy} has {missing} events more"
            );
            out!("the first of them: {}", in_words(first));
            out!(
                "either the end of {log} was cut off, or something has been written to {copy} since it was copied"
            );
        }
        Verdict::Differs(difference) => {
            let Difference { nth, first, second, fields } = &**difference;
            out!("{same} events are the same in both; event {nth} differs in {}", fields.join(", "));
            out!("in {log}: {}", in_words(first));
            out!("in {copy}: {}", in_words(second));
        }
    }
    if own == other {
        out!(
            "both have log id {}: one was made by copying the files of the other, or they are one log by two names",
            own.0
        );
    }
}

fn in_words(Place { position, stream, version, id, event_type }: &Place) -> String {
    format!("position {position}, {stream} version {version}, {event_type}, id {id}")
}

fn as_json([log, against]: &[String; 2], compared: &Compared) -> Value {
    let Compared { log_ids: [own, other], same, verdict } = compared;
    let mut told = json!({
        "log": log,
        "against": against,
        "log_id": own.0,
        "against_log_id": other.0,
        "same": same,
        "verdict": match verdict {
            Verdict::Equal => "equal",
            Verdict::Shorter { which: Which::Second, .. } => "against_is_shorter",
            Verdict::Shorter { which: Which::First, .. } => "log_is_shorter",
            Verdict::Differs(_) => "differs",
        },
    });
    match verdict {
        Verdict::Equal => {}
        Verdict::Shorter { missing, first, .. } => {
            told["missing"] = json!(missing);
            told["first_missing"] = place(first);
        }
        Verdict::Differs(difference) => {
            told["differs_in"] = json!(difference.fields);
            told["nth"] = json!(difference.nth);
            told["in_log"] = place(&difference.first);
            told["in_against"] = place(&difference.second);
        }
    }
    told
}

fn place(Place { position, stream, version, id, event_type }: &Place) -> Value {
    json!({
        "position": position.to_string(),
        "stream": stream,
        "version": version,
        "id": id,
        "event_type": event_type,
    })
}
