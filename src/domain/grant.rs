//! Whether the game has given what was bought: granted, refused or revoked, and the first word stands.

use super::event::Event;

/// What a game, or a person, says of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantCommand {
    /// The player has what he bought.
    Grant,
    /// He will not get it.
    Refuse,
    /// It was granted, and has been taken back.
    Revoke,
}

/// What stands of an order: who said it, by the access token's name, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Grant {
    /// Nothing has been said yet.
    #[default]
    None,
    Granted {
        by: String,
        reason: Option<String>,
    },
    Refused {
        by: String,
        reason: Option<String>,
    },
    Revoked {
        by: String,
        reason: Option<String>,
    },
}

/// Why a command about an order is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    #[error("no order is delivered under this number")]
    NotFound,
    #[error("WeChat has credited the coins; nothing is to be granted")]
    Coins,
    #[error("it has not been granted, so there is nothing to revoke")]
    NotGranted,
    #[error("it has been granted before, by {by}; that stands until it is revoked")]
    Granted { by: String },
    #[error("it has been refused before, by {by}; that stands")]
    Refused { by: String },
    #[error("it has been revoked before, by {by}; that stands")]
    Revoked { by: String },
}

impl Grant {
    /// The same again changes nothing; what contradicts what stands is refused.
    pub fn decide(
        &self,
        command: GrantCommand,
        by: &str,
        reason: Option<&str>,
    ) -> Result<Option<Event>, GrantError> {
        let (by, reason) = (by.to_owned(), reason.map(str::to_owned));
        match (self, command) {
            (Self::None, GrantCommand::Grant) => Ok(Some(Event::GoodsGranted { by, reason })),
            (Self::None, GrantCommand::Refuse) => Ok(Some(Event::GrantRefused { by, reason })),
            (Self::Granted { .. }, GrantCommand::Revoke) => Ok(Some(Event::GrantRevoked { by, reason })),
            (Self::Granted { .. }, GrantCommand::Grant)
            | (Self::Refused { .. }, GrantCommand::Refuse)
            | (Self::Revoked { .. }, GrantCommand::Revoke) => Ok(None),
            (Self::None, GrantCommand::Revoke) => Err(GrantError::NotGranted),
            (Self::Granted { by, .. }, GrantCommand::Refuse) => Err(GrantError::Granted { by: by.clone() }),
            (Self::Refused { by, .. }, GrantCommand::Grant | GrantCommand::Revoke) => {
                Err(GrantError::Refused { by: by.clone() })
            }
            (Self::Revoked { by, .. }, GrantCommand::Grant | GrantCommand::Refuse) => {
                Err(GrantError::Revoked { by: by.clone() })
            }
        }
    }
}

#[cfg(test)]
#[path = "grant_tests.rs"]
mod tests;
