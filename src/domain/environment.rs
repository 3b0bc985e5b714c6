//! Production or sandbox: which of an app's two worlds an order belongs to.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Environment {
    Production,
    Sandbox,
}

impl Environment {
    pub const ALL: [Self; 2] = [Self::Production, Self::Sandbox];

    /// `Env` as WeChat writes it: 0 production, 1 sandbox, nothing else.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|env| env.number() == number)
    }

    pub fn number(self) -> i64 {
        match self {
            Self::Production => 0,
            Self::Sandbox => 1,
        }
    }

    pub fn other(self) -> Self {
        match self {
            Self::Production => Self::Sandbox,
            Self::Sandbox => Self::Production,
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Production => "production",
            Self::Sandbox => "sandbox",
        })
    }
}
