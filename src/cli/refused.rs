//! `order-ledger refused`: requests that never reached the log, and whether they would pass now.

use std::process::ExitCode;

use serde_json::json;

use super::{ConfigFile, FOUND_WRONG};
use crate::config::Config;
use crate::domain::push::Push;
use crate::moment::{beijing_text, stamp};
use crate::store::refused::{Entry, Ring};
use crate::wechat::{Channel, Claimed, Code, Matter, UrlQuery, receive};
use crate::{clock, limits};

#[derive(clap::Subcommand)]
pub enum Command {
    /// The newest refused requests and mocks, with when WeChat gives up
    List {
        #[command(flatten)]
        config: ConfigFile,
        /// How many
        #[arg(long, default_value_t = limits::LIST_ROWS)]
        limit: u32,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// One refused request as it came. Prints its whole body
    Show {
        #[command(flatten)]
        config: ConfigFile,
        #[arg(value_parser = entry_number)]
        id: i64,
        /// The result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Which refused pushes would be accepted with the keys as they are configured now
    Recheck {
        #[command(flatten)]
        config: ConfigFile,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
}

fn entry_number(text: &str) -> Result<i64, &'static str> {
    text.parse().map_err(|_| "an entry of the ring is a number: order-ledger refused list")
}

pub fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::List { config, limit, json } => {
            for entry in newest(&super::load_config(&config)?, limit)? {
                out!("{}", if json { as_json(&entry).to_string() } else { as_line(&entry) });
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Show { config, id, json } => {
            let Some(entry) = find(&super::load_config(&config)?, id)? else {
                eprintln!("the refused ring has no entry {id}: order-ledger refused list{}", config.option());
                return Ok(FOUND_WRONG.into());
            };
            if json {
                let mut shown = as_json(&entry);
                shown["query"] = json!(entry.query);
                shown["body"] = json!(String::from_utf8_lossy(&entry.body));
                out!("{shown}");
                return Ok(ExitCode::SUCCESS);
            }
            out!("{}", as_line(&entry));
            out!("    claimed  {}", entry.claimed);
            out!("    query    {}", entry.query);
            out!("    body     {}", String::from_utf8_lossy(&entry.body));
            Ok(ExitCode::SUCCESS)
        }
        Command::Recheck { config, json } => recheck(&super::load_config(&config)?, json),
    }
}

/// The newest entries; none where the server has made no ring yet.
fn newest(config: &Config, limit: u32) -> anyhow::Result<Vec<Entry>> {
    let Some(ring) = Ring::open_existing(&config.refused_path)? else { return Ok(vec![]) };
    Ok(ring.list(limit)?)
}

fn find(config: &Config, id: i64) -> anyhow::Result<Option<Entry>> {
    let Some(ring) = Ring::open_existing(&config.refused_path)? else { return Ok(None) };
    Ok(ring.show(id)?)
}

fn claimed(entry: &Entry) -> Claimed {
    serde_json::from_str(&entry.claimed).unwrap_or_default()
}

fn as_line(entry: &Entry) -> String {
    let claimed = claimed(entry);
    let number = claimed.out_trade_no.or(claimed.refund_id).unwrap_or_else(|| "-".into());
    let what = if entry.mock { "mock".to_owned() } else { entry.code.to_string() };
    let gives_up = entry.gives_up_at.as_deref().map_or("-".into(), beijing_text);
    format!(
        "{:>6}  {}  {:>3}×  {what:>5}  {}  {number}  WeChat gives up {gives_up}  {}",
        entry.id,
        beijing_text(&entry.last_at),
        entry.times,
        entry.app,
        entry.reason
    )
}

fn as_json(entry: &Entry) -> serde_json::Value {
    json!({
        "id": entry.id,
        "app": entry.app,
        "channel": entry.channel,
        "code": entry.code,
        "reason": entry.reason,
        "mock": entry.mock,
        "claimed": claimed(entry),
        "first_at": beijing_text(&entry.first_at),
        "last_at": beijing_text(&entry.last_at),
        "gives_up_at": entry.gives_up_at.as_deref().map(beijing_text),
        "times": entry.times,
    })
}

fn recheck(config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    let entries = newest(config, u32::MAX)?;
    let (mut would_pass, mut given_up, mut looked_at) = (0, 0, 0);
    for entry in entries.iter().filter(|entry| !entry.mock && entry.code != Code::Success.number()) {
        looked_at += 1;
        let now = judge_now(config, entry);
        would_pass += usize::from(now.passes);
        if json {
            let mut line = as_json(entry);
            line["would_pass"] = json!(now.passes);
            line["now"] = json!(now.verdict);
            out!("{line}");
        } else if now.passes {
            out!("{}\n        now: {}", as_line(entry), now.verdict);
        }
        given_up += usize::from(now.passes && has_given_up(entry));
    }
    match would_pass {
        0 => eprintln!("none of {looked_at} refused pushes would be accepted now"),
        _ => eprintln!(
            "{would_pass} of {looked_at} refused pushes would be accepted now; WeChat's next repeat brings them in"
        ),
    }
    if given_up > 0 {
        eprintln!(
            "{given_up} of them WeChat has given up by now: ask it to push them again, or settle by hand"
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn has_given_up(entry: &Entry) -> bool {
    // Both are written alike, so that they compare as texts.
    entry.gives_up_at.as_deref().is_some_and(|at| at < stamp(clock::now()).as_str())
}

/// What would become of a refused request now.
struct Now {
    passes: bool,
    verdict: String,
}

fn judge_now(config: &Config, entry: &Entry) -> Now {
    let refused = |verdict: String| Now { passes: false, verdict };
    if [Code::TooLarge.number(), Code::Slow.number()].contains(&entry.code) {
        return refused("it was not kept whole and cannot be judged again".into());
    }
    let Some(app) = config.apps.iter().find(|config| config.app.slug.as_str() == entry.app) else {
        return refused("no app of this name is configured".into());
    };
    let Some(channel) = Channel::in_url(&entry.channel) else {
        return refused("there is no channel of this name".into());
    };
    let query: UrlQuery = serde_json::from_str(&entry.query).unwrap_or_default();
    match receive(&app.app, app.app.channel(channel), &query, &entry.body, clock::now()) {
        Err(refusal) => refused(refusal.message),
        Ok(received) => match received.matter {
            Matter::Fact { push, .. } => {
                Now { passes: true, verdict: format!("accepted as {}", name(&push)) }
            }
            Matter::RoleQuery(_) => Now { passes: true, verdict: "answered as a role list query".into() },
            Matter::Quarantine { reason, .. } => refused(format!("held in quarantine: {}", reason.code())),
            Matter::Mock { .. } | Matter::Preview | Matter::Ignored | Matter::NoEvent => {
                Now { passes: true, verdict: "answered, nothing to record".into() }
            }
        },
    }
}

fn name(push: &Push) -> &'static str {
    match push {
        Push::Goods(_) => "goods",
        Push::Coins(_) => "coins",
        Push::Refund(_) => "a refund",
        Push::Gift(_) => "a gift",
    }
}
