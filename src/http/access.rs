//! Who asks: bearer tokens of 256 bits, known by their SHA-256 only, with a role, an optional app and an
//! expiry.

use axum::http::{HeaderMap, header};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::{AccessToken, Role};

pub struct Access {
    tokens: Vec<AccessToken>,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AccessError {
    #[error("send an access token: Authorization: Bearer olt_…")]
    Missing,
    #[error("this access token is not known")]
    Unknown,
    #[error("the access token {0:?} has expired")]
    Expired(String),
    #[error("the access token {name:?} has not the role this needs ({needed})")]
    Role { name: String, needed: &'static str },
}

impl Access {
    pub fn new(tokens: &[AccessToken]) -> Self {
        Self { tokens: tokens.to_vec() }
    }

    /// The name of the token's holder, where the token is valid now.
    fn holder(&self, headers: &HeaderMap, now: DateTime<Utc>) -> Result<&AccessToken, AccessError> {
        let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer ")).ok_or(AccessError::Missing)?;
        let sha256 = Sha256::digest(token.trim().as_bytes());
        let known = |known: &&AccessToken| bool::from(known.token_sha256.ct_eq(sha256.as_slice()));
        let holder = self.tokens.iter().find(known).ok_or(AccessError::Unknown)?;
        match holder.expires {
            Some(expires) if expires <= now => Err(AccessError::Expired(holder.name.clone())),
            _ => Ok(holder),
        }
    }

    /// The name of an administrator who may decide for every app.
    pub fn administrator(&self, headers: &HeaderMap, now: DateTime<Utc>) -> Result<String, AccessError> {
        let holder = self.holder(headers, now)?;
        if holder.role == Role::Admin && holder.app.is_none() {
            Ok(holder.name.clone())
        } else {
            Err(AccessError::Role { name: holder.name.clone(), needed: "admin, for all apps" })
        }
    }
}
