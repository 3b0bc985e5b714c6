//! Answers WeChat's question for a player's roles: from the ledger's directory, or from the game's own
//! server. Where neither can tell, the answer is a failure, never an empty list.

use async_trait::async_trait;
use tracing::warn;

use super::Service;
use super::game_server::GameServerError;
use crate::domain::app::AppSlug;
use crate::domain::environment::Environment;
use crate::domain::id::OpenId;
use crate::domain::push::RoleQuery;
use crate::domain::role::PlayedRole;
use crate::limits;
use crate::wechat::{Answer, App, Code};

/// Knows the roles that games have reported.
#[async_trait]
pub trait RoleDirectory: Send + Sync {
    /// The player's roles in this environment, most recently played first. An empty list means that none
    /// was reported.
    async fn recent(
        &self,
        app: &AppSlug,
        env: Environment,
        open_id: &OpenId,
        at_most: u32,
    ) -> Result<Vec<PlayedRole>, DirectoryError>;
}

/// Why a directory cannot tell.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    #[error("the directory of roles is not ready")]
    NotReady,
    #[error("the directory of roles cannot be read: {0}")]
    Failed(String),
}

#[derive(Debug, thiserror::Error)]
enum RolesError {
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error("the directory of roles did not answer within {} ms", limits::ROLES_WAIT.as_millis())]
    Slow,
    #[error("the game's server: {0}")]
    GameServer(#[from] GameServerError),
}

/// The answer to a verified query; its environment is that of the key that verified it.
pub async fn answer(service: &Service, app: &App, query: &RoleQuery) -> Answer {
    match find(service, app, query).await {
        Ok(roles) => Answer::roles(roles, query.need_role_num),
        Err(error) => {
            warn!(app = %app.slug, env = %query.env, %error, "a role list could not be answered");
            Answer::failure(Code::RolesUnavailable, "the roles cannot be told now, ask again")
        }
    }
}

async fn find(service: &Service, app: &App, query: &RoleQuery) -> Result<Vec<PlayedRole>, RolesError> {
    if let Some(server) = service.keys.load().game_server(&app.slug) {
        return Ok(server.roles(&app.slug, query).await?);
    }
    look_up(service.roles.as_ref(), &app.slug, query).await
}

async fn look_up(
    directory: &dyn RoleDirectory,
    app: &AppSlug,
    query: &RoleQuery,
) -> Result<Vec<PlayedRole>, RolesError> {
    let asked = directory.recent(app, query.env, &query.open_id, query.need_role_num);
    let told = tokio::time::timeout(limits::ROLES_WAIT, asked).await;
    Ok(told.map_err(|_| RolesError::Slow)??)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples;

    /// Never tells anything.
    struct NoDirectory;

    #[async_trait]
    impl RoleDirectory for NoDirectory {
        async fn recent(
            &self,
            _: &AppSlug,
            _: Environment,
            _: &OpenId,
            _: u32,
        ) -> Result<Vec<PlayedRole>, DirectoryError> {
            Err(DirectoryError::NotReady)
        }
    }

    /// Knows one role of one player, and never answers for the sandbox.
    struct Known(OpenId);

    #[async_trait]
    impl RoleDirectory for Known {
        async fn recent(
            &self,
            _: &AppSlug,
            env: Environment,
            open_id: &OpenId,
            at_most: u32,
        ) -> Result<Vec<PlayedRole>, DirectoryError> {
            match env {
                Environment::Production if *open_id == self.0 && at_most == 7 => Ok(vec![samples::role()]),
                Environment::Production => Ok(vec![]),
                Environment::Sandbox => std::future::pending().await,
            }
        }
    }

    #[tokio::test]
    async fn the_directory_is_asked_for_the_player_of_the_query_and_given_up_when_it_is_slow() {
        let app = AppSlug::parse("demo").unwrap();
        let open_id = OpenId::parse("oTest").unwrap();
        let known = Known(open_id.clone());
        let query = |env| RoleQuery { env, open_id: open_id.clone(), need_role_num: 7 };
        let told = look_up(&known, &app, &query(Environment::Production)).await;
        assert_eq!(told.unwrap(), [samples::role()]);
        let slow = look_up(&known, &app, &query(Environment::Sandbox)).await.unwrap_err();
        assert_eq!(slow.to_string(), "the directory of roles did not answer within 1500 ms");
        let none = look_up(&NoDirectory, &app, &query(Environment::Production)).await.unwrap_err();
        assert_eq!(none.to_string(), "the directory of roles is not ready");
    }
}
