//! The directory of roles as the read model `roles` knows it, and only once that knows of everything that was
//! recorded before it was asked: behind, it does not tell, for a list that lacks a role would be wrong.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;

use super::roles::{DirectoryError, RoleDirectory};
use crate::domain::app::AppSlug;
use crate::domain::environment::Environment;
use crate::domain::id::OpenId;
use crate::domain::role::{PlayedRole, RoleFields};
use crate::projector::{AskError, Projector, Question};
use crate::store::EventStore;
use crate::table::json::Rows;
use crate::{clock, limits};

pub struct RolesReadModel {
    pub projector: Arc<Projector>,
    pub log: Arc<dyn EventStore>,
}

/// A row of the query `roles/recent`.
#[derive(Deserialize)]
struct Row {
    role_id: String,
    role_name: String,
    zones: Vec<RowZone>,
    midas_zone_id: String,
    attach: Option<String>,
    played_at: chrono::DateTime<chrono::Utc>,
}

#[derive(Deserialize)]
struct RowZone {
    zone_id: String,
    zone_name: String,
}

#[async_trait]
impl RoleDirectory for RolesReadModel {
    async fn recent(
        &self,
        app: &AppSlug,
        env: Environment,
        open_id: &OpenId,
        at_most: u32,
    ) -> Result<Vec<PlayedRole>, DirectoryError> {
        let parameters = [
            ("app".to_owned(), app.to_string()),
            ("env".to_owned(), env.to_string()),
            ("open_id".to_owned(), open_id.to_string()),
            ("limit".to_owned(), at_most.to_string()),
        ];
        let min_position = self.log.end().await.map_err(|fault| DirectoryError::Failed(fault.to_string()))?;
        let question = Question {
            projection: "roles",
            query: "recent",
            parameters: &parameters,
            as_of: clock::now(),
            min_position,
            wait: limits::ROLES_POSITION_WAIT,
        };
        let answer = self.projector.ask_urgently(&question).await.map_err(|error| match error {
            AskError::NotBuilt { .. } | AskError::Behind { .. } | AskError::UnknownProjection { .. } => {
                DirectoryError::NotReady
            }
            other => DirectoryError::Failed(other.to_string()),
        })?;
        let failed = |error: serde_json::Error| DirectoryError::Failed(error.to_string());
        let rows = serde_json::to_value(Rows(&answer.table)).map_err(failed)?;
        let rows: Vec<Row> = serde_json::from_value(rows).map_err(failed)?;
        rows.into_iter().map(role).collect()
    }
}

fn role(row: Row) -> Result<PlayedRole, DirectoryError> {
    let zones = row.zones.into_iter().map(|zone| (zone.zone_id, zone.zone_name)).collect();
    let Row { role_id, role_name, midas_zone_id, attach, played_at, .. } = row;
    let fields = RoleFields { role_id, role_name, zones, midas_zone_id, attach, played_at };
    PlayedRole::new(fields).map_err(|error| DirectoryError::Failed(error.to_string()))
}
