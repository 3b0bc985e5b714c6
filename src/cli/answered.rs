//! Shows what became of something that was asked, and says with which exit code the command ends.

use std::process::ExitCode;

use super::admin_client::Refusal;

/// Shows an answer, or why there is none.
pub fn told<T: serde::Serialize>(
    answered: Result<T, Refusal>,
    json: bool,
    tell: impl FnOnce(&T),
) -> anyhow::Result<ExitCode> {
    match answered {
        Ok(done) if json => out!("{}", serde_json::to_string(&done)?),
        Ok(done) => tell(&done),
        Err(refusal) => {
            if json {
                out!("{}", serde_json::to_string(&refusal)?);
            }
            eprintln!("{}", refusal.in_options());
            return Ok(refusal.exit().into());
        }
    }
    Ok(ExitCode::SUCCESS)
}
