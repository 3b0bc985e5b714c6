//! Who asks, and what he may do: bearer tokens of 256 bits, known by their SHA-256 only, with a role, an
//! optional app and an expiry.

use axum::http::{HeaderMap, header};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::{AccessToken, Role};
use crate::domain::app::AppSlug;

/// What can be allowed beside asking named questions, which say themselves whom they answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Read what is to be granted.
    Deliveries,
    /// Say that something was granted, refused or revoked.
    Grant,
    /// Tell of players' roles.
    ReportRoles,
    /// See which projections there are and how far they have come.
    Projections,
    /// Find an id wherever it may be.
    LookUp,
    /// Take lists away as CSV and XLSX.
    Export,
    /// Build a projection anew.
    Rebuild,
    /// Decide about pushes in quarantine.
    Decide,
    /// Take the reconciliation's report away, also one that is filed.
    Report,
    /// Import bill files, and declare days to have none.
    ImportBills,
    /// Resolve cases and open them again.
    JudgeCases,
    /// Propose orders that no push brought, approve and withdraw them.
    RecoverOrders,
    /// Prepare and close periods.
    ClosePeriods,
    /// Open closed periods again.
    ReopenPeriods,
    /// Seal the log now.
    Seal,
    /// See its seals.
    Seals,
}

/// What each role may do. Whom a named question answers stands in its header; audit and admin may ask all.
const MAY: [(Role, &[Permission]); 5] = [
    (
        Role::Game,
        &[Permission::Deliveries, Permission::Grant, Permission::ReportRoles, Permission::Projections],
    ),
    (Role::Support, &[Permission::LookUp, Permission::Projections]),
    (
        Role::Finance,
        &[
            Permission::Export,
            Permission::Projections,
            Permission::Report,
            Permission::ImportBills,
            Permission::JudgeCases,
            Permission::RecoverOrders,
            Permission::ClosePeriods,
            Permission::Seals,
        ],
    ),
    (
        Role::Audit,
        &[
            Permission::Deliveries,
            Permission::LookUp,
            Permission::Export,
            Permission::Projections,
            Permission::Report,
            Permission::Seal,
            Permission::Seals,
        ],
    ),
    (
        Role::Admin,
        &[
            Permission::Deliveries,
            Permission::Grant,
            Permission::ReportRoles,
            Permission::Projections,
            Permission::LookUp,
            Permission::Export,
            Permission::Rebuild,
            Permission::Decide,
            Permission::Report,
            Permission::ImportBills,
            Permission::JudgeCases,
            Permission::RecoverOrders,
            Permission::ClosePeriods,
            Permission::ReopenPeriods,
            Permission::Seal,
            Permission::Seals,
        ],
    ),
];

/// Why somebody is not let in, or may not do this.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AccessError {
    #[error("send an access token: Authorization: Bearer olt_…")]
    Missing,
    #[error("this access token is not known")]
    Unknown,
    #[error("the access token {0:?} has expired")]
    Expired(String),
    #[error("too many access tokens were refused; wait before the next try")]
    TooManyFailures,
    #[error("the access token {name:?} has the role {has}, which may not do this; it needs {needed}")]
    Role { name: String, has: &'static str, needed: String },
    #[error("the access token {name:?} is for the app {scope} only")]
    OtherApp { name: String, scope: AppSlug },
    #[error("the access token {name:?} is for the app {scope} only, and this is about all apps")]
    AllApps { name: String, scope: AppSlug },
}

pub struct Access {
    tokens: Vec<AccessToken>,
}

/// Somebody whose token was valid when he asked.
#[derive(Clone, Debug)]
pub struct Holder {
    token: AccessToken,
}

impl Access {
    pub fn new(tokens: &[AccessToken]) -> Self {
        Self { tokens: tokens.to_vec() }
    }

    /// Who sends these headers.
    pub fn holder(&self, headers: &HeaderMap, now: DateTime<Utc>) -> Result<Holder, AccessError> {
        let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer ")).ok_or(AccessError::Missing)?;
        let sha256 = Sha256::digest(token.trim().as_bytes());
        self.valid(sha256.as_slice(), now).map(|token| Holder { token: token.clone() })
    }

    /// Whether the token is valid still, for those who stay connected.
    pub fn is_still(&self, holder: &Holder, now: DateTime<Utc>) -> bool {
        let token = self.valid(&holder.token.token_sha256, now);
        token.is_ok_and(|token| token.role == holder.token.role && token.app == holder.token.app)
    }

    fn valid(&self, sha256: &[u8], now: DateTime<Utc>) -> Result<&AccessToken, AccessError> {
        let known = |known: &&AccessToken| bool::from(known.token_sha256.ct_eq(sha256));
        let token = self.tokens.iter().find(known).ok_or(AccessError::Unknown)?;
        match token.expires {
            Some(expires) if expires <= now => Err(AccessError::Expired(token.name.clone())),
            _ => Ok(token),
        }
    }
}

impl Holder {
    /// The token's name: who did something, for the log.
    pub fn name(&self) -> &str {
        &self.token.name
    }

    /// The only app it may see.
    pub fn scope(&self) -> Option<&AppSlug> {
        self.token.app.as_ref()
    }

    /// Support sees players masked.
    pub fn sees_open_ids(&self) -> bool {
        self.token.role != Role::Support
    }

    pub fn may(&self, permission: Permission) -> Result<(), AccessError> {
        if allowed(self.token.role).contains(&permission) {
            return Ok(());
        }
        let able = Role::WORDS.into_iter().filter(|(_, role)| allowed(*role).contains(&permission));
        Err(self.lacks(able.map(|(word, _)| word)))
    }

    /// Whether a question for these roles is answered. Audit and admin may ask everything.
    pub fn may_ask(&self, roles: &[Role]) -> Result<(), AccessError> {
        let always = [Role::Audit, Role::Admin];
        if always.contains(&self.token.role) || roles.contains(&self.token.role) {
            return Ok(());
        }
        Err(self.lacks(roles.iter().chain(&always).map(|role| role.as_str())))
    }

    fn lacks(&self, able: impl Iterator<Item = &'static str>) -> AccessError {
        let needed = able.collect::<Vec<_>>().join(" or ");
        AccessError::Role { name: self.token.name.clone(), has: self.token.role.as_str(), needed }
    }

    pub fn may_see(&self, app: &AppSlug) -> Result<(), AccessError> {
        match self.scope() {
            Some(scope) if scope != app => {
                Err(AccessError::OtherApp { name: self.token.name.clone(), scope: scope.clone() })
            }
            _ => Ok(()),
        }
    }

    pub fn may_see_all_apps(&self) -> Result<(), AccessError> {
        match self.scope() {
            Some(scope) => Err(AccessError::AllApps { name: self.token.name.clone(), scope: scope.clone() }),
            None => Ok(()),
        }
    }
}

fn allowed(role: Role) -> &'static [Permission] {
    MAY.iter().find(|(of, _)| *of == role).map_or(&[], |(_, permissions)| *permissions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    fn token(name: &str, role: Role, app: Option<&str>, expires: Option<DateTime<Utc>>) -> AccessToken {
        let token_sha256 = Sha256::digest(name).into();
        let app = app.map(|app| AppSlug::parse(app).unwrap());
        AccessToken { name: name.into(), role, token_sha256, app, expires }
    }

    fn holder(role: Role, app: Option<&str>) -> Holder {
        Holder { token: token("it", role, app, None) }
    }

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn each_role_may_do_what_it_is_for_and_nothing_else() {
        use Permission::{
            ClosePeriods, Decide, Deliveries, Export, Grant, ImportBills, JudgeCases, LookUp, Projections,
            Rebuild, RecoverOrders, ReopenPeriods, Report, ReportRoles, Seal, Seals,
        };
        use Role::{Admin, Audit, Finance, Game, Support};
        for (permission, roles) in [
            (Deliveries, &[Game, Audit, Admin][..]),
            (Grant, &[Game, Admin]),
            (ReportRoles, &[Game, Admin]),
            (Projections, &[Game, Support, Finance, Audit, Admin]),
            (LookUp, &[Support, Audit, Admin]),
            (Export, &[Finance, Audit, Admin]),
            (Rebuild, &[Admin]),
            (Decide, &[Admin]),
            (Report, &[Finance, Audit, Admin]),
            (ImportBills, &[Finance, Admin]),
            (JudgeCases, &[Finance, Admin]),
            (RecoverOrders, &[Finance, Admin]),
            (ClosePeriods, &[Finance, Admin]),
            (ReopenPeriods, &[Admin]),
            (Seal, &[Audit, Admin]),
            (Seals, &[Finance, Audit, Admin]),
        ] {
            for (_, role) in Role::WORDS {
                let may = holder(role, None).may(permission).is_ok();
                assert_eq!(may, roles.contains(&role), "{role:?} {permission:?}");
            }
        }
        let refused = holder(Support, None).may(Grant).unwrap_err().to_string();
        assert!(refused.contains("role support") && refused.contains("game or admin"), "{refused}");
    }

    #[test]
    fn a_question_answers_the_roles_of_its_header_and_audit_and_admin() {
        for (role, may) in [
            (Role::Game, false),
            (Role::Support, true),
            (Role::Finance, false),
            (Role::Audit, true),
            (Role::Admin, true),
        ] {
            assert_eq!(holder(role, None).may_ask(&[Role::Support]).is_ok(), may, "{role:?}");
        }
    }

    #[test]
    fn a_token_for_one_app_sees_no_other_and_nothing_about_all() {
        let app = |slug: &str| AppSlug::parse(slug).unwrap();
        let (scoped, free) = (holder(Role::Admin, Some("demo")), holder(Role::Admin, None));
        assert!(scoped.may_see(&app("demo")).is_ok() && scoped.may_see(&app("other")).is_err());
        assert!(free.may_see(&app("demo")).is_ok() && free.may_see(&app("other")).is_ok());
        assert!(scoped.may_see_all_apps().is_err() && free.may_see_all_apps().is_ok());
    }

    #[test]
    fn a_token_holds_until_it_expires_and_no_longer_than_the_configuration_says() {
        let access =
            Access::new(&[token("a", Role::Game, None, Some(at(10))), token("b", Role::Game, None, None)]);
        let name =
            |header: &str, second| access.holder(&headers(header), at(second)).map(|it| it.name().to_owned());
        assert_eq!(name("Bearer a", 9), Ok("a".into()));
        assert_eq!(name("Bearer a", 10), Err(AccessError::Expired("a".into())));
        assert_eq!(name("Bearer b", 10), Ok("b".into()));
        assert_eq!(name("Bearer c", 0), Err(AccessError::Unknown));
        assert_eq!(name("Bearer ", 0), Err(AccessError::Unknown));
        assert_eq!(name("Basic a", 0), Err(AccessError::Missing));
        assert_eq!(access.holder(&HeaderMap::new(), at(0)).unwrap_err(), AccessError::Missing);
        let a = access.holder(&headers("Bearer a"), at(0)).unwrap();
        assert!(access.is_still(&a, at(9)) && !access.is_still(&a, at(10)));
        let other_role = Access::new(&[token("a", Role::Support, None, None)]);
        assert!(!other_role.is_still(&a, at(0)) && !Access::new(&[]).is_still(&a, at(0)));
    }
}
