//! What a player's role is, as it is stored.

use serde::{Deserialize, Serialize};

use super::push_data::{env, id};
use crate::domain::environment::Environment;
use crate::domain::event::Event;
use crate::domain::id::OpenId;
use crate::domain::role::{PlayedRole, RoleFields, Zone};
use crate::moment::{parse_stamp, stamp};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    env: i64,
    open_id: String,
    role_id: String,
    role_name: String,
    /// From large to small.
    zones: Vec<StoredZone>,
    midas_zone_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    attach: Option<String>,
    played_at: String,
    revision: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredZone {
    zone_id: String,
    zone_name: String,
}

impl Role {
    pub fn new(env: Environment, open_id: &OpenId, role: &PlayedRole, revision: u64) -> Self {
        let zone = |zone: &Zone| StoredZone {
            zone_id: zone.zone_id().to_owned(),
            zone_name: zone.zone_name().to_owned(),
        };
        Self {
            env: env.number(),
            open_id: open_id.as_str().to_owned(),
            role_id: role.role_id().to_owned(),
            role_name: role.role_name().to_owned(),
            zones: role.zones().iter().map(zone).collect(),
            midas_zone_id: role.midas_zone_id().to_owned(),
            attach: role.attach().map(str::to_owned),
            played_at: stamp(role.played_at()),
            revision,
        }
    }

    pub fn into_event(self) -> Result<Event, String> {
        let played_at = parse_stamp(&self.played_at).map_err(|error| format!("data: played_at: {error}"))?;
        let role = PlayedRole::new(RoleFields {
            role_id: self.role_id,
            role_name: self.role_name,
            zones: self.zones.into_iter().map(|zone| (zone.zone_id, zone.zone_name)).collect(),
            midas_zone_id: self.midas_zone_id,
            attach: self.attach,
            played_at,
        });
        Ok(Event::RoleReported {
            env: env(self.env)?,
            open_id: id("open_id", OpenId::parse(&self.open_id))?,
            role: role.map_err(|error| format!("data: {error}"))?,
            revision: self.revision,
        })
    }
}
