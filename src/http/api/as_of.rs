//! `as_of`: a question about the past, named by a position or a moment.

use super::error::ApiError;
use super::extract::{Params, wrong_parameter};
use super::present;
use crate::http::Service;
use crate::projector::past::{AsOf, AsOfError, Reach, StateOf};
use crate::store::Position;
use crate::{clock, limits, moment};

/// Which state a question is about.
#[derive(Clone, Copy, Default)]
pub struct Wanted {
    /// It must know of this.
    pub min_position: Option<Position>,
    /// Without it: the state of now.
    pub as_of: Option<AsOf>,
}

impl Wanted {
    /// What the parameters `min_position` and `as_of` say.
    pub fn taken(params: &mut Params) -> Result<Self, ApiError> {
        let min_position = present::min_position(params)?;
        Ok(Self { min_position, ..Self::as_of_alone(params)? })
    }

    /// What `as_of` says, where `min_position` is not taken.
    pub fn as_of_alone(params: &mut Params) -> Result<Self, ApiError> {
        let must = "a position, or a moment such as 2026-02-01T00:00:00Z";
        Ok(Self { min_position: None, as_of: params.take_as("as_of", must, as_of)? })
    }

    /// The state that `as_of` means; `None` without it. The positions must lie within the log.
    pub async fn state(&self, service: &Service) -> Result<Option<StateOf>, ApiError> {
        let Some(as_of) = self.as_of else { return Ok(None) };
        let state = service.projector.state_of(as_of, clock::now(), limits::QUERY_POSITION_WAIT).await?;
        if state.reach != Reach::Open && self.min_position > state.until {
            let until = state.until.map_or(0, Position::number);
            let problem =
                format!("means position {until}, which lies before min_position: leave one of them out");
            return Err(wrong_parameter("as_of", problem));
        }
        Ok(Some(state))
    }
}

fn as_of(text: &str) -> Option<AsOf> {
    let position = present::position(text).map(AsOf::Position);
    position.or_else(|| moment::parse_stamp(text).map(AsOf::Moment).ok())
}

impl From<AsOfError> for ApiError {
    fn from(error: AsOfError) -> Self {
        match error {
            AsOfError::Outside { .. } | AsOfError::NoEvent(_) | AsOfError::Unreadable(_) => {
                wrong_parameter("as_of", error)
            }
            AsOfError::Ask(error) => error.into(),
        }
    }
}
