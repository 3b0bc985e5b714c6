//! `order-ledger token new`: makes an access token and shows it once.

use std::process::ExitCode;

use anyhow::ensure;
use chrono::{DateTime, Utc};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::json;

use super::fresh;
use crate::clock;
use crate::config::{Role, check_name, parse_expires};
use crate::domain::app::AppSlug;

#[derive(clap::Args)]
pub struct Args {
    /// What the token may do
    #[arg(long, value_parser = role_parser())]
    role: Role,
    /// Whose token it is, for the log [default: the role]
    #[arg(long)]
    name: Option<String>,
    /// Limit it to one app
    #[arg(long, value_name = "SLUG", value_parser = AppSlug::parse)]
    app: Option<AppSlug>,
    /// The last day it holds (yyyy-mm-dd, Beijing), or a time (RFC 3339)
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    expires: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn role_parser() -> impl TypedValueParser<Value = Role> {
    let words = PossibleValuesParser::new(Role::WORDS.map(|(word, _)| word));
    words.try_map(|word| Role::parse(&word).ok_or("no such role"))
}

fn parse_date(text: &str) -> Result<String, &'static str> {
    match parse_expires(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("write a day such as 2027-12-31 or a time such as 2027-12-31T18:00:00+08:00"),
    }
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let name = args.name.as_deref().unwrap_or(args.role.as_str());
    let named = check_name(name);
    ensure!(named.is_ok(), "--name: {}", named.err().unwrap_or_default());
    let over = args.expires.as_deref().filter(|text| is_over(text, clock::now()));
    ensure!(over.is_none(), "--expires: {} is over: name a day or a time to come", over.unwrap_or_default());
    let access = fresh::access_token()?;
    let section = section(name, &args, &access.sha256);
    if args.json {
        out!("{:#}", json!({ "name": name, "token": access.token, "config": section }));
    } else {
        out!("The token, shown only now:\n\n{}\n", access.token);
        out!("Add this to the configuration and reload it:\n\n{section}");
    }
    Ok(ExitCode::SUCCESS)
}

fn is_over(expires: &str, now: DateTime<Utc>) -> bool {
    parse_expires(expires).is_some_and(|end| end <= now)
}

fn section(name: &str, args: &Args, sha256: &str) -> String {
    let mut section =
        format!("[access.{name}]\nrole = \"{}\"\ntoken_sha256 = \"{sha256}\"\n", args.role.as_str());
    if let Some(app) = &args.app {
        section.push_str(&format!("app = \"{app}\"\n"));
    }
    if let Some(expires) = &args.expires {
        section.push_str(&format!("expires = \"{expires}\"\n"));
    }
    section
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const APP: &str = "[app.demo]\napp_id = \"wxdemo\"\ntokens = [{ value = \"Token\" }]\n\
                       sandbox_keys = [{ value = \"key\" }]\n";

    #[test]
    fn the_section_it_prints_is_one_the_configuration_accepts() {
        let app = Some(AppSlug::parse("demo").unwrap());
        let expires = Some("2027-12-31".to_owned());
        let args = Args { role: Role::Finance, name: None, app: app.clone(), expires, json: false };
        let access = fresh::access_token().unwrap();
        let text = format!("{APP}{}", section("finance-lin", &args, &access.sha256));
        let config = crate::config::read(Path::new("order-ledger.toml"), &text, []).unwrap();
        let token = &config.access[0];
        assert_eq!((token.name.as_str(), token.role, token.app.clone()), ("finance-lin", Role::Finance, app));
        assert_eq!(hex::encode(token.token_sha256), access.sha256);
        assert!(token.expires.is_some());
    }

    #[test]
    fn a_day_that_is_over_in_beijing_is_no_last_day() {
        let now = DateTime::parse_from_rfc3339("2026-11-20T16:00:00Z").unwrap().to_utc();
        for (expires, over) in [
            ("2026-11-20", true),
            ("2026-11-21", false),
            ("2026-11-21T00:00:00+08:00", true),
            ("2026-11-20T16:00:01Z", false),
        ] {
            assert_eq!(is_over(expires, now), over, "{expires}");
        }
    }
}
