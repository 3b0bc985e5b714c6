//! `order-ledger projections`: which read models there are, whether folders of SQL are right, and building
//! them anew.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use serde::{Deserialize, Serialize};

use super::admin_client::{AdminClient, Refusal, TokenSource};
use super::folding::{self, Projections, ReadModels};
use super::{ConfigFile, FOUND_WRONG};
use crate::projector::{Definition, Folder, Listed, Origin, Problems};
use crate::store::sqlite::lock_holder;

#[derive(clap::Subcommand)]
pub enum Command {
    /// The read models, how far they are, and what is wrong with them
    List(List),
    /// Check folders of SQL without running them: each problem with file, line and what to do
    Check(Check),
    /// Build read models from the log anew, beside those that answer
    Rebuild(Rebuild),
}

#[derive(clap::Args)]
pub struct List {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    projections: Projections,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub struct Check {
    #[command(flatten)]
    config: ConfigFile,
    /// A folder with one folder for each projection. Without it: views.projections of the configuration
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// One JSON object a problem
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub struct Rebuild {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    projections: Projections,
    /// Which; without names all
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    token: TokenSource,
}

pub fn run(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    match command {
        Command::List(args) => runtime.block_on(list(args)),
        Command::Check(args) => check(args),
        Command::Rebuild(args) => runtime.block_on(rebuild(args)),
    }
}

/// One line of the list.
#[derive(Serialize)]
struct Line {
    name: String,
    question: String,
    environments: &'static str,
    origin: &'static str,
    version: String,
    state: &'static str,
    problem: Option<String>,
    position: Option<String>,
    bytes: u64,
}

impl Line {
    fn of(listed: &Listed) -> Self {
        let definition = &listed.definition;
        Self {
            name: definition.name.clone(),
            question: definition.question.clone(),
            environments: definition.environments.as_str(),
            origin: match definition.folder.origin {
                Origin::BuiltIn => "built in",
                Origin::User => "yours",
            },
            version: definition.version.chars().take(16).collect(),
            state: listed.status.state.as_str(),
            problem: listed.status.problem(),
            position: listed.position.map(|position| position.to_string()),
            bytes: listed.bytes,
        }
    }
}

async fn list(args: List) -> anyhow::Result<ExitCode> {
    let work = async |models: &ReadModels| {
        let lines: Vec<_> = models.projector.list().iter().map(Line::of).collect();
        Ok((models.log.last().await?, lines, models.has_wrong_folders))
    };
    let (last, lines, has_wrong_folders) = ReadModels::with(&args.config, &args.projections, work).await?;
    for line in &lines {
        if args.json {
            out!("{}", serde_json::to_string(line)?);
            continue;
        }
        let at = line.position.as_deref().unwrap_or("0");
        let end = last.map_or_else(|| "0".to_owned(), |last| last.to_string());
        let (kib, state) = (line.bytes / 1024, line.state);
        out!(
            "{:<16} {state:<9} position {at} of {end}  {kib} KiB  {}, {}",
            line.name,
            line.origin,
            line.environments
        );
        out!("    {}", first_sentence(&line.question));
        if let Some(problem) = &line.problem {
            out!("    {problem}");
        }
    }
    let is_wrong = has_wrong_folders || lines.iter().any(|line| line.problem.is_some());
    Ok(if is_wrong { FOUND_WRONG.into() } else { ExitCode::SUCCESS })
}

fn first_sentence(text: &str) -> &str {
    let end = [". ", "? "].into_iter().filter_map(|mark| text.find(mark)).min();
    end.and_then(|end| text.get(..=end)).unwrap_or(text)
}

#[derive(Serialize)]
struct Told<'a> {
    file: &'a str,
    line: Option<usize>,
    message: &'a str,
    remedy: &'a str,
}

fn check(args: Check) -> anyhow::Result<ExitCode> {
    let dir = match args.dir {
        Some(dir) => Some(dir),
        // Without a configuration too, the program's own folders can be checked.
        None if !args.config.path.exists() => None,
        None => super::load_config(&args.config)?.projections_dir,
    };
    match checked(dir.as_deref()) {
        Ok(definitions) => {
            for definition in definitions
                .iter()
                .filter(|definition| definition.folder.origin == Origin::User || dir.is_none())
            {
                let (events, queries) = (definition.on.len(), definition.queries.len());
                eprintln!("{}: right ({events} events, {queries} queries)", definition.name);
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(problems) => {
            for problem in &problems.0 {
                if args.json {
                    let (file, message) = (problem.file.as_str(), problem.message.as_str());
                    let told = Told { file, line: problem.line, message, remedy: &problem.remedy };
                    out!("{}", serde_json::to_string(&told)?);
                } else {
                    out!("{problem}");
                }
            }
            Ok(FOUND_WRONG.into())
        }
    }
}

/// The program's own folders and those in `dir`, or everything that is wrong with them.
fn checked(dir: Option<&Path>) -> Result<Vec<Arc<Definition>>, Problems> {
    let read = dir.map_or_else(|| Ok((Vec::new(), Problems(Vec::new()))), Folder::read_all);
    let (user, Problems(mut problems)) = read.map_err(|problem| Problems(vec![problem]))?;
    match Definition::check_all(Folder::built_in().into_iter().chain(user).collect()) {
        Ok(definitions) if problems.is_empty() => Ok(definitions),
        Ok(_) => Err(Problems(problems)),
        Err(found) => {
            problems.extend(found.0);
            Err(Problems(problems))
        }
    }
}

async fn rebuild(args: Rebuild) -> anyhow::Result<ExitCode> {
    let config = super::load_config(&args.config)?;
    if let Some(admin) = lock_holder(&config.store_path).and_then(|holder| holder.admin) {
        return rebuild_in_server(admin, &args).await;
    }
    ReadModels::with(&args.config, &args.projections, async |models| {
        if models.is_folded_elsewhere {
            bail!("{} is in use by another process: let it end first", config.views_dir.display());
        }
        rebuild_here(models, &args.names).await
    })
    .await
}

async fn rebuild_here(models: &ReadModels, names: &[String]) -> anyhow::Result<ExitCode> {
    let last = models.log.last().await?;
    let names: Vec<_> = match names {
        [] => models.projector.list().iter().map(|listed| listed.definition.name.clone()).collect(),
        names => names.to_vec(),
    };
    for name in &names {
        models.projector.rebuild(name)?;
    }
    models.catch_up(last).await?;
    let mut failed = false;
    for listed in models.projector.list().iter().filter(|listed| names.contains(&listed.definition.name)) {
        let problem = Line::of(listed).problem;
        failed |= problem.is_some();
        out!("{}: {}", listed.definition.name, problem.unwrap_or_else(|| "is built".into()));
    }
    Ok(if failed { FOUND_WRONG.into() } else { ExitCode::SUCCESS })
}

/// What the server says of a projection.
#[derive(Deserialize)]
struct InServer {
    name: String,
    problem: Option<String>,
    /// Of a build that is under way.
    build_permille: Option<u64>,
}

#[derive(Deserialize)]
struct AllInServer {
    projections: Vec<InServer>,
}

async fn rebuild_in_server(admin: String, args: &Rebuild) -> anyhow::Result<ExitCode> {
    let client = AdminClient::new(admin, &args.token)?;
    let names = match args.names.as_slice() {
        [] => in_server(&client).await?.into_iter().map(|projection| projection.name).collect(),
        names => names.to_vec(),
    };
    for name in &names {
        let path = format!("/v1/projections/{name}/rebuild");
        let begun: Result<serde_json::Value, _> = client.post(&path, &serde_json::json!({})).await?;
        if let Err(refusal) = begun {
            bail!("{name}: {}", refusal.message);
        }
    }
    let bar = folding::thousandths();
    let built = loop {
        let mut all = in_server(&client).await?;
        all.retain(|projection| names.contains(&projection.name));
        match all.iter().filter_map(|projection| projection.build_permille).min() {
            None => break all,
            Some(permille) => bar.set_position(permille),
        }
        tokio::time::sleep(folding::SHOWN_EVERY).await;
    };
    bar.finish_and_clear();
    for InServer { name, problem, .. } in &built {
        out!("{name}: {}", problem.as_deref().unwrap_or("is built"));
    }
    let failed = built.iter().any(|projection| projection.problem.is_some());
    Ok(if failed { FOUND_WRONG.into() } else { ExitCode::SUCCESS })
}

async fn in_server(client: &AdminClient) -> anyhow::Result<Vec<InServer>> {
    let all: Result<AllInServer, Refusal> = client.get("/v1/projections").await?;
    all.map(|all| all.projections).map_err(|refusal| anyhow::anyhow!(refusal.message))
}
