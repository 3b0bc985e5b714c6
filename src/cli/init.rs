//! `order-ledger init`: writes a configuration with fresh secrets, and says what to paste where.

use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::builder::PossibleValuesParser;
use serde_json::json;

use super::simulate::DEMO_APP_KEY;
use super::{ConfigFile, fresh};
use crate::config::{self, ConfigErrors, TO_FILL_IN};
use crate::domain::app::AppSlug;
use crate::domain::bill::MerchantId;

const TEMPLATE: &str = include_str!("init.toml");
/// Stands in the template where the key of the seals is named.
const SEAL: &str = "@SEAL@";
const SEAL_KEY_EXTENSION: &str = "seal.key";
const TOKEN_CHARS: usize = 32;
const ENCODING_AES_KEY_CHARS: usize = 43;
const DEMO_APP_KEY_CHARS: usize = 32;
/// WeChat Pay's own example.
const DEMO_MERCHANT: &str = "1900000109";

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigFile,
    /// The app's name in URLs and streams: 1 to 32 of a-z and 0-9
    #[arg(long, value_name = "SLUG", default_value = "demo", value_parser = AppSlug::parse)]
    app: AppSlug,
    /// The AppID from WeChat's console
    #[arg(long, value_name = "wx…")]
    app_id: Option<String>,
    /// The original id from WeChat's console
    #[arg(long, value_name = "gh_…")]
    original_id: Option<String>,
    /// How WeChat reaches the push listener
    #[arg(long, value_name = "https://…")]
    public_url: Option<String>,
    /// The number at WeChat Pay (商户号) of the merchant whom the app's orders are paid to
    #[arg(long, value_name = "NUMBER", value_parser = MerchantId::parse)]
    merchant: Option<MerchantId>,
    /// The mode of message push chosen in WeChat's console
    #[arg(long, default_value = "plain", value_parser = PossibleValuesParser::new(["plain", "compatible", "security"]))]
    mode: String,
    /// Invent AppKeys too, so that the server and the simulator work at once
    #[arg(long)]
    demo: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What was invented.
struct Secrets {
    token: String,
    encoding_aes_key: String,
    production_key: String,
    sandbox_key: String,
    operator: fresh::AccessToken,
}

impl Secrets {
    fn invent(with_app_keys: bool) -> anyhow::Result<Self> {
        let app_key = || -> anyhow::Result<String> {
            if !with_app_keys {
                return Ok(TO_FILL_IN.to_owned());
            }
            Ok(format!("{DEMO_APP_KEY}{}", fresh::letters_and_digits(DEMO_APP_KEY_CHARS)?))
        };
        Ok(Self {
            token: fresh::letters_and_digits(TOKEN_CHARS)?,
            encoding_aes_key: fresh::letters_and_digits(ENCODING_AES_KEY_CHARS)?,
            production_key: app_key()?,
            sandbox_key: app_key()?,
            operator: fresh::access_token()?,
        })
    }
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let secrets = Secrets::invent(args.demo)?;
    let path = &args.config.path;
    let text = file_text(&args, &secrets)?;
    // Its file is written when all else is right.
    check(path, &text.replace(SEAL, ""))?;
    let seal_key = path.with_extension(SEAL_KEY_EXTENSION);
    let name = seal_key.file_name().unwrap_or_default().to_string_lossy().into_owned();
    write_new(path, &text.replace(SEAL, &format!("key_file = {}", quoted(&name))))?;
    write_seal_key(&seal_key)?;
    print_result(&args, &secrets, &seal_key);
    Ok(ExitCode::SUCCESS)
}

fn file_text(args: &Args, secrets: &Secrets) -> anyhow::Result<String> {
    let app_id = match &args.app_id {
        Some(app_id) => app_id.clone(),
        None if args.demo => format!("wx{}", fresh::hex_digits(16)?),
        None => TO_FILL_IN.to_owned(),
    };
    // The values for the template's `@NAME@`, each written as TOML.
    let values = [
        ("@PUBLIC_URL@", optional("public_url", args.public_url.as_deref(), "https://pay.example.com")),
        ("@MERCHANT@", merchant(args)),
        ("@SLUG@", args.app.to_string()),
        ("@APP_ID@", quoted(&app_id)),
        ("@ORIGINAL_ID@", optional("original_id", args.original_id.as_deref(), "gh_…")),
        ("@MODE@", quoted(&args.mode)),
        ("@TOKEN@", quoted(&secrets.token)),
        ("@ENCODING_AES_KEY@", quoted(&secrets.encoding_aes_key)),
        ("@PRODUCTION_KEY@", quoted(&secrets.production_key)),
        ("@SANDBOX_KEY@", quoted(&secrets.sandbox_key)),
        ("@OPERATOR_SHA256@", quoted(&secrets.operator.sha256)),
    ];
    let mut text = TEMPLATE.to_owned();
    for (name, value) in values {
        text = text.replace(name, &value);
    }
    Ok(text)
}

/// A section that stays there as a comment where the number is not known.
fn merchant(args: &Args) -> String {
    let section = |number: &str| format!("[merchant.{number}]\napps = [\"@SLUG@\"]");
    match &args.merchant {
        Some(number) => section(number.as_str()),
        None if args.demo => section(DEMO_MERCHANT),
        None => section(DEMO_MERCHANT).lines().map(|line| format!("# {line}")).collect::<Vec<_>>().join("\n"),
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A key without a value stays there as a comment.
fn optional(key: &str, value: Option<&str>, example: &str) -> String {
    match value {
        Some(value) => format!("{key} = {}", quoted(value)),
        None => format!("# {key} = {}", quoted(example)),
    }
}

/// What was given on the command line must be right; what is left to be filled in may be.
fn check(path: &Path, text: &str) -> anyhow::Result<()> {
    let Err(ConfigErrors::Problems { file, mut problems }) = config::read(path, text, []) else {
        return Ok(());
    };
    problems.retain(|problem| !problem.to_fill_in);
    if !problems.is_empty() {
        bail!("nothing was written, for this would be wrong:\n{}", ConfigErrors::Problems { file, problems });
    }
    Ok(())
}

fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    match fresh::write_new(path, text) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{} is there already and stays as it is; name another file with --config", path.display())
        }
        written => written.with_context(|| format!("cannot write {}", path.display())),
    }
}

/// The key of the seals, beside the configuration. One that is there is used.
fn write_seal_key(path: &Path) -> anyhow::Result<()> {
    match fresh::write_new(path, &fresh::seal_key()?) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        written => written.with_context(|| format!("cannot write {}", path.display())),
    }
}

fn print_result(args: &Args, secrets: &Secrets, seal_key: &Path) {
    let base = args.public_url.as_deref().unwrap_or("https://YOUR-DOMAIN").trim_end_matches('/');
    let url = format!("{base}/wechat/{}", args.app);
    let file = args.config.path.display().to_string();
    let option = args.config.option();
    let mut next = vec![format!("order-ledger config check{option}"), format!("order-ledger serve{option}")];
    if args.demo {
        next.push(format!("order-ledger simulate{option}"));
    }
    if args.json {
        let result = json!({
            "file": file,
            "app": args.app.as_str(),
            "console": {
                "url": url,
                "token": secrets.token,
                "encoding_aes_key": secrets.encoding_aes_key,
                "mode": args.mode,
                "data_format": "JSON",
            },
            "operator_token": secrets.operator.token,
            "seal_key": seal_key.display().to_string(),
            "next": next,
        });
        out!("{result:#}");
        return;
    }
    out!("Wrote {file}.\n");
    out!("Paste into WeChat's console, message push:");
    out!("  URL             {url}");
    out!("  Token           {}", secrets.token);
    out!("  EncodingAESKey  {}", secrets.encoding_aes_key);
    out!("  Mode            {}", args.mode);
    out!("  Data format     JSON\n");
    out!("The operator's access token, shown only now:\n  {}\n", secrets.operator.token);
    out!("The key that seals the log, in {}: keep a copy elsewhere.\n", seal_key.display());
    if !args.demo {
        out!("Fill in what says {TO_FILL_IN} in {file}: WeChat's console shows it.\n");
    }
    out!("Next:");
    next.iter().for_each(|command| out!("  {command}"));
}

#[cfg(test)]
#[path = "init_tests.rs"]
mod tests;
