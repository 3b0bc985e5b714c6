//! Where an id is looked for as of then: the read models as they were. The refused ring is no part of the log and has
//! no past.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Answered, Place, Sources};
use crate::domain::app::AppSlug;
use crate::projector::past::StateOf;
use crate::projector::{AskError, Projector};
use crate::table::Table;

pub struct ReadModelsThen {
    pub projector: Arc<Projector>,
    /// Only what is of this app.
    pub app: Option<AppSlug>,
    pub state: StateOf,
    /// Who asks: one state at a time is folded for him.
    pub by: String,
    pub wait: Duration,
    /// The first question that could not be answered. A verdict about a part of then would be none.
    pub unanswered: Mutex<Option<AskError>>,
}

impl ReadModelsThen {
    /// Why there is no verdict, if there is none.
    pub fn unanswered(self) -> Option<AskError> {
        self.unanswered.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Sources for ReadModelsThen {
    async fn ask(&self, place: &Place, id: &str, as_of: DateTime<Utc>) -> Result<Answered, String> {
        let parameters = place.parameters(id, self.app.as_ref());
        let question = place.question(&parameters, as_of, self.wait);
        match self.projector.ask_as_of(&question, &self.state, &self.by).await {
            Ok(answer) => Ok(Answered {
                position: answer.position.map(|position| position.to_string()),
                problem: answer.stopped.map(|stopped| format!("has stopped before position {stopped}")),
                table: answer.table,
            }),
            Err(error @ (AskError::UnknownProjection { .. } | AskError::UnknownQuery { .. })) => {
                Err(error.to_string())
            }
            Err(error) => {
                let problem = error.to_string();
                self.unanswered.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                Err(problem)
            }
        }
    }

    async fn refused(&self, _: &str) -> Result<Table, String> {
        Err("requests that were refused are no part of the log: they are looked at without as_of only"
            .to_owned())
    }

    fn is_of_then(&self) -> bool {
        true
    }
}
